"""Arrival: who may come in does, who may not does not, whatever the link to the centre does."""

import shutil
import statistics

from scripts.stage.story.clients import wait_for
from scripts.stage.story.context import Scene
from scripts.stage.story.people import SamplePerson
from scripts.stage.story.visit import mono_us


def coil(scene: Scene, door: str) -> int:
    """The coil of a door, from the venue file."""
    return next(d["coil"] for d in scene.stage.plan["doors"] if d["id"] == door)


def unlocks(scene: Scene, door: str, since_us: int) -> list[int]:
    """When a door's lock was energised on the wire."""
    return scene.wire.unlocks("relays-1", coil(scene, door), since_us)


def checkin_open(scene: Scene) -> None:
    """Wait until the sitting's check-in has opened and the roster could be read on site."""
    with scene.report.judge("admit") as j:
        opened = wait_for(lambda: bool(scene.stage.health().get("open_sittings")), 40.0 * scene.patience)
        j.require(opened, "check-in opened by the edge's own plan, roster opened with the witness")


def strangers(scene: Scene) -> None:
    """Not drawn: nothing. Another's card by face: nothing."""
    with scene.report.judge("stand_in") as j:
        since = mono_us()
        shown = scene.walker.identify(scene.undrawn, "face")
        j.require(shown["screen"] == "not_expected", f"a person who was not drawn sees {shown['screen']}")
        dismiss(scene)
        victim = scene.drawn[0]
        shown = scene.walker.identify(victim, "face", face=scene.undrawn.picture)
        j.require(shown["screen"] != "promise", f"another's card with the wrong face sees {shown['screen']}")
        dismiss(scene)
        walk_in_anyway(scene, victim)
        j.require(not unlocks(scene, "door-main", since), "the main door's lock was never energised")


def walk_in_anyway(scene: Scene, person: SamplePerson) -> None:
    """Someone refused at the kiosk tries the lane and the door all the same."""
    scene.walker.gate(person)
    assert not scene.walker.main_door(timeout=1.5)


def dismiss(scene: Scene) -> None:
    """Leave the kiosk as it was found."""
    scene.kiosk.act("cancel")
    scene.kiosk.until("idle", seconds=12.0)


def by_face(scene: Scene) -> None:
    """Two come in by face; the second carries a phone through the gate first."""
    first, second = scene.drawn[:2]
    with scene.report.judge("admit") as j:
        scene.lockers[first.id_number] = scene.walker.admit(first, scene.room, "face")
        j.require(True, "first expert in by face")
    with scene.report.judge("phone") as j:
        since = mono_us()
        shown = scene.walker.identify(second, "face")
        j.require(shown["screen"] == "promise", f"identity of the second: {shown['screen']}")
        scene.lockers[second.id_number] = scene.walker.leave_things() or 0
        scene.walker.gate(second, carrying=("phone",))
        j.require(not scene.walker.main_door(timeout=2.0), "with a phone the door stays shut")
        j.require(not unlocks(scene, "door-main", since), "no unlock frame on the wire")
        scene.sim.post("/gates/gate-1/walk", carrying=[], direction="out")
        scene.sim.post("/gates/gate-1/walk", carrying=[], direction="in")
        j.require(scene.walker.main_door(), "opens after a clean passage of the same visit")
    with scene.report.judge("wrong_room") as j:
        since = mono_us()
        scene.walker.present("reader-eval-2", second)
        pushed = scene.sim.post("/doors/door-eval-2/walk", timeout=2.0)["opened"]
        j.require(
            not pushed and not unlocks(scene, "door-eval-2", since), "another room's reader opens nothing"
        )
        j.require(scene.walker.room_door(second, scene.room), "the own room opens")


def without_models(scene: Scene) -> None:
    """The face models are gone: 'unavailable' admits nobody; the code path is the other way in."""
    third = scene.drawn[2]
    with scene.report.judge("stand_in") as j:
        shutil.rmtree(scene.stage.models)
        scene.stage.troupe.restart("venue-edge")
        wait_for(lambda: bool(scene.stage.health().get("open_sittings")), 20.0 * scene.patience)
        since = mono_us()
        scene.sim.post("/readers/reader-kiosk-1/card", **third.card)
        shown = scene.kiosk.until("face", "pin")
        if shown["screen"] == "face":
            scene.kiosk.act("use_code")
            scene.kiosk.until("pin")
        scene.sim.take_card("reader-kiosk-1")
        code = scene.walker.code_for(third)
        scene.kiosk.act("pin", "000000" if code != "000000" else "111111")
        shown = scene.kiosk.until("pin", "refused")
        j.require(shown["screen"] != "promise", f"a guessed code with another's card sees {shown['screen']}")
        dismiss(scene)
        walk_in_anyway(scene, third)
        j.require(not unlocks(scene, "door-main", since), "no unlock without the code")
    with scene.report.judge("admit") as j:
        scene.lockers[third.id_number] = scene.walker.admit(third, scene.room, "pin")
        j.require(True, "third expert in by code, without face models")


def link_cut(scene: Scene) -> None:
    """Two arrive while the link to the centre is cut at TCP; they get in and nothing is lost."""
    with scene.report.judge("offline") as j:
        switch_links(scene, up=False)
        try:
            for person in scene.drawn[3:5]:
                scene.lockers[person.id_number] = scene.walker.admit(person, scene.room, "pin")
            j.require(True, "two experts in with the link cut")
            behind = scene.stage.edge_head() - scene.stage.ledger_head()
            j.require(behind > 0, f"the centre is {behind} facts behind meanwhile")
        finally:
            switch_links(scene, up=True)
        caught_up = wait_for(
            lambda: scene.stage.ledger_head() >= scene.stage.edge_head() - 3, 30.0 * scene.patience
        )
        j.require(caught_up, "the centre caught up")
        j.require(
            scene.stage.ledger_is_prefix(), "the centre's ledger equals the edge's journal, byte by byte"
        )
    with scene.report.judge("admit") as j:
        opened = {
            d: len(scene.wire.events("door_opened", door=d)) for d in ("door-main", f"door-{scene.room}")
        }
        j.require(all(n >= 5 for n in opened.values()), f"five passed each door on the wire: {opened}")
        lockers = sorted(scene.lockers.values())
        j.require(len(set(lockers)) == 5, f"five different lockers: {lockers}")
    figures(scene)


def switch_links(scene: Scene, up: bool) -> None:
    """Cut or mend both ways to the centre at TCP."""
    for link in ("mqtt", "https"):
        scene.sim.post(f"/links/{link}", up=up)


def figures(scene: Scene) -> None:
    """Check-in time and the time from the last precondition on the wire to the unlock frame on the wire."""
    times = list(scene.walker.times.values())
    if times:
        scene.report.figure("check_in_s", statistics.median(times), "s")
    delays = sorted(unlock_delays(scene))
    if delays:
        scene.report.figure("unlock_ms_p50", statistics.median(delays), "ms")
        scene.report.figure("unlock_ms_p99", delays[min(len(delays) - 1, round(0.99 * len(delays)))], "ms")


def unlock_delays(scene: Scene) -> list[float]:
    """Milliseconds: the gate's or reader's last answer → the coil write, for every entry unlock of the story."""
    delays = []
    for door, wire, longer_than in (
        ("door-main", "gate-1", 8),
        (f"door-{scene.room}", f"reader-{scene.room}", 64),
    ):
        for t_us in unlocks(scene, door, 0):
            pressed = scene.wire.events("exit_pressed", door=door)
            if any(0 <= t_us - e["t_us"] < 4_000_000 for e in pressed):
                continue
            before = scene.wire.last_answer_before(wire, t_us, longer_than)
            if before is not None:
                delays.append((t_us - before) / 1000)
    return delays
