"""A small area whose whole state space can be walked: nodes, moves, and a key that forgets what no rule asks for."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from passage_oracle import Oracle
from passage_world import PNG, START, card_of, person, roster

from access_control import area as areas
from access_control.acts import OpenLocker, SendPin, Unlock
from access_control.decide import decide, recover
from access_control.instant import Instant
from access_control.observations import (
    DoorResult,
    FaceJudged,
    HoldLifted,
    HoldOrdered,
    KioskAction,
    LockerResult,
    PinSent,
    RosterOpened,
    Tick,
)  # fmt: skip
from access_control.rosters import OpenRoster, Rosters, seal_pin
from access_control.settings import Settings
from access_control.shapes import Area
from access_control.site import DoorSite, KioskSite, LaneSite, SitePlan
from access_control.states import VisitState
from contract.clock import stamp
from contract.envelope import FactDraft
from devices.ports import (
    CardPlaced,
    DoorChanged,
    ExitPressed,
    FaceJudgement,
    FaceResult,
    GatePassage,
    LockerChanged,
    Result,
)

SMALL = SitePlan(
    doors={"main": DoorSite("main", "main", "r-main"), "d1": DoorSite("d1", "room", "r-1", room="room-1")},
    lanes={"lane": LaneSite("lane", "r-lane", "gate", "main")},
    kiosks={"kiosk": KioskSite("kiosk", "r-kiosk", ("bank",), "lane")},
    banks={"bank": 2},
    rooms=("room-1",),
)
LIMITS = Settings(face_tries=2, pin_tries=2, pin_sends=1, gate_tries=2)
PERSONS = (person(1), person(2))
LONG = timedelta(days=3)


@dataclass(frozen=True)
class Node:
    """One reached state: what is known, what the judge knows, which acts wait for an answer."""

    area: Area
    oracle: Oracle
    waiting: tuple
    mono: int
    seq: int
    roster: OpenRoster

    @property
    def rosters(self) -> Rosters:
        pins = {v: seal_pin("1", b"s", self.mono + 1) for v in self.area.visits}
        return Rosters((self.roster,), (), pins)

    def instant(self) -> Instant:
        return Instant(START + timedelta(microseconds=self.mono), self.mono, self.seq.to_bytes(16, "big"))

    def records(self, facts, boot: str | None = None) -> list[dict]:
        now = self.instant()
        return [
            {"kind": f.kind, "body": f.body, "session": f.session, "visit": f.visit, "boot": boot or self.area.boot,
             "seq": self.seq + n, "mono_us": now.mono_us, "wall": stamp(now.wall)}
            for n, f in enumerate(facts, 1)
        ]  # fmt: skip

    def fold(self, records: list[dict]) -> "Node":
        area = self.area
        for record in records:
            area = areas.evolve(area, record)
        return replace(self, area=area, seq=self.seq + len(records))


def start(persons=PERSONS[:1]) -> Node:
    sheet = roster(*persons)
    sheet = replace(sheet, ends_at=sheet.ends_at + LONG)
    oracle = Oracle(SMALL, Rosters((sheet,)), LIMITS)
    node = Node(areas.evolve(areas.empty(SMALL), first_record()), oracle, (), 1_000_000, 1, sheet)
    node.oracle.boot = "boot"
    return step(node, RosterOpened("ses-1", "sit-1", 1, "w"), 0)


def first_record() -> dict:
    return {
        "kind": "edge_started",
        "body": {},
        "session": None,
        "visit": None,
        "boot": "boot",
        "seq": 1,
        "mono_us": 1,
        "wall": stamp(START),
    }


def step(node: Node, observation: object, wait_us: int = 10_000) -> Node:
    """One observation, its follow-ups, its judgement."""
    oracle = node.oracle.copy()
    after = replace(node, mono=node.mono + wait_us, oracle=oracle)
    records, acts, following = [], (), observation
    while following is not None:
        decision = decide(after.area, after.rosters, LIMITS, following, after.instant())
        new = after.records(decision.facts)
        after, records, acts, following = after.fold(new), records + new, acts + decision.acts, decision.then
    oracle.judge(observation, records, acts, after.mono)
    oracle.settle()
    oracle.seen = frozenset()
    moves = tuple(a for a in acts if isinstance(a, Unlock | OpenLocker | SendPin))
    return replace(after, waiting=(*node.waiting, *moves)[-2:])


def restart(node: Node) -> Node:
    oracle = node.oracle.copy()
    boot = "boot" if node.area.boot == "boot2" else "boot2"
    after = replace(node, mono=node.mono + 10_000, oracle=oracle, waiting=())
    begun = after.fold([{**first_record(), "boot": boot, "seq": after.seq + 1, "mono_us": after.mono}])
    decision = recover(begun.area, begun.instant(), LIMITS)
    assert decision.acts == ()
    records = begun.records(decision.facts, boot)
    oracle.judge(None, records, (), after.mono)
    oracle.settle()
    return bank_is_back(begun.fold(records))


def bank_is_back(node: Node) -> Node:
    return node.fold(node.records([FactDraft("device_changed", {"device": "bank", "state": "online"})]))


def moves(node: Node) -> Iterator[tuple[str, object, int]]:
    """(name, observation or None for a restart, wait): everything that can be seen next."""
    at = node.mono + 10_000
    yield from (
        (name, seen, 10_000) for name, seen in (*_people(node, at), *_answers(node), *_devices(node, at))
    )
    for seconds in (4, 12, 130):
        yield f"tick {seconds}", Tick(), seconds * 1_000_000
    yield "restart", None, 0


def _people(node: Node, at: int) -> Iterator[tuple[str, object]]:
    for who in node.roster.persons:
        for reader in ("r-kiosk", "r-lane", "r-main", "r-1"):
            yield f"card {who.alias} {reader}", CardPlaced(reader, card_of(who), at)
    visit = node.area.kiosk("kiosk").visit
    if visit is None:
        return
    for result in (FaceResult.MATCHED, FaceResult.NOT_MATCHED, FaceResult.UNAVAILABLE):
        yield (
            f"face {result}",
            FaceJudged(visit, "kiosk", FaceJudgement(result, None, "FACE_OR_NOT", None), at),
        )
    touches = (
        ("pin", "1"),
        ("pin", "0"),
        ("sign", PNG),
        ("stored", None),
        ("nothing_to_store", None),
        ("cancel", None),
    )
    for action, value in touches:
        yield f"{action} {value or ''}", KioskAction("kiosk", action, value)


def _answers(node: Node) -> Iterator[tuple[str, object]]:
    for act in node.waiting:
        for result in Result:
            yield f"answer {result}", answer(act, result)


def _devices(node: Node, at: int) -> Iterator[tuple[str, object]]:
    for number in (1, 2):
        for closed in (False, True):
            yield f"locker {number} {closed}", LockerChanged("bank", number, closed, False, at)
    for way, clear, doubtful in (
        ("in", True, False),
        ("in", False, False),
        ("in", False, True),
        ("out", True, False),
    ):
        seen = GatePassage("gate", node.seq, way, clear, (), doubtful, at - 1, at)
        yield f"gate {way} {clear} {doubtful}", seen
    for door in ("main", "d1"):
        yield f"open {door}", DoorChanged(door, not node.area.door(door).open, False, at)
        yield f"exit {door}", ExitPressed(door, at)
    yield ("lift", HoldLifted("c", None, ())) if node.area.held else ("hold", HoldOrdered("c", None, ()))


def answer(act: object, result: Result) -> object:
    if isinstance(act, Unlock):
        return DoorResult(act.door, act.admission, result)
    if isinstance(act, OpenLocker):
        return LockerResult(act.bank, act.locker, act.visit, act.purpose, result)
    assert isinstance(act, SendPin)
    return PinSent(act.visit, act.kiosk, result)


def successors(node: Node) -> Iterator[tuple[str, Node]]:
    for name, observation, wait in moves(node):
        yield name, restart(node) if observation is None else step(node, observation, wait)


_AGES = (0, 3_000_000, 8_000_000, 10_000_000, 13_000_000, 60_000_000, 120_000_000)


def key(node: Node) -> object:
    """Equal keys: no rule can tell the two states apart (times only by the limits they are compared with)."""
    area, names = node.area, {}
    for visit in area.visits.values():
        names[visit.id] = visit.alias

    def age(us: int | None) -> int | None:
        return None if us is None else bisect_left(_AGES, node.mono - us) if us else -1

    running = {v.alias: v for v in area.visits.values()}
    visits = tuple(
        (
            v.alias,
            v.state,
            v.identity_seq is None,
            v.custody_seq is None,
            v.gate_seq is None,
            age(v.gate_us),
            v.face,
            v.face_misses,
            v.pin_misses,
            v.pin_sends,
            v.pin_result,
            v.locker,
            v.declared_empty,
            v.lane,
            min(v.alarms, 2),
            v.room,
            bool(v.rooms_entered),
            v.entered_at is not None
            and bisect_left((300,), (node.instant().wall - v.entered_at).total_seconds()),
            v.outcome,
        )
        for v in running.values()
        if v.outcome != "cancelled"
    )
    kiosk, lane = area.kiosk("kiosk"), area.lane("lane")
    doors = tuple(
        (
            d,
            x.open,
            age(x.opened_us) if x.open else 0,
            x.pending and (names[x.pending.visit], age(x.pending.granted_us), age(x.pending.answered_us)),
            age(x.exit_us),
            x.exit_waiting,
            x.held_open,
        )
        for d, x in sorted(area.doors.items())
    )
    lockers = tuple(
        (k, x.state, names.get(x.visit or ""), x.used, x.purpose, x.waiting, age(x.since_us))
        for k, x in sorted(area.lockers.items())
    )
    alarms = frozenset(a for a in area.alarms if a[0] in {"locker_forced", "locker_result_unknown"})
    serves = running.get(names.get(kiosk.visit or "", ""))
    served = serves.alias if serves and serves.id == kiosk.visit and serves.outcome != "cancelled" else None
    return (
        visits,
        served,
        age(kiosk.last_us) if served else 0,
        names.get(lane.holder or ""),
        age(lane.entered_us) if lane.holder else 0,
        min(lane.persons, 2) if lane.holder else 0,
        doors,
        lockers,
        bool(area.held),
        tuple(sorted(area.misses.items())),
        alarms,
        _waiting(node, names),
    )


def _waiting(node: Node, names: dict) -> tuple:
    live = {d.pending.admission for d in node.area.doors.values() if d.pending}
    named = []
    for act in node.waiting:
        if isinstance(act, Unlock):
            named.append((act.door, act.admission is None, act.admission in live))
        else:
            named.append(
                (
                    type(act).__name__,
                    names.get(act.visit),
                    getattr(act, "purpose", ""),
                    getattr(act, "locker", 0),
                )
            )
    return tuple(named)


def is_over(node: Node) -> bool:
    return all(v.state is VisitState.ENDED for v in node.area.visits.values())


def finish(node: Node, rounds: int = 12) -> Node:
    """What an honest person, sound devices and passing time do until everybody has left."""
    node = step(node, HoldLifted("c", None, ()))
    for _ in range(rounds):
        if is_over(node):
            return node
        for who in node.roster.persons:
            node = go_home(node, who)
        node = step(node, Tick(), 130_000_000)
    return node


def go_home(node: Node, who) -> Node:
    """Shut what stands open, press the exit, show the card at the kiosk, take what is there."""
    node = shut_lockers(node)
    node = step(node, ExitPressed("main", node.mono + 10_000))
    node = step(node, CardPlaced("r-kiosk", card_of(who), node.mono + 10_000))
    for act in node.waiting:
        node = step(node, answer(act, Result.DONE))
    node = shut_lockers(node)
    return step(node, KioskAction("kiosk", "nothing_to_store")) if node.area.kiosk("kiosk").visit else node


def shut_lockers(node: Node) -> Node:
    for number in (1, 2):
        node = step(node, LockerChanged("bank", number, True, False, node.mono + 10_000))
    return step(node, Tick())
