"""What is known of visits, kiosks, lanes, doors and lockers: frozen values, copied on change."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from access_control.observations import Purpose
from access_control.site import EVALUATION, LaneSite, SitePlan
from access_control.states import LockerState, VisitState

LockerKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Visit:
    """One person in one sitting. `*_seq`: the facts that a grant stands on. Times `*_us` are monotonic µs."""

    id: str
    session: str
    sitting: str
    alias: str
    role: str
    kiosk: str
    state: VisitState = VisitState.ARRIVED
    started_us: int = 0
    identity_seq: int | None = None
    custody_seq: int | None = None
    gate_seq: int | None = None
    gate_us: int = 0
    """When the standing clean passage was stated; 0: none that counts."""
    face: str | None = None
    """Result of the last comparison."""
    face_misses: int = 0
    pin_misses: int = 0
    pin_sends: int = 0
    pin_result: str | None = None
    locker: LockerKey | None = None
    declared_empty: bool = False
    lane: str | None = None
    alarms: int = 0
    """Gate alarms since custody was settled."""
    room: str | None = None
    rooms_entered: int = 0
    entered_at: datetime | None = None
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class Locker:
    """One locker's use. `waiting`: an opening was permitted and its answer is not known yet."""

    state: LockerState = LockerState.FREE
    visit: str | None = None
    used: bool = False
    """It was open for this visit: what it holds is not given up for another locker."""
    purpose: Purpose | None = None
    waiting: bool = False
    since_us: int = 0
    """Of the last permission, answer, opening or closing."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An admission that was granted and neither used nor withdrawn."""

    admission: str
    visit: str
    granted_us: int
    answered_us: int | None = None


@dataclass(frozen=True, slots=True)
class DoorNow:
    """A door's contact, the entry it waits for, the exit that runs."""

    open: bool = False
    opened_us: int = 0
    pending: Pending | None = None
    exit_us: int | None = None
    """When an exit was last asked for; None once a door closed after it."""
    exit_waiting: bool = False
    held_open: bool = False


@dataclass(frozen=True, slots=True)
class LaneNow:
    """Who holds a lane since when; when its gate was last read; persons who went in and not out since then."""

    holder: str | None = None
    entered_us: int = 0
    gate_us: int = 0
    persons: int = 0


@dataclass(frozen=True, slots=True)
class KioskNow:
    """Whom a kiosk serves and what it last answered."""

    visit: str | None = None
    answer: str | None = None
    answer_us: int = 0
    last_us: int = 0
    help_since: str | None = None


@dataclass(frozen=True, slots=True)
class SittingNow:
    """A sitting whose check-in began."""

    session: str
    opened: bool = True
    closed: bool = False
    expected: int = 0


@dataclass(frozen=True, slots=True)
class Area:
    """Everything known from facts (a fold of `area.evolve`)."""

    site: SitePlan
    boot: str = ""
    visits: Mapping[str, Visit] = field(default_factory=dict)
    kiosks: Mapping[str, KioskNow] = field(default_factory=dict)
    lanes: Mapping[str, LaneNow] = field(default_factory=dict)
    doors: Mapping[str, DoorNow] = field(default_factory=dict)
    lockers: Mapping[LockerKey, Locker] = field(default_factory=dict)
    sittings: Mapping[str, SittingNow] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    readers: Mapping[str, int] = field(default_factory=dict)
    """Reader → when its last card was stated; what was seen before is a replay (keeps I-4)."""
    misses: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(sitting, alias) → failed identity checks over all visits."""
    alarms: frozenset[tuple[str, str]] = frozenset()
    away: frozenset[str] = frozenset()
    """Locker banks that nobody can reach; after a restart all, until they answer."""

    def kiosk(self, kiosk: str) -> KioskNow:
        """A kiosk's state."""
        return self.kiosks.get(kiosk, KioskNow())

    def lane(self, lane: str) -> LaneNow:
        """A lane's state."""
        return self.lanes.get(lane, LaneNow())

    def door(self, door: str) -> DoorNow:
        """A door's state."""
        return self.doors.get(door, DoorNow())

    def locker(self, key: LockerKey) -> Locker:
        """A locker's state."""
        return self.lockers.get(key, Locker())

    def visit_of(self, sitting: str, alias: str) -> Visit | None:
        """The latest visit of a person in a sitting."""
        found = [v for v in self.visits.values() if v.sitting == sitting and v.alias == alias]
        return found[-1] if found else None

    def at_kiosk(self, kiosk: str) -> Visit | None:
        """The visit that a kiosk serves."""
        return self.visits.get(self.kiosk(kiosk).visit or "")

    def holder(self, lane: LaneSite) -> Visit | None:
        """The visit in a lane."""
        return self.visits.get(self.lane(lane.id).holder or "")

    def place_is_main(self, body: Mapping[str, Any]) -> bool:
        """Whether a fact's door or place is the evaluation area itself."""
        if "place" in body:
            return bool(body["place"] == EVALUATION)
        door = self.site.doors.get(str(body.get("door", "")))
        return door is not None and door.kind == "main"

    def with_visit(self, visit: Visit) -> "Area":
        """The same with one visit replaced."""
        return replace(self, visits={**self.visits, visit.id: visit})

    def with_kiosk(self, kiosk: str, **changes: Any) -> "Area":
        """The same with one kiosk changed."""
        return replace(self, kiosks={**self.kiosks, kiosk: replace(self.kiosk(kiosk), **changes)})

    def with_lane(self, lane: str, **changes: Any) -> "Area":
        """The same with one lane changed."""
        return replace(self, lanes={**self.lanes, lane: replace(self.lane(lane), **changes)})

    def with_door(self, door: str, **changes: Any) -> "Area":
        """The same with one door changed."""
        return replace(self, doors={**self.doors, door: replace(self.door(door), **changes)})

    def with_locker(self, key: LockerKey, **changes: Any) -> "Area":
        """The same with one locker changed."""
        return replace(self, lockers={**self.lockers, key: replace(self.locker(key), **changes)})
