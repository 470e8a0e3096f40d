"""One person's way from the street to the seat and back, by hands, feet and card."""

import base64
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.stage.story.clients import KioskPage, Sim, wait_for
from scripts.stage.story.people import SamplePerson, live_frames
from scripts.stage.story.wire import WireLog

SIGNATURE = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
        "1f15c4890000000d4944415478da63fcffff3f030005fe02fea7e2d1c20000000049454e44ae426082"
    )
).decode()


def mono_us() -> int:
    """CLOCK_MONOTONIC in microseconds, the simulators' clock."""
    return time.monotonic_ns() // 1000


@dataclass
class Walker:
    """Plays one person against the simulated venue. Times are kept for the figures."""

    sim: Sim
    kiosk: KioskPage
    wire: WireLog
    pictures: Path
    times: dict[str, float] = field(default_factory=dict)

    def present(self, reader: str, person: SamplePerson) -> None:
        """Hold a card on a reader until the wire shows that it was read, then lift it."""
        since = mono_us()
        self.sim.post(f"/readers/{reader}/card", **person.card)
        read = wait_for(lambda: self._was_read(reader, since), 8.0, every=0.05)
        time.sleep(0.15)
        self.sim.take_card(reader)
        if not read:
            raise TimeoutError(f"{reader} did not read the card within 8 s")

    def _was_read(self, reader: str, since_us: int) -> bool:
        sent = sum(
            len(e["hex"]) // 2
            for e in self.wire.lines(since_us)
            if e.get("wire") == reader and e["dir"] == "tx"
        )
        return sent >= 1295

    def identify(self, person: SamplePerson, path: str, face: str | None = None) -> dict[str, Any]:
        """Card on the kiosk, then face or code. Returns the screen that follows."""
        self.sim.post("/readers/reader-kiosk-1/card", **person.card)
        try:
            shown = self.kiosk.until("face", "pin", "too_early", "not_expected", "refused")
            if shown["screen"] not in ("face", "pin"):
                return shown
            return self._by_face(face or person.picture) if path == "face" else self._by_code(person, shown)
        finally:
            self.sim.take_card("reader-kiosk-1")

    def _by_face(self, subject: str) -> dict[str, Any]:
        before = self.kiosk.screen()
        self.kiosk.frames(live_frames(self.pictures, subject))
        wait_for(lambda: self.kiosk.screen() != before, 10.0)
        return self.kiosk.screen()

    def _by_code(self, person: SamplePerson, shown: dict[str, Any]) -> dict[str, Any]:
        if shown["screen"] == "face":
            self.kiosk.act("use_code")
            self.kiosk.until("pin")
        self.kiosk.act("pin", self.code_for(person))
        return self.kiosk.until("promise", "refused", "unsure", "help")

    def code_for(self, person: SamplePerson) -> str:
        """The newest code on the person's own phone."""
        found: list[str] = []

        def arrived() -> bool:
            texts = [m["text"] for m in self.sim.get("/messages", phone=person.phone)]
            found[:] = [code for text in texts for code in re.findall(r"(?<!\d)\d{6}(?!\d)", text)]
            return bool(found)

        if not wait_for(arrived, 8.0):
            raise TimeoutError("no code arrived on the phone")
        return found[-1]

    def leave_things(self) -> int | None:
        """Sign the promise, put the phone away, shut the locker. Returns the locker's number."""
        self.kiosk.act("sign", SIGNATURE)
        shown = self.kiosk.until("store")
        locker = int(shown["params"]["locker"])
        if not wait_for(lambda: bool(self.kiosk.screen()["params"].get("open")), 6.0):
            raise TimeoutError(f"locker {locker} did not open")
        self.sim.post(f"/lockers/bank-1/{locker}/shut")
        wait_for(lambda: not self.kiosk.screen()["params"].get("open"), 3.0)
        self.kiosk.act("stored")
        self.kiosk.until("gate")
        return locker

    def gate(self, person: SamplePerson, carrying: tuple[str, ...] = ()) -> None:
        """Card at the lane's entrance, then through the gate."""
        self.present("reader-lane-1", person)
        time.sleep(0.2)
        self.sim.post("/gates/gate-1/walk", carrying=list(carrying), direction="in")

    def main_door(self, timeout: float = 6.0) -> bool:
        """Push the main door; whether it opened."""
        return bool(self.sim.post("/doors/door-main/walk", timeout=timeout)["opened"])

    def room_door(self, person: SamplePerson, room: str, timeout: float = 4.0) -> bool:
        """Card at a room's reader, push; whether it opened."""
        self.present(f"reader-{room}", person)
        return bool(self.sim.post(f"/doors/door-{room}/walk", timeout=timeout)["opened"])

    def admit(self, person: SamplePerson, room: str, path: str) -> int:
        """The whole way in; returns the locker. Fails where a step does not go on."""
        began = time.monotonic()
        shown = self.identify(person, path)
        if shown["screen"] != "promise":
            raise TimeoutError(f"kiosk shows {shown['screen']} {shown['params']}, expected promise")
        locker = self.leave_things()
        assert locker is not None
        self.gate(person)
        if not self.main_door():
            raise TimeoutError("main door stayed shut after a clean passage")
        if not self.room_door(person, room):
            raise TimeoutError(f"door of {room} stayed shut for its own expert")
        self.times[person.id_number] = time.monotonic() - began
        return locker

    def exit_by(self, door: str) -> bool:
        """Press the exit button and leave; whether the door opened."""
        self.sim.post(f"/doors/{door}/exit")
        return bool(self.sim.post(f"/doors/{door}/walk", timeout=5.0)["opened"])

    def until_locked(self, door: str) -> bool:
        """Wait until the lock is engaged again after somebody passed."""
        return wait_for(lambda: bool(self.sim.get(f"/doors/{door}")["locked"]), 12.0)

    def fetch_things(self, person: SamplePerson) -> int:
        """Card on the kiosk on the way out; the own locker opens. Returns its number."""
        self.sim.post("/readers/reader-kiosk-1/card", **person.card)
        try:
            self.kiosk.until("leave", seconds=10.0)
            if not wait_for(lambda: bool(self.kiosk.screen()["params"].get("open")), 8.0):
                raise TimeoutError("no locker opened for its owner")
        finally:
            self.sim.take_card("reader-kiosk-1")
        (opened,) = [n for n, s in self.sim.get("/lockers/bank-1").items() if not s["closed"]]
        number = int(opened)
        self.sim.post(f"/lockers/bank-1/{number}/shut")
        wait_for(lambda: not self.kiosk.screen()["params"].get("open"), 3.0)
        self.kiosk.act("collect")
        self.kiosk.until("idle", seconds=12.0)
        return number
