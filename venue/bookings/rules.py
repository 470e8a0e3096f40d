"""What fits a room and when: pure, and the only place that says so (keeps I-13)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Half-open time `[start, end)`, aware; an empty or inverted one is a ValueError."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("naive datetime")
        if not self.start < self.end:
            raise ValueError("empty interval")

    def overlaps(self, other: "Interval") -> bool:
        """Do the two share an instant? Neighbours that touch do not."""
        return self.start < other.end and other.start < self.end

    def grown(self, buffers: "Buffers") -> "Interval":
        """With the time to set up before and to clear after."""
        return Interval(self.start - buffers.before, self.end + buffers.after)


@dataclass(frozen=True, slots=True)
class Buffers:
    """Time around a booking in which its room is blocked too; neither may be negative."""

    before: timedelta = timedelta(0)
    after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class RoomFacts:
    """What the rules need to know of a room."""

    room: str
    kind: str
    capacity: int
    equipment: frozenset[str] = frozenset()
    bookable: bool = True


@dataclass(frozen=True, slots=True)
class Wish:
    """One room for one purpose in one window, for so many people with so much equipment."""

    room: str
    purpose: str
    window: Interval
    people: int = 1
    equipment: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Taken:
    """A booking that stands; `blocked` already includes its buffers, `who` says whose it is."""

    booking: str
    room: str
    blocked: Interval
    who: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a wish cannot be met: message key, parameters, and the bookings in the way."""

    key: str
    params: Mapping[str, object] = field(default_factory=dict)
    clashes: tuple[Taken, ...] = ()


# Which kinds of room serve a purpose (BJ-S 6.2: rooms are built for one use; a negotiation may sit in either area).
FITTING_KINDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "opening": frozenset({"opening"}),
        "evaluation": frozenset({"evaluation", "remote_evaluation"}),
        "clarification": frozenset({"clarification"}),
        "negotiation": frozenset({"negotiation", "consultation", "evaluation"}),
        "consultation": frozenset({"consultation", "negotiation"}),
        "auction": frozenset({"auction", "bidding"}),
        "overnight": frozenset({"overnight"}),
    }
)


def refusals(
    wish: Wish, room: RoomFacts | None, taken: Iterable[Taken], buffers: Buffers
) -> tuple[Refusal, ...]:
    """Every reason against the wish, none when it fits; the one judge for checking, listing and accepting (I-13)."""
    if room is None or room.room != wish.room:
        return (Refusal("booking.unknown_room", {"room": wish.room}),)
    return (*_unfit(wish, room), *_clash(wish, taken, buffers))


def _unfit(wish: Wish, room: RoomFacts) -> Iterator[Refusal]:
    if not room.bookable:
        yield Refusal("booking.not_bookable", {"room": wish.room})
    if room.kind not in FITTING_KINDS.get(wish.purpose, frozenset()):
        yield Refusal("booking.wrong_kind", {"room": wish.room, "kind": room.kind, "purpose": wish.purpose})
    if wish.people > room.capacity:
        yield Refusal(
            "booking.too_small", {"room": wish.room, "capacity": room.capacity, "people": wish.people}
        )
    missing = sorted(wish.equipment - room.equipment)
    if missing:
        yield Refusal("booking.lacks_equipment", {"room": wish.room, "missing": missing})


def _clash(wish: Wish, taken: Iterable[Taken], buffers: Buffers) -> Iterator[Refusal]:
    blocked = wish.window.grown(buffers)
    clashes = tuple(
        sorted(
            (other for other in taken if other.room == wish.room and other.blocked.overlaps(blocked)),
            key=lambda other: (other.blocked, other.booking),
        )
    )
    if clashes:
        yield Refusal("booking.clash", {"room": wish.room}, clashes)


def free_slots(
    wish: Wish, room: RoomFacts, taken: Iterable[Taken], buffers: Buffers, length: timedelta, step: timedelta
) -> list[Interval]:
    """Starts within `wish.window`, every `step`, at which a booking of `length` would be accepted."""
    if length <= timedelta(0) or step <= timedelta(0):
        raise ValueError("length and step must be positive")
    standing = [other for other in taken if other.room == wish.room]
    slots = []
    start = wish.window.start
    while start + length <= wish.window.end:
        slot = Interval(start, start + length)
        trial = Wish(wish.room, wish.purpose, slot, wish.people, wish.equipment)
        if not refusals(trial, room, standing, buffers):
            slots.append(slot)
        start += step
    return slots
