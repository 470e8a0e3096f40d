"""An independent judge of I-1 to I-6: it reads the facts and acts that came out, never the deciding state.

It keeps its own small books, written from the invariants; where it and `decide` differ, one of them is wrong.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from access_control.acts import OpenLocker, Unlock
from access_control.observations import KioskAction
from access_control.rosters import Rosters
from access_control.settings import Settings
from access_control.site import SitePlan
from contract.clock import parse_stamp
from devices.ports import CardPlaced, DoorChanged, ExitPressed, GatePassage, LockerChanged


class Broken(AssertionError):
    """An invariant does not hold."""


def demand(holds: object, invariant: str, why: object) -> None:
    if not holds:
        raise Broken(f"{invariant}: {why}")


@dataclass(frozen=True)
class Book:
    """What the oracle wrote down of one visit."""

    sitting: str = ""
    alias: str = ""
    matched: frozenset[str] = frozenset()
    confirmed: int = 0
    custody: int = 0
    lane: str | None = None
    lane_seq: int = 0
    gate: int = 0
    gate_us: int = 0
    inside: bool = False
    ended: bool = False


@dataclass(frozen=True)
class Grant:
    visit: str
    door: str
    unlocked: bool = False
    withdrawn: bool = False
    used: bool = False


@dataclass
class Oracle:
    site: SitePlan
    rosters: Rosters
    settings: Settings
    books: dict[str, Book] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    lanes: dict[str, str] = field(default_factory=dict)
    persons: dict[str, int] = field(default_factory=dict)
    owners: dict[tuple[str, int], str] = field(default_factory=dict)
    permits: dict[tuple[str, int], str] = field(default_factory=dict)
    ajar: dict[tuple[str, int], str] = field(default_factory=dict)
    perhaps: dict[tuple[str, int], int] = field(default_factory=dict)
    sittings: dict[str, str] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    alarms: frozenset[tuple[str, str]] = frozenset()
    seen: frozenset[object] = frozenset()
    boot: str = ""
    to_show: tuple = ()
    to_withdraw: tuple = ()

    def copy(self) -> "Oracle":
        same = replace(self)
        for name in (
            "books",
            "grants",
            "lanes",
            "persons",
            "owners",
            "permits",
            "ajar",
            "perhaps",
            "sittings",
        ):
            setattr(same, name, dict(getattr(self, name)))
        return same

    # ---- one step ---------------------------------------------------------------------------------

    def judge(self, observation: object, records: list[dict], acts: tuple, now_us: int) -> None:
        """`records` and `acts` of one decision with its follow-ups."""
        for record in records:
            self._read(record)
        moves = [a for a in acts if isinstance(a, Unlock | OpenLocker)]
        self._readings(observation, moves, now_us)
        for act in moves:
            if isinstance(act, Unlock):
                self._unlock(act, observation)
            else:
                self._open_locker(act, observation, now_us)
        if (
            isinstance(observation, ExitPressed)
            and observation.mono_us > 0
            and 0 <= now_us - observation.mono_us <= self.settings.exit_fresh_s * 1e6
        ):
            free = [
                a
                for a in moves
                if isinstance(a, Unlock) and a.door == observation.door and a.admission is None
            ]
            demand(len(free) == 1 or observation.door not in self.site.doors, "I-3", observation)

    def _readings(self, observation: object, moves: list, now_us: int) -> None:
        limits = {CardPlaced: self.settings.card_fresh_s, DoorChanged: 10, LockerChanged: 10, ExitPressed: 30}
        kind = type(observation)
        if kind is GatePassage:
            at, limit = observation.ended_mono_us, self.settings.gate_event_fresh_s
        elif kind in limits:
            at, limit = observation.mono_us, limits[kind]
        else:
            return
        stale = at <= 0 or at > now_us or now_us - at > limit * 1_000_000
        demand(not (moves and stale), "I-4", ("stale", observation, moves))
        replay = observation in self.seen and not isinstance(observation, ExitPressed | LockerChanged)
        demand(not (moves and replay), "I-4", ("replayed", observation, moves))
        if at <= now_us:  # what claims to be of the future was no reading the first time
            self.seen |= {observation}

    def _unlock(self, act: Unlock, observation: object) -> None:
        if act.admission is None:
            demand(isinstance(observation, ExitPressed), "I-1", "an exit opens by its button only")
            return
        grant = self.grants.get(act.admission)
        demand(grant, "I-1", "no granting fact before the unlock")
        demand(grant.door == act.door and not grant.withdrawn, "I-1", (grant, act))
        demand(not grant.unlocked and not grant.used, "I-5", "unlocked twice")
        self.grants[act.admission] = replace(grant, unlocked=True)

    def _open_locker(self, act: OpenLocker, observation: object, now_us: int) -> None:
        key = (act.bank, act.locker)
        demand(
            self.permits.pop(key, None) == f"{act.purpose} {act.visit}",
            "I-5",
            ("no permission, or used up", act),
        )
        demand(self.owners.get(key) == act.visit, "I-6", ("not its depositor", act))
        demand(
            not self.books[act.visit].inside and not self.books[act.visit].lane,
            "I-6",
            ("not at the kiosk", act),
        )
        settle_us = self.settings.locker_settle_s * 1_000_000
        perhaps = {k for k, at in self.perhaps.items() if now_us - at <= settle_us}
        others = {k for k in {*self.ajar, *perhaps} if k[0] == act.bank and k != key}
        demand(not others, "I-6", ("another is open", others))
        demand(
            not isinstance(observation, KioskAction) or act.purpose == "deposit", "I-6", "returned by a touch"
        )
        self.ajar[key] = act.visit

    # ---- books ------------------------------------------------------------------------------------

    def _read(self, record: dict) -> None:
        if record["boot"] != self.boot:
            self.boot = record["boot"]
            self.books = {k: replace(b, gate=0, gate_us=0) for k, b in self.books.items()}
            self.perhaps = {}
        read = getattr(self, f"_{record['kind']}", None)
        if read:
            read(record, record["body"], self.books.get(record["visit"] or "", Book()))

    def _keep(self, record: dict, book: Book) -> None:
        self.books[record["visit"]] = book

    def _roster_opened(self, record, body, book):
        self.sittings[body["sitting"]] = "open"

    def _sitting_closed(self, record, body, book):
        self.sittings[body["sitting"]] = "closed"

    def _entry_held(self, record, body, book):
        self.held |= set(body["rooms"])

    def _entry_resumed(self, record, body, book):
        self.held -= set(body["rooms"])

    def _alarm_raised(self, record, body, book):
        self.alarms |= {(body["alarm"], body["subject"])}

    def _alarm_cleared(self, record, body, book):
        self.alarms -= {(body["alarm"], body["subject"])}

    def _visit_started(self, record, body, book):
        self._keep(record, Book(sitting=body["sitting"], alias=body["alias"]))

    def _identity_checked(self, record, body, book):
        if body["result"] == "matched":
            self._keep(record, replace(book, matched=book.matched | {body["method"]}))

    def _identity_confirmed(self, record, body, book):
        demand(
            "card" in book.matched and book.matched & {"face", "pin"},
            "I-2",
            ("confirmed without checks", book),
        )
        self._keep(record, replace(book, confirmed=record["seq"]))

    def _locker_assigned(self, record, body, book):
        key, visit = (body["bank"], body["locker"]), record["visit"]
        demand(self.owners.get(key, visit) == visit, "I-6", "given to a second person")
        self.owners[key], self.permits[key] = visit, f"deposit {visit}"
        self._keep(record, replace(book, custody=0, gate=0))

    def _locker_opened(self, record, body, book):
        key = (body["bank"], body["locker"])
        if body["result"] == "done":
            self.ajar[key] = record["visit"]
        else:
            self.ajar.pop(key, None)
        self.perhaps.pop(key, None)
        if body["result"] == "unknown":
            self.perhaps[key] = record["mono_us"]
        self.unknowns(body, "locker_result_unknown", f"{key[0]}/{key[1]}")

    def unknowns(self, body: dict, alarm: str, subject: str) -> None:
        """Remember that an unknown result must be shown by the end of the step (keeps I-5)."""
        if body["result"] == "unknown":
            self.to_show = (*self.to_show, (alarm, subject))

    def all_shown(self) -> None:
        for shown in self.to_show:
            demand(shown in self.alarms, "I-5", ("unknown and not shown", shown))
        self.to_show = ()

    def _locker_closed(self, record, body, book):
        key = (body["bank"], body["locker"])
        self.ajar.pop(key, None)
        if self.owners.get(key) == "out of use":
            demand(record["visit"] is None, "I-6", "repaired for somebody")
            del self.owners[key]

    def _locker_jammed(self, record, body, book):
        key = (body["bank"], body["locker"])
        self.ajar.pop(key, None)
        self.perhaps.pop(key, None)
        self.permits.pop(key, None)
        self.owners[key] = "out of use"

    def _custody_settled(self, record, body, book):
        demand(book.confirmed, "I-2", "custody before identity")
        demand(record["visit"] not in self.ajar.values(), "I-2", "settled with an open locker")
        if body["declared_empty"]:
            self.owners = {k: v for k, v in self.owners.items() if v != record["visit"]}
        else:
            demand(
                self.owners.get((body["bank"], body["locker"])) == record["visit"], "I-6", "another's locker"
            )
        self._keep(record, replace(book, custody=record["seq"], gate=0))

    def _custody_returned(self, record, body, book):
        demand(
            self.owners.pop((body["bank"], body["locker"]), None) == record["visit"],
            "I-6",
            "to another person",
        )
        self._keep(record, replace(book, custody=0, gate=0))

    def _card_presented(self, record, body, book):
        if body["result"] == "leaving":
            for key in [k for k, v in self.owners.items() if v == record["visit"]]:
                self.permits[key] = f"return {record['visit']}"

    def _lane_entered(self, record, body, book):
        demand(body["lane"] not in self.lanes, "I-2", "two visits in one lane")
        self.lanes[body["lane"]] = record["visit"]
        self.persons[body["lane"]] = 0
        self._keep(record, replace(book, lane=body["lane"], lane_seq=record["seq"], gate=0))

    def _lane_left(self, record, body, book):
        self.lanes.pop(body["lane"], None)
        self._keep(record, replace(book, lane=None, gate=0))

    def _gate_passed(self, record, body, book):
        step = -1 if body["direction"] == "out" else 1
        self.persons[body["lane"]] = max(0, self.persons.get(body["lane"], 0) + step)
        if record["visit"]:
            good = body["clear"] and not body["doubtful"] and book.lane == body["lane"]
            self._keep(record, replace(book, gate=record["seq"] if good else 0, gate_us=record["mono_us"]))
            if not good:
                open_now = [
                    g for g in self.grants.values() if g.visit == record["visit"] and self._is_open_main(g)
                ]
                self.to_withdraw = (*self.to_withdraw, *open_now)

    def _is_open_main(self, grant: Grant) -> bool:
        return self.site.doors[grant.door].kind == "main" and not grant.withdrawn and not grant.used

    def _admission_granted(self, record, body, book):
        door, grounds = self.site.doors[body["door"]], body["grounds"]
        demand(grounds["identity_seq"] == book.confirmed > 0, "I-2", ("identity", book))
        demand(self.sittings.get(book.sitting) == "open", "I-2", "no open sitting")
        roster = self.rosters.of(book.sitting)
        person = roster and roster.person(book.alias)
        demand(person, "I-2", "not on the roster")
        if door.kind == "main":
            self._main_grant(record, grounds, book, roster, person)
        else:
            demand(
                book.inside and door.room in person.rooms and door.room not in self.held,
                "I-2",
                ("room", door, book),
            )
            demand(door.guards == "evaluation", "I-2", "a door opened by hand")
        self.grants[body["admission"]] = Grant(record["visit"], body["door"])

    def _main_grant(self, record, grounds, book, roster, person) -> None:
        wall: datetime = parse_stamp(record["wall"])
        order = book.confirmed < book.custody < book.lane_seq < book.gate
        demand(order and self.lanes.get(book.lane) == record["visit"], "I-2", ("order", book))
        demand(
            (grounds["custody_seq"], grounds["gate_seq"]) == (book.custody, book.gate),
            "I-2",
            ("grounds", grounds, book),
        )
        demand(
            record["mono_us"] - book.gate_us <= self.settings.gate_fresh_s * 1_000_000,
            "I-4",
            "old gate reading",
        )
        demand(self.persons.get(book.lane) == 1, "I-2", ("not alone behind the gate", book))
        demand(roster.checkin_opens_at <= wall <= roster.ends_at, "I-2", "outside the window")
        demand(not set(person.rooms) <= self.held and not book.inside, "I-2", ("held or inside", book))

    def _admission_withdrawn(self, record, body, book):
        self.grants[body["admission"]] = replace(self.grants[body["admission"]], withdrawn=True)

    def _door_unlocked(self, record, body, book):
        self.unknowns(
            body, "door_result_unknown" if body["for"] == "entry" else "exit_not_released", body["door"]
        )

    def _person_entered(self, record, body, book):
        mine = [k for k, g in self.grants.items() if g.visit == record["visit"] and g.door == body["door"]]
        live = [k for k in mine if not self.grants[k].withdrawn and not self.grants[k].used]
        demand(len(live) == 1, "I-1", ("entered without one live admission", body, live))
        self.grants[live[0]] = replace(self.grants[live[0]], used=True)
        if body["place"] == "evaluation":
            self._keep(record, replace(book, inside=True))

    def _person_left(self, record, body, book):
        if body["place"] == "evaluation":
            self._keep(record, replace(book, inside=False))

    def _visit_ended(self, record, body, book):
        demand(record["visit"] not in self.owners.values(), "I-6", "ended while a locker holds its things")
        self._keep(record, replace(book, ended=True, lane=None))

    def settle(self) -> None:
        """After a whole step: what had to be shown was shown, what had to be taken back was taken back."""
        self.all_shown()
        for grant in self.to_withdraw:
            now = [g for g in self.grants.values() if g.visit == grant.visit and g.door == grant.door]
            demand(
                all(g.withdrawn or g.used for g in now), "I-2", ("an alarm left the grant standing", grant)
            )
        self.to_withdraw = ()
