"""A simulated venue inside a test: its own thread and loop, real ptys, its control API over HTTP, its log."""

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from devices.sim.links import LinkSpec
from devices.sim.plan import load_sim_plan
from devices.sim.venue import Ports, VenueSim


class Simulated:
    """The hands (HTTP control API) and the oracle (wire.jsonl) of one simulated venue."""

    def __init__(self, home: Path, control_port: int, sms_port: int) -> None:
        self.home, self.control_port, self.sms_port = home, control_port, sms_port
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{control_port}", timeout=30.0, trust_env=False)

    def get(self, path: str, **params: Any) -> Any:
        """GET; raises for an error."""
        return self._http.get(path, params=params).raise_for_status().json()

    def post(self, path: str, **body: Any) -> Any:
        """POST; raises for an error."""
        return self._http.post(path, json=body).raise_for_status().json()

    def place(self, reader: str, number: str, name: str = "示例专家 01") -> None:
        """Lay a card on a reader."""
        self.post(f"/readers/{reader}/card", number=number, name=name)

    def take(self, reader: str) -> None:
        """Lift it."""
        self._http.delete(f"/readers/{reader}/card").raise_for_status()

    def fault(self, device: str, **knobs: Any) -> None:
        """Set fault knobs of a device."""
        self.post(f"/devices/{device}/fault", **knobs)

    def log(self) -> list[dict[str, Any]]:
        """Every line of the oracle so far."""
        text = (self.home / "sim" / "wire.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def heard(self, wire: str) -> bytes:
        """All bytes that a device was sent."""
        return b"".join(
            bytes.fromhex(e["hex"]) for e in self.log() if e.get("wire") == wire and e["dir"] == "rx"
        )

    def events(self, event: str) -> list[dict[str, Any]]:
        """Physical events of that name."""
        return [e for e in self.log() if e.get("event") == event]

    def close(self) -> None:
        """Close the HTTP connections."""
        self._http.close()


@contextmanager
def simulated_venue(plan: Path, home: Path, links: Sequence[LinkSpec] = ()) -> Iterator[Simulated]:
    """Play the plan's devices (no cameras) on free ports for the length of the block."""
    started, loop = threading.Event(), asyncio.new_event_loop()
    over: list[asyncio.Event] = []
    made: list[VenueSim] = []

    async def play() -> None:
        sim = VenueSim(load_sim_plan(plan, home), home, Ports(0, 0, None), links)
        over.append(asyncio.Event())
        await sim.start()
        made.append(sim)
        started.set()
        await over[0].wait()
        await sim.stop()

    thread = threading.Thread(target=loop.run_until_complete, args=(play(),), daemon=True)
    thread.start()
    assert started.wait(10), "the simulated venue did not start"
    hands = Simulated(home, made[0].control_port, made[0].sms_port)
    try:
        yield hands
    finally:
        hands.close()
        loop.call_soon_threadsafe(over[0].set)
        thread.join(10)
        loop.close()
