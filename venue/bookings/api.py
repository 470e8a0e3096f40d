"""Look at bookings, ask whether one would fit, list what is free. Moving and cancelling: `venue.sessions.moves_api`."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, Field
from sqlmodel import select

from contract.clock import stamp
from venue.bookings import service
from venue.bookings.rules import Interval, Refusal, Wish
from venue.bookings.service import BookingRefused
from venue.bookings.settings import BookingSettings, booking_settings
from venue.bookings.tables import Booking, BookingChange
from venue.db import Reading, now
from venue.db.inputs import Instant
from venue.identity import Actor, require
from venue.identity.gate import refuse
from venue.settings import Settings

router = APIRouter(tags=["bookings"])


class BookingOut(BaseModel):
    """A booking as the timeline shows it; blocked_* include the buffers."""

    id: str
    room: str
    session: str
    sitting: str
    purpose: str
    who: str
    starts_at: datetime
    ends_at: datetime
    blocked_from: datetime
    blocked_until: datetime
    state: str
    reason: str | None


class ClashOut(BaseModel):
    """What is in the way: whose, when, where."""

    booking: str
    room: str
    who: str
    blocked_from: datetime
    blocked_until: datetime


class RefusalOut(BaseModel):
    """One reason against a wish, as message key and parameters."""

    key: str
    params: dict[str, object]
    clashes: list[ClashOut]


class CheckIn(BaseModel):
    """A wish; `but_sitting` leaves out the bookings of the sitting that is being moved."""

    room: str
    purpose: str
    starts_at: Instant
    ends_at: Instant
    people: int = Field(default=1, ge=1)
    equipment: list[str] = []
    but_sitting: str | None = None


class CheckOut(BaseModel):
    """Would it be accepted now?"""

    fits: bool
    refusals: list[RefusalOut]


class SlotOut(BaseModel):
    """A slot that would be accepted."""

    starts_at: datetime
    ends_at: datetime


class ChangeOut(BaseModel):
    """One line of a booking's history."""

    at: datetime
    actor: str
    what: str
    reason: str | None
    before: dict[str, object]
    after: dict[str, object]


def settings_of(request: Request) -> BookingSettings:
    """Booking settings of the centre that answers."""
    settings: Settings = request.app.state.settings
    return booking_settings(settings)


def window(starts_at: datetime, ends_at: datetime) -> Interval:
    """An interval from the outside; 422 when naive, empty or inverted."""
    try:
        return Interval(starts_at, ends_at)
    except ValueError as error:
        raise refuse(422, "booking.bad_times") from error


def refusal_out(refusal: Refusal) -> RefusalOut:
    """A refusal in the form of the wire."""
    clashes = [
        ClashOut(
            booking=one.booking, room=one.room, who=one.who,
            blocked_from=one.blocked.start, blocked_until=one.blocked.end,
        )
        for one in refusal.clashes
    ]  # fmt: skip
    return RefusalOut(key=refusal.key, params=dict(refusal.params), clashes=clashes)


def refused(error: BookingRefused) -> HTTPException:
    """409 naming the first reason, and for a clash who and when."""
    first = error.refusals[0]
    clashes = [
        {"booking": c.booking, "room": c.room, "who": c.who,
         "from": stamp(c.blocked.start), "until": stamp(c.blocked.end)}
        for c in first.clashes
    ]  # fmt: skip
    return refuse(409, first.key, **first.params, **({"clashes": clashes} if clashes else {}))


@router.get("/bookings", operation_id="list_bookings")
def list_bookings(
    db: Reading,
    _: Annotated[Actor, require("bookings.read")],
    since: Annotated[Instant | None, Query(alias="from")] = None,
    until: Instant | None = None,
) -> list[BookingOut]:
    """Bookings that block a room in [from, until), cancelled ones left out; by default yesterday to a month on."""
    start = since or now(db) - timedelta(days=1)
    span = window(start, until or start + timedelta(days=32))
    query = (
        select(Booking)
        .where(Booking.state == "booked", Booking.blocked_from < span.end, Booking.blocked_until > span.start)
        .order_by(Booking.starts_at, Booking.room)  # type: ignore[arg-type]
    )
    return [BookingOut.model_validate(row, from_attributes=True) for row in db.exec(query)]


@router.get("/bookings/{booking}/history", operation_id="read_booking_history")
def read_booking_history(
    db: Reading, _: Annotated[Actor, require("bookings.read")], booking: str
) -> list[ChangeOut]:
    """Everything that happened to a booking, oldest first."""
    query = select(BookingChange).where(BookingChange.booking == booking).order_by(BookingChange.number)  # type: ignore[arg-type]
    return [ChangeOut.model_validate(row, from_attributes=True) for row in db.exec(query)]


@router.post("/bookings/check", operation_id="check_booking")
def check_booking(
    request: Request, db: Reading, _: Annotated[Actor, require("bookings.read")], wish: CheckIn
) -> CheckOut:
    """Ask before booking; the answer is that of the accepting function (I-13)."""
    asked = Wish(
        wish.room, wish.purpose, window(wish.starts_at, wish.ends_at), wish.people, frozenset(wish.equipment)
    )
    found = service.check(db, asked, settings_of(request).buffers, wish.but_sitting)
    return CheckOut(fits=not found, refusals=[refusal_out(one) for one in found])


@router.get("/free-slots", operation_id="list_free_slots")
def list_free_slots(
    request: Request,
    db: Reading,
    _: Annotated[Actor, require("bookings.read")],
    room: str,
    purpose: str,
    since: Annotated[Instant, Query(alias="from")],
    until: Instant,
    minutes: Annotated[int, Query(gt=0, le=1440)],
    people: Annotated[int, Query(ge=1)] = 1,
) -> list[SlotOut]:
    """Slots of `minutes` in [from, until) that would be accepted now."""
    settings = settings_of(request)
    span = window(since, until)
    if span.end - span.start > timedelta(days=31):
        raise refuse(422, "booking.window_too_long", days=31)
    step = timedelta(minutes=settings.slot_step_min)
    wish = Wish(room, purpose, span, people)
    found = service.slots(db, wish, settings.buffers, timedelta(minutes=minutes), step)
    return [SlotOut(starts_at=slot.start, ends_at=slot.end) for slot in found]
