"""Place, shift and release bookings; each with history and audit in the caller's transaction (keeps I-13, I-16)."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from contract.clock import stamp
from venue.bookings.rules import Buffers, Interval, Refusal, RoomFacts, Taken, Wish, free_slots, refusals
from venue.bookings.tables import Booking, BookingChange
from venue.db import audit, new_id, now
from venue.sites.tables import Room

GUARD = "booking_no_overlap"


class BookingRefused(Exception):
    """The rules or the database say no; `refusals` says why and who is in the way."""

    def __init__(self, found: tuple[Refusal, ...]) -> None:
        super().__init__(found[0].key)
        self.refusals = found


@dataclass(frozen=True, slots=True)
class Owner:
    """For whom a room is booked; `who` (the project code) is what a clash names."""

    session: str
    sitting: str
    who: str


def room_facts(db: Session, room: str) -> RoomFacts | None:
    """What the rules need of a room; None when there is no such room."""
    row = db.get(Room, room)
    if row is None:
        return None
    return RoomFacts(row.id, row.kind, row.capacity, frozenset(row.equipment), row.bookable)


def standing(db: Session, room: str, window: Interval, but_sitting: str | None = None) -> list[Taken]:
    """Bookings that block `room` somewhere in `window`, leaving out those of one sitting."""
    query = select(Booking).where(
        Booking.room == room,
        Booking.state == "booked",
        Booking.blocked_from < window.end,
        Booking.blocked_until > window.start,
        Booking.sitting != (but_sitting or ""),
    )
    return [Taken(b.id, b.room, Interval(b.blocked_from, b.blocked_until), b.who) for b in db.exec(query)]


def check(db: Session, wish: Wish, buffers: Buffers, but_sitting: str | None = None) -> tuple[Refusal, ...]:
    """Every reason against the wish now; the same judge that accepts it."""
    taken = standing(db, wish.room, wish.window.grown(buffers), but_sitting)
    return refusals(wish, room_facts(db, wish.room), taken, buffers)


def slots(db: Session, wish: Wish, buffers: Buffers, length: timedelta, step: timedelta) -> list[Interval]:
    """Free slots of `length` in the wish's window; empty when the room is not there or never fits."""
    room = room_facts(db, wish.room)
    if room is None:
        return []
    return free_slots(wish, room, standing(db, wish.room, wish.window.grown(buffers)), buffers, length, step)


def place(db: Session, actor: str, wish: Wish, owner: Owner, buffers: Buffers) -> Booking:
    """Book one room; raises BookingRefused."""
    _demand(check(db, wish, buffers))
    blocked = wish.window.grown(buffers)
    booking = Booking(
        id=new_id(db), room=wish.room, session=owner.session, sitting=owner.sitting, purpose=wish.purpose,
        who=owner.who, people=wish.people, starts_at=wish.window.start, ends_at=wish.window.end,
        blocked_from=blocked.start, blocked_until=blocked.end, state="booked", made_by=actor, made_at=now(db),
    )  # fmt: skip
    _store(db, booking, wish)
    _record(db, actor, booking, "placed", {}, None)
    return booking


def shift(
    db: Session, actor: str, booking: Booking, window: Interval, room: str, buffers: Buffers, reason: str
) -> None:
    """Move one booking in time or to another room; raises BookingRefused. Times of a sitting move together."""
    wish = Wish(room, booking.purpose, window, booking.people)
    _demand(check(db, wish, buffers, booking.sitting))
    before, blocked = _form(booking), window.grown(buffers)
    booking.room, booking.starts_at, booking.ends_at = room, window.start, window.end
    booking.blocked_from, booking.blocked_until = blocked.start, blocked.end
    _store(db, booking, wish)
    _record(db, actor, booking, "moved", before, reason)


def release(db: Session, actor: str, booking: Booking, reason: str) -> None:
    """Give the room back; the row stays as history. Doing it twice changes nothing."""
    if booking.state == "cancelled":
        return
    before = _form(booking)
    booking.state, booking.reason = "cancelled", reason
    db.add(booking)
    db.flush()
    _record(db, actor, booking, "cancelled", before, reason)


def _demand(found: tuple[Refusal, ...]) -> None:
    if found:
        raise BookingRefused(found)


def _store(db: Session, booking: Booking, wish: Wish) -> None:
    """Let the database judge last: two requests may both have passed the check (PostgreSQL)."""
    try:
        with db.begin_nested():
            db.add(booking)
            db.flush()
    except IntegrityError as error:
        if GUARD not in str(error.orig):
            raise
        found = Refusal("booking.clash", {"room": wish.room})
        raise BookingRefused(
            (replace(found, clashes=tuple(standing(db, wish.room, wish.window))),)
        ) from error


def _form(booking: Booking) -> dict[str, Any]:
    return {
        "room": booking.room, "starts_at": stamp(booking.starts_at), "ends_at": stamp(booking.ends_at),
        "state": booking.state,
    }  # fmt: skip


def _record(
    db: Session, actor: str, booking: Booking, what: str, before: dict[str, Any], reason: str | None
) -> None:
    after = _form(booking)
    db.add(
        BookingChange(
            booking=booking.id, at=now(db), actor=actor, what=what, reason=reason, before=before, after=after
        )
    )
    audit.write(
        db, actor, f"booking.{what}", booking.id, {"before": before, "after": after, "reason": reason}
    )
