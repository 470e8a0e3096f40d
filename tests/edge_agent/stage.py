"""venue-sim, venue-edge and venue-witness as processes on one home, with an in-test centre."""

import base64
import datetime as dt
import hashlib
import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import httpx
import pyrage
import tomli_w

from contract.clock import SystemClock, stamp
from contract.keys import KeyRing
from edge_agent.keys import Keys
from tests.edge_agent.site import Ca, Centre, Mosquitto, equip, free_port, wait_for

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parents[2]
PERSON = {"name": "示例专家 01", "id_number": "110101196001010011", "phone": "13800000001"}


class Venue:
    """venue-sim, venue-edge and venue-witness as processes on one home."""

    def __init__(self, home: Path, ca: Ca, broker: Mosquitto, centre: Centre) -> None:
        self.home, self.centre = home, centre
        self.sim_port, self.kiosk_port, self.witness_port = free_port(), free_port(), free_port()
        self._sms_port, self._processes = free_port(), dict[str, subprocess.Popen[bytes]]()
        self.edge_keys = equip(ca, home / "edge" / "keys", "V01.edge", KeyRing())
        self.witness_keys = equip(ca, home / "witness" / "keys", "V01.witness", KeyRing())
        self._trust(self.edge_keys, self.witness_keys)
        self._write(broker)
        self.kiosk = httpx.Client(base_url=f"http://127.0.0.1:{self.kiosk_port}", timeout=10, trust_env=False)
        self.sim = httpx.Client(base_url=f"http://127.0.0.1:{self.sim_port}", timeout=30, trust_env=False)

    def _trust(self, *parties: Keys) -> None:
        since = SystemClock().now() - dt.timedelta(hours=1)
        ring = KeyRing([
            self.centre.public,
            self.edge_keys.signing.describe("edge", since), self.witness_keys.signing.describe("witness", since),
        ])  # fmt: skip
        for party in parties:
            party.files.trust.write_text(json.dumps(ring.as_table()))

    def _write(self, broker: Mosquitto) -> None:
        plan = tomllib.loads((ROOT / "config/example/venue.toml").read_text(encoding="utf-8"))
        for device in plan["devices"]:
            device["endpoint"] = device["endpoint"].replace(":8201/", f":{self._sms_port}/")
        (self.home / "venue.toml").write_text(tomli_w.dumps(plan), encoding="utf-8")
        edge = {
            "home": str(self.home), "plan": str(self.home / "venue.toml"), "messages": str(ROOT / "config/messages"),
            "pages": str(self.home / "no-pages"), "centre": {"mqtt_port": broker.port, "url": "https://127.0.0.1:9"},
            "kiosk": {"port": self.kiosk_port}, "witness": {"port": self.witness_port},
            "recorder": {"command": [], "stop_seconds": 1}, "faces": {"enabled": False},
            "checkpoints": {"every_seconds": 2},
        }  # fmt: skip
        witness = {
            "home": str(self.home), "venue": "V01", "centre": {"mqtt_port": broker.port},
            "edge": {"url": f"https://127.0.0.1:{self.witness_port}", "poll_seconds": 0.3},
            "messages": str(ROOT / "config/messages"),
        }  # fmt: skip
        (self.home / "edge.toml").write_text(tomli_w.dumps(edge))
        (self.home / "witness.toml").write_text(tomli_w.dumps(witness))

    def start_sim(self) -> None:
        self._run(
            "venue-sim", "run", "--plan", str(self.home / "venue.toml"), "--home", str(self.home), "--no-cameras",
            "--control-port", str(self.sim_port), "--sms-port", str(self._sms_port),
        )  # fmt: skip
        wait_for(lambda: _answers(self.sim, "/doors/door-main"), 20)

    def start_edge(self) -> None:
        self._run("venue-edge", "run", "--config", str(self.home / "edge.toml"))
        wait_for(lambda: _answers(self.kiosk, "/health"), 20)

    def start_witness(self) -> None:
        self._run("venue-witness", "run", "--config", str(self.home / "witness.toml"))

    def _run(self, name: str, *words: str) -> None:
        with (self.home / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [str(BIN / name), *words],
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONWARNINGS": "default"},
            )

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        process = self._processes.pop(name)
        process.send_signal(number)
        return process.wait(20)

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def stop(self) -> None:
        for name in list(self._processes):
            self.kill(name, signal.SIGTERM)
        self.kiosk.close()
        self.sim.close()

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = self.kiosk.get("/health").json()
        return found

    def screen(self) -> dict[str, Any]:
        token = (self.home / "edge/keys/kiosk-1.token").read_text().strip()
        answer = self.kiosk.get("/kiosk/api/kiosk-1/screen", headers={"X-Kiosk-Token": token})
        found: dict[str, Any] = answer.raise_for_status().json()
        return found

    def act(self, action: str, value: str | None = None) -> None:
        token = (self.home / "edge/keys/kiosk-1.token").read_text().strip()
        self.kiosk.post(
            "/kiosk/api/kiosk-1/actions",
            json={"action": action, "value": value},
            headers={"X-Kiosk-Token": token},
        ).raise_for_status()

    def until(self, *screens: str) -> dict[str, Any]:
        def there() -> dict[str, Any] | None:
            shown = self.screen()
            return shown if shown["screen"] in screens else None

        try:
            found: dict[str, Any] = wait_for(there, 15)
        except AssertionError as error:
            raise AssertionError(f"kiosk shows {self.screen()}, not {screens}") from error
        return found

    def card(self, reader: str) -> None:
        body = {"number": PERSON["id_number"], "name": PERSON["name"], "valid_to": "20991231"}
        self.sim.post(f"/readers/{reader}/card", json=body).raise_for_status()

    def take_card(self, reader: str) -> None:
        self.sim.delete(f"/readers/{reader}/card").raise_for_status()

    def walk(self, door: str) -> dict[str, Any]:
        found: dict[str, Any] = (
            self.sim.post(f"/doors/{door}/walk", json={"timeout": 10}).raise_for_status().json()
        )
        return found

    def plan_session(self, opens_in: float = 1.0, lasts: float = 3600) -> None:
        now = SystemClock().now()
        times = [stamp(now + dt.timedelta(seconds=s)) for s in (-1.0, 0.0, opens_in, lasts)]
        facilities, checkin, starts, ends = times
        person = {"alias": "E1", "role": "expert", **PERSON, "rooms": ["eval-1"], "face": None}
        plain = json.dumps({"sitting": "T1", "session": "S1", "nonce": "0", "persons": [person]}).encode()
        plain = plain.ljust(65536)
        inner = pyrage.encrypt(plain, [self.edge_keys.sealing.to_public()])
        outer = pyrage.encrypt(inner, [self.witness_keys.sealing.to_public()])
        self.centre.publish("session_plan", "S1", {
            "session": "S1", "sitting": "T1", "state": "booked", "facilities_on_at": facilities,
            "opens_at": starts, "closes_at": ends, "rooms": ["eval-1"],
        })  # fmt: skip
        self.centre.publish("roster", "T1", {
            "session": "S1", "sitting": "T1", "checkin_opens_at": checkin, "starts_at": starts, "ends_at": ends,
            "rooms": [{"room": "eval-1", "purpose": "evaluation"}], "sealed": base64.b64encode(outer).decode(),
            "commitment": hashlib.sha256(plain).hexdigest(),
        })  # fmt: skip

    def check_in(self) -> None:
        """Card, code from the text message, promise, locker: up to the gate."""
        self.card("reader-kiosk-1")
        self.until("pin", "face")
        self.act("use_code")
        sms = wait_for(lambda: self.sim.get("/messages", params={"phone": PERSON["phone"]}).json(), 10)
        text = json.dumps(sms[-1], ensure_ascii=False)
        digits = "".join(c for c in text.split("验证码")[1].split("，")[0] if c.isdigit())
        self.act("pin", digits)
        self.take_card("reader-kiosk-1")
        self.until("promise")
        self.act("sign", base64.b64encode(b"\x89PNG\r\n\x1a\n sample signature").decode())
        self.until("store")

    def _lockers_open(self) -> list[dict[str, Any]]:
        bodies = [fact["body"] for fact in self.centre.facts("locker_opened")]
        return [body for body in bodies if body["result"] == "done"]

    def store(self) -> None:
        """Put the phone in, shut the locker."""
        # After a kill the first answer is unknown; done follows once the board says that it stands open.
        opened = wait_for(self._lockers_open, 15)[-1]
        self.sim.post(f"/lockers/bank-1/{opened['locker']}/shut").raise_for_status()
        wait_for(lambda: self.centre.facts("locker_closed"), 10)
        self.act("stored")
        self.until("gate")


def _answers(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).status_code == 200
    except httpx.HTTPError:
        return False
