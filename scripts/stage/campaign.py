"""The kill campaign: kill -9 of one process at a random moment of an admission, again and again, seeded.

`python -m scripts.stage.campaign --seeds 300 --json FILE` is the long form; the tests run 20 seeds. After every
kill the person goes on as people do (card again, walk again). Judged from the simulators' log and the stored bytes:
no fact lost or doubled, no door opened without its grant, fsck clean.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.form import exit_with, finish
from contract.clock import SystemClock
from scripts.stage.home import Stage
from scripts.stage.processes import NotReady
from scripts.stage.story.clients import Refused, wait_for
from scripts.stage.story.context import Scene
from scripts.stage.story.people import SamplePerson, sample_people
from scripts.stage.story.play import close_scene, open_scene
from scripts.stage.story.report import Report
from scripts.stage.story.steps import before
from scripts.stage.story.steps.before import told
from scripts.stage.story.visit import SIGNATURE, Walker, mono_us

TARGETS = ("venue-edge", "recorder", "venue", "venue-witness", "mosquitto")
PATIENCE = 90.0
WINDOW = 5.5
"""An admission takes about this long; the kill falls somewhere in it."""
TROUBLE = (httpx.HTTPError, Refused, TimeoutError, KeyError)


@dataclass(frozen=True)
class Kill:
    """What one seed did."""

    seed: int
    target: str
    after_s: float
    admitted_s: float


def kill(stage: Stage, target: str) -> None:
    """Kill -9; the stage (or the edge, for the recorder) starts it again."""
    if target == "recorder":
        recorder = stage.recorder()
        if recorder is not None:
            recorder.kill()
    else:
        stage.troupe.restart(target)


class Persistent:
    """A person who does not give up: looks at the screen, does what it says, tries again."""

    def __init__(self, walker: Walker, person: SamplePerson, room: str) -> None:
        self._walker, self._person, self._room = walker, person, room
        self._sim, self._kiosk = walker.sim, walker.kiosk
        self._since = mono_us()
        self._known = False
        """Whether the kiosk has asked this person anything yet: before that its screen is about someone else."""
        self._behind_gate = False
        """Who tries the gate again walks out first."""

    def go_in(self) -> None:
        """From the street to the seat; TimeoutError when patience ends."""
        deadline = time.monotonic() + PATIENCE
        for stage in (self._check_in, self._pass_lane, self._enter_room):
            while not self._tried(stage):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{stage.__name__}: kiosk shows {self._shown()}")
                time.sleep(0.3)

    def _tried(self, stage: Any) -> bool:
        try:
            return bool(stage())
        except TROUBLE:
            return False

    def _shown(self) -> str:
        try:
            return str(self._kiosk.screen())
        except TROUBLE as error:
            return repr(error)

    def _check_in(self) -> bool:
        """One screen, one action; True when the kiosk sends the person to the gate."""
        shown = self._kiosk.screen()
        if not self._known:
            self._show_card()
            return False
        step = getattr(self, f"_on_{shown['screen']}", None)
        if step is not None:
            step(shown)
        return bool(shown["screen"] == "gate")

    def _show_card(self) -> None:
        self._sim.post("/readers/reader-kiosk-1/card", **self._person.card)
        try:
            self._kiosk.until("face", "pin", "promise", "store", seconds=6.0)
            self._known = True
        finally:
            self._sim.take_card("reader-kiosk-1")

    def _on_idle(self, _shown: dict[str, Any]) -> None:
        self._sim.post("/readers/reader-kiosk-1/card", **self._person.card)
        try:
            wait_for(lambda: self._kiosk.screen()["screen"] != "idle", 5.0)
        finally:
            self._sim.take_card("reader-kiosk-1")

    def _on_face(self, _shown: dict[str, Any]) -> None:
        self._kiosk.act("use_code")

    def _on_pin(self, _shown: dict[str, Any]) -> None:
        self._kiosk.act("pin", self._walker.code_for(self._person))

    def _on_promise(self, _shown: dict[str, Any]) -> None:
        self._kiosk.act("sign", SIGNATURE)

    def _on_store(self, shown: dict[str, Any]) -> None:
        locker = shown["params"]["locker"]
        if not self._sim.get("/lockers/bank-1")[str(locker)]["closed"]:
            self._sim.post(f"/lockers/bank-1/{locker}/shut")
        time.sleep(0.6)
        self._kiosk.act("stored")

    _on_jammed = _on_store

    def _on_refused(self, _shown: dict[str, Any]) -> None:
        self._kiosk.act("cancel")

    _on_not_expected = _on_too_early = _on_unsure = _on_help = _on_refused

    def _pass_lane(self) -> bool:
        if self._walker.wire.events("door_opened", self._since, door="door-main"):
            return True
        if self._behind_gate:
            self._sim.post("/gates/gate-1/walk", carrying=[], direction="out")
            self._behind_gate = False
        self._walker.gate(self._person)
        self._behind_gate = True
        return self._walker.main_door(timeout=3.0)

    def _enter_room(self) -> bool:
        return self._walker.room_door(self._person, self._room, timeout=3.0)


def one_seed(scene: Scene, seed: int, person: SamplePerson) -> Kill:
    """One admission with one kill in it."""
    chance = random.Random(seed)
    target, after = TARGETS[seed % len(TARGETS)], chance.uniform(0.0, WINDOW)
    timer = threading.Timer(after, kill, (scene.stage, target))
    began = time.monotonic()
    timer.start()
    try:
        Persistent(scene.walker, person, scene.room).go_in()
    finally:
        timer.join()
    return Kill(seed, target, round(after, 2), round(time.monotonic() - began, 1))


def violations(scene: Scene) -> list[str]:
    """What does not hold, from the stored bytes and the wire."""
    stage = scene.stage
    settled = wait_for(lambda: stage.ledger_head() >= stage.edge_head() - 2, 40.0)
    found = [] if settled else [f"ledger {stage.ledger_head()} behind journal {stage.edge_head()}"]
    facts = [json.loads(raw) for raw in stage.journal()]
    if [f["seq"] for f in facts] != list(range(1, len(facts) + 1)):
        found.append("journal is not contiguous")
    if len({f["id"] for f in facts}) != len(facts):
        found.append("a fact stands twice")
    if not stage.ledger_is_prefix():
        found.append("the centre's ledger is not a prefix of the journal")
    found += ungranted(scene, facts)
    fsck = json.loads(stage.run("venue-edge", "fsck", "--config", str(stage.config / "edge.toml"), "--json"))
    return found + [str(f) for f in fsck["findings"]]


def ungranted(scene: Scene, facts: list[dict[str, Any]]) -> list[str]:
    """Entry unlock frames on the wire without a grant that was journalled before (I-1), and doubled ones (I-5)."""
    shift = SystemClock().mono_us() - mono_us()
    found = []
    for door in (d for d in scene.stage.plan["doors"] if d["guards"] == "evaluation"):
        grants = sorted(
            f["mono_us"]
            for f in facts
            if f["kind"] == "admission_granted" and f["body"]["door"] == door["id"]
        )
        frames = [t + shift for t in scene.wire.unlocks("relays-1", door["coil"])]
        for nth, frame in enumerate(frames, 1):
            if sum(g <= frame for g in grants) < nth:
                found.append(
                    f"{door['id']}: unlock {nth} on the wire with {sum(g <= frame for g in grants)} grants before"
                )
    return found


def campaign(stage: Stage, seeds: range, say: Any = print) -> tuple[list[Kill], list[str]]:
    """All seeds on one stage; experts are drawn in panels as large as the locker bank allows."""
    scene = open_scene(stage, Report(say=lambda _line: None))
    kills: list[Kill] = []
    try:
        scene.people = sample_people(2 * len(seeds))
        before.register(scene)
        made = scene.accounts["staff"].post("/sessions", before.booking(scene))
        scene.session = made["id"]
        seats = {"seats": [{"specialty": "A01", "count": len(seeds)}]}
        scene.accounts["draw"].post(f"/sessions/{scene.session}/draw", seats)
        wait_for(lambda: len(told(scene)) == len(seeds), 40.0)
        wait_for(lambda: bool(stage.health().get("open_sittings")), 60.0)
        for seed, person in zip(seeds, told(scene), strict=True):
            kills.append(one_seed(scene, seed, person))
            say(
                f"seed {seed}: {kills[-1].target} killed after {kills[-1].after_s} s, in after {kills[-1].admitted_s} s"
            )
        return kills, violations(scene)
    finally:
        close_scene(scene)


def main() -> int:
    """The long form: panels of 20 seeds, each on a fresh home."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    wanted, began = parser.parse_args(), time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    kills: list[Kill] = []
    wrong: list[str] = []
    for first in range(wanted.first, wanted.first + wanted.seeds, 20):
        home = Path(tempfile.mkdtemp(prefix="jianzheng-kill-"))
        stage = Stage(home, free=True)
        try:
            stage.prepare()
            stage.start()
            some, bad = campaign(stage, range(first, min(first + 20, wanted.first + wanted.seeds)))
            kills, wrong = kills + some, wrong + bad
        except (NotReady, *TROUBLE) as error:
            wrong.append(f"seeds from {first}: {error!r}")
        finally:
            stage.stop()
            shutil.rmtree(home, ignore_errors=True)
    for line in wrong:
        print("WRONG", line)
    figures: dict[str, dict[str, Any]] = {
        "kills": {"value": len(kills), "unit": "kills"},
        "violations": {"value": len(wrong), "unit": "findings", "goal": "0", "holds": not wrong},
    }
    return finish("kill_campaign", began, figures, wanted.json)


if __name__ == "__main__":
    exit_with(main())
