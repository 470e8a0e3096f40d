"""A booking and its history. The overlap guard is in the database: migration `0002_bookings` (keeps I-13)."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index
from sqlmodel import Field

from venue.db.base import Table


class Booking(Table, table=True):
    """One room for one sitting. People are in it in [starts_at, ends_at).

    Blocked is [blocked_from, blocked_until); `who` is the project code that a clash names; `state` is booked or
    cancelled.
    """

    __tablename__ = "booking"
    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="times"),
        CheckConstraint("blocked_from <= starts_at AND ends_at <= blocked_until", name="buffers"),
        CheckConstraint("state IN ('booked', 'cancelled')", name="state"),
        Index("ix_booking_room_blocked_from", "room", "blocked_from"),
    )
    id: str = Field(primary_key=True)
    room: str = Field(foreign_key="room.id")
    session: str = Field(index=True)
    sitting: str = Field(index=True)
    purpose: str
    who: str
    people: int
    starts_at: datetime
    ends_at: datetime
    blocked_from: datetime
    blocked_until: datetime
    state: str
    reason: str | None = None
    made_by: str
    made_at: datetime


class BookingChange(Table, table=True):
    """One line of a booking's history: `what` is placed, moved or cancelled; before and after as stamps."""

    __tablename__ = "booking_change"
    number: int | None = Field(default=None, primary_key=True)
    booking: str = Field(foreign_key="booking.id", index=True)
    at: datetime
    actor: str
    what: str
    reason: str | None = None
    before: dict[str, Any] = Field(sa_type=JSON)
    after: dict[str, Any] = Field(sa_type=JSON)
