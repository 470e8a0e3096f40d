"""Everything that can be seen, in any order: honest devices, faulty ones, late answers, replays, restarts."""

import random
from collections.abc import Callable

from passage_oracle import Oracle
from passage_world import PNG, World, card_of, person, roster

from access_control.acts import OpenLocker, SendPin, Unlock
from access_control.observations import (
    DoorResult,
    FaceJudged,
    HelpAnswered,
    HoldLifted,
    HoldOrdered,
    KioskAction,
    LaneCleared,
    LockerResult,
    PinSent,
    RosterOpened,
    RosterUnavailable,
    SittingClosed,
    Tick,
)
from access_control.rosters import Rosters, seal_pin
from access_control.states import AT_KIOSK, IN_LANE
from access_control.states import LockerState as L
from access_control.states import VisitState as V
from devices.ports import (
    CardPlaced,
    CardRemoved,
    CardUnreadable,
    DoorChanged,
    ExitPressed,
    FaceJudgement,
    FaceResult,
    GatePassage,
    LockerChanged,
    Result,
)

PEOPLE = (person(1), person(2, "room-2", "room-3"), person(3, "room-1", face=False))
STRANGER = person(9)
READERS = ("r-kiosk", "r-lane", "r-main", "r-1", "r-2", "r-3", "r-open", "r-nowhere")
DOORS = ("main", "d1", "d2", "d3", "open", "no-door")
TOUCHES = (
    "continue",
    "cancel",
    "use_code",
    "use_face",
    "nothing_to_store",
    "stored",
    "help",
    "collect",
    "language",
)


class Chaos:
    """A world, its judge, and hands that do anything. `pick` chooses from a sequence."""

    def __init__(self, pick: Callable, check: bool = True) -> None:
        self.pick = pick
        self.world = World(Rosters((roster(*PEOPLE),)), check=check)
        self.oracle = Oracle(self.world.site, self.world.rosters, self.world.settings)
        self.past: list[object] = []
        self.step(RosterOpened("ses-1", "sit-1", 3, "V01.witness"))

    def step(self, observation: object) -> None:
        before = len(self.world.records)
        decision = self.world.see(observation)
        self.oracle.judge(observation, self.world.records[before:], decision.acts, self.world.mono)
        self.oracle.settle()
        if not isinstance(observation, Tick):
            self.past.append(observation)

    # ---- stimuli ----------------------------------------------------------------------------------

    def pass_time(self) -> None:
        self.world.clock.advance(self.pick((0.05, 0.05, 0.3, 0.3, 1, 1, 4, 6, 12, 35, 65, 125)))

    def card(self) -> None:
        who, age = self.pick((*PEOPLE, *PEOPLE, STRANGER)), self.pick((0, 0, 0, 0.5, 4, 7, -3))
        at = 0 if age == 7 and self.pick((True, False)) else self.world.mono - round(age * 1e6)
        self.step(CardPlaced(self.pick(READERS), card_of(who), at))

    def other_card_events(self) -> None:
        self.step(self.pick((CardRemoved("r-kiosk"), CardUnreadable("r-lane", "garbled"))))

    def touch(self) -> None:
        self.step(KioskAction("kiosk", self.pick(TOUCHES)))

    def sign(self) -> None:
        self.step(KioskAction("kiosk", "sign", self.pick((PNG, PNG, PNG, "", "!!", None))))

    def pin(self) -> None:
        self.step(KioskAction("kiosk", "pin", self.pick(("482913", "482913", "000000", "", None))))

    def judge_face(self) -> None:
        said = FaceJudgement(
            self.pick(tuple(FaceResult) + (FaceResult.MATCHED,) * 4),
            500,
            self.pick(("ok", "FACE_MODEL_MISSING")),
            None,
        )
        visit = self.pick(
            (self.world.area.kiosk("kiosk").visit or "none", *list(self.world.area.visits)[-3:], "none")
        )
        self.step(FaceJudged(visit, "kiosk", said, self.world.mono - self.pick((0, 0, 0, 40_000_000))))

    def answer(self) -> None:
        """An answer to an act, right or late or twice or never asked for."""
        acts = [a for a in self.world.acts[-6:] if isinstance(a, Unlock | OpenLocker | SendPin)]
        if not acts:
            return
        act, result = (
            self.pick(acts),
            self.pick((Result.DONE, Result.DONE, Result.DONE, Result.REFUSED, Result.UNKNOWN)),
        )
        if isinstance(act, Unlock):
            self.step(DoorResult(act.door, act.admission, result))
        elif isinstance(act, OpenLocker):
            self.step(LockerResult(act.bank, act.locker, act.visit, act.purpose, result))
        else:
            pins = {act.visit: seal_pin("482913", b"salt", self.world.mono + 300_000_000)}
            self.world.rosters = Rosters(self.world.rosters.open, self.world.rosters.coming, pins)
            self.step(PinSent(act.visit, act.kiosk, result))

    def locker(self) -> None:
        age = self.pick((0, 0, 0, 0, 11_000_000))
        numbers = [a.locker for a in self.world.acts[-6:] if isinstance(a, OpenLocker)] or [1]
        number = self.pick((*numbers, *numbers, 1, 2, 5))
        self.step(
            LockerChanged(
                "bank",
                number,
                self.pick((True, False)),
                self.pick((False, False, True)),
                self.world.mono - age,
            )
        )

    def gate(self) -> None:
        ended = self.world.mono - self.pick((0, 0, 0, 0, 200_000, 6_000_000))
        clear, doubtful = self.pick(
            ((True, False), (True, False), (False, False), (False, True), (True, True))
        )
        way = self.pick(("in", "in", "in", "in", "out"))
        started = ended - self.pick((100, 100, 100_000, 3_000_000))
        self.step(
            GatePassage(
                "gate", len(self.past), way, clear, () if clear else ("phone",), doubtful, started, ended
            )
        )

    def door(self) -> None:
        age = self.pick((0, 0, 0, 0, 11_000_000))
        self.step(
            DoorChanged(
                self.pick(DOORS),
                self.pick((True, False)),
                self.pick((False, False, True)),
                self.world.mono - age,
            )
        )

    def expected_door(self) -> None:
        """The door that was last unlocked opens or shuts, as doors do."""
        acts = [a for a in self.world.acts[-4:] if isinstance(a, Unlock)]
        door = acts[-1].door if acts else "main"
        self.step(DoorChanged(door, not self.world.area.door(door).open, False, self.world.mono))

    def exit(self) -> None:
        self.step(
            ExitPressed(self.pick(DOORS), self.world.mono - self.pick((0, 0, 0, 20_000_000, 40_000_000)))
        )

    def hold(self) -> None:
        rooms = self.pick(((), ("room-1",), ("room-2", "room-3"), ("room-2",)))
        self.step(self.pick((HoldOrdered, HoldLifted, HoldLifted))("cmd", "ses-1", rooms))

    def tick(self) -> None:
        self.step(Tick())

    def replay(self) -> None:
        if self.past:
            self.step(self.pick(self.past[-12:]))

    def progress(self) -> None:
        """What an honest person and honest devices do next."""
        visits = [v for v in self.world.area.visits.values() if v.state is not V.ENDED]
        visit = self.pick(visits) if visits else None
        who = next((p for p in PEOPLE if visit and p.alias == visit.alias), self.pick(PEOPLE))
        self.world.clock.advance(0.2)
        key = visit.locker if visit else None
        locker = self.world.area.locker(key) if key else None
        if visit and visit.lane and visit.state is V.IN_LANE:
            started = self.world.mono
            self.world.clock.advance(0.5)
            self.step(GatePassage("gate", len(self.past), "in", True, (), False, started, self.world.mono))
        elif locker and visit and key and (locker.waiting and locker.purpose):
            self.step(LockerResult(*key, visit.id, locker.purpose, Result.DONE))
        elif locker and key and locker.state in {L.DEPOSITING, L.RETURNING}:
            self.step(LockerChanged(*key, True, False, self.world.mono))
        elif visit is None or (self.world.area.kiosk("kiosk").visit != visit.id and visit.state in AT_KIOSK):
            self.step(CardPlaced("r-kiosk", card_of(who), self.world.mono))
        elif visit.state is V.ARRIVED:
            said = FaceJudgement(FaceResult.MATCHED, 500, "ok", None)
            self.step(FaceJudged(visit.id, visit.kiosk, said, self.world.mono))
        elif visit.state is V.IDENTIFIED:
            self.step(KioskAction("kiosk", "sign", PNG))
        elif visit.state is V.PROMISED:
            self.step(KioskAction("kiosk", "stored"))
        elif visit.state is V.GRANTED:
            self.step(DoorChanged("main", True, False, self.world.mono))
        else:
            reader = {V.SETTLED: "r-lane", V.CLEARED: "r-main", V.INSIDE: f"r-{who.rooms[0][5:]}"}.get(
                visit.state, "r-kiosk"
            )
            self.step(
                CardPlaced(self.pick((reader, reader, reader, "r-kiosk")), card_of(who), self.world.mono)
            )

    def mishap(self) -> None:
        """What goes wrong at just this moment: a stranger's face, a lock that sticks, a phone at the gate."""
        visit = next(
            (v for v in self.world.area.visits.values() if v.state in (V.ARRIVED, V.PROMISED, *IN_LANE)), None
        )
        self.world.clock.advance(0.2)
        if visit is None:
            return
        if visit.state is V.ARRIVED:
            result = self.pick((FaceResult.NOT_MATCHED, FaceResult.REVIEW))
            for _ in range(self.pick((1, 3))):
                said = FaceJudgement(result, 100, "other", None)
                self.step(FaceJudged(visit.id, visit.kiosk, said, self.world.mono))
        elif visit.locker and visit.state is V.PROMISED:
            self.step(
                LockerResult(*visit.locker, visit.id, "deposit", self.pick((Result.REFUSED, Result.UNKNOWN)))
            )
        else:
            self.step(
                GatePassage("gate", 0, "in", False, ("phone",), False, self.world.mono - 1, self.world.mono)
            )

    def forged_follow_up(self) -> None:
        self.step(LaneCleared("lane", self.pick((*list(self.world.area.visits)[-3:], "none"))))

    def rare(self) -> None:
        self.step(
            self.pick(
                (
                    RosterUnavailable("ses-1", "sit-9", "witness_away"),
                    RosterOpened("ses-1", "sit-1", 3, "V01.witness"),
                    HelpAnswered("kiosk"),
                    SittingClosed("ses-1", "sit-1"),
                )
            )
        )

    def bank(self) -> None:
        """The bank is unplugged or back: no observation, a fact."""
        before = len(self.world.records)
        self.world.bank_goes("bank", self.pick(("offline", "online", "online")))
        self.oracle.judge(None, self.world.records[before:], (), self.world.mono)

    def restart(self) -> None:
        before, acts = len(self.world.records), len(self.world.acts)
        decision = self.world.restart(reboot=self.pick((False, False, True)))
        assert decision.acts == (), "recovery does nothing"
        assert len(self.world.acts) == acts
        self.past = []
        self.oracle.seen = frozenset()
        self.oracle.judge(None, self.world.records[before:], (), self.world.mono)
        self.oracle.settle()


WEIGHTS: dict[str, int] = {
    "progress": 35, "mishap": 6, "pass_time": 10, "card": 16, "other_card_events": 1, "touch": 5, "sign": 8, "pin": 3,
    "judge_face": 8, "answer": 14, "locker": 12, "gate": 8, "door": 2, "expected_door": 8, "exit": 3, "hold": 2,
    "tick": 6, "replay": 4, "forged_follow_up": 1, "restart": 1,
    "bank": 1,
}  # fmt: skip


def walk(seed: int, steps: int, check: bool = False) -> Chaos:
    """A seeded random life of one area; raises `Broken` or whatever the rules raise."""
    rng = random.Random(seed)
    chaos = Chaos(rng.choice, check)
    names, weights = list(WEIGHTS), list(WEIGHTS.values())
    for name in rng.choices(names, weights, k=steps):
        getattr(chaos, name)()
    return chaos
