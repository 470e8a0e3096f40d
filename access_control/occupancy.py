"""Who is where (C7): counts from facts, by visit and alias, never by name."""

from collections.abc import Mapping
from dataclasses import dataclass

from access_control.shapes import Area, LockerKey, Visit
from access_control.states import VisitState


@dataclass(frozen=True, slots=True)
class Occupancy:
    """`inside`: visits behind the main door; `rooms`: room → visits; `lockers`: locker → its visit."""

    inside: tuple[str, ...]
    rooms: Mapping[str, tuple[str, ...]]
    lockers: Mapping[LockerKey, str]


@dataclass(frozen=True, slots=True)
class HeadCount:
    """One sitting's attendance. `open_visits`: begun and not ended, whoever left nothing open is not in it."""

    expected: int
    arrived: int
    inside: int
    left: int
    open_visits: tuple[str, ...]


def occupancy(area: Area) -> Occupancy:
    """Everybody behind the main door, and every locker in use."""
    inside = tuple(v.id for v in area.visits.values() if v.state is VisitState.INSIDE)
    rooms = {room: tuple(v.id for v in area.visits.values() if v.room == room) for room in area.site.rooms}
    lockers = {key: locker.visit for key, locker in area.lockers.items() if locker.visit}
    return Occupancy(inside, rooms, lockers)


def head_count(area: Area, sitting: str) -> HeadCount:
    """Attendance of a sitting. After `sitting_closed` ended visits are forgotten: ask before."""
    visits = [v for v in area.visits.values() if v.sitting == sitting]
    came = {v.alias for v in visits if v.outcome != "cancelled"}
    known = area.sittings.get(sitting)
    return HeadCount(
        expected=known.expected if known else 0,
        arrived=len(came),
        inside=sum(v.state is VisitState.INSIDE for v in visits),
        left=sum(v.outcome == "left" for v in visits),
        open_visits=tuple(v.id for v in visits if is_open(v)),
    )


def is_open(visit: Visit) -> bool:
    """Whether something of this visit is not finished yet."""
    return visit.state is not VisitState.ENDED
