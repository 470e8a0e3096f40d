"""Sessions, their windows of time and their rooms."""

from datetime import datetime

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from venue.db.base import Table
from venue.sessions.rules import State

_STATES = ", ".join(f"'{state}'" for state in State)


class TradingSession(Table, table=True):
    """An opening, an evaluation, an auction.

    `state` and `back`: `rules.py`; `served_by` is the venue's named person (V9).
    """

    __tablename__ = "trading_session"
    __table_args__ = (CheckConstraint(f"state IN ({_STATES})", name="state"),)
    id: str = Field(primary_key=True)
    venue: str = Field(foreign_key="site.id", index=True)
    project_code: str = Field(index=True)
    title: str
    kind: str
    state: str = Field(index=True)
    back: str | None = None
    reason: str | None = None
    served_by: str
    made_at: datetime
    closed_at: datetime | None = None


class Sitting(Table, table=True):
    """One window of a session: check-in from `checkin_opens_at`, the session itself in [starts_at, ends_at)."""

    __tablename__ = "sitting"
    __table_args__ = (CheckConstraint("checkin_opens_at <= starts_at AND starts_at < ends_at", name="times"),)
    id: str = Field(primary_key=True)
    session: str = Field(foreign_key="trading_session.id", index=True)
    number: int
    checkin_opens_at: datetime = Field(index=True)
    starts_at: datetime
    ends_at: datetime
    checkin_opened_at: datetime | None = None
    ended_at: datetime | None = None


class Part(Table, table=True):
    """One room of one sitting, and the booking that holds it."""

    __tablename__ = "part"
    sitting: str = Field(primary_key=True, foreign_key="sitting.id")
    booking: str = Field(primary_key=True, foreign_key="booking.id")
    venue: str
    room: str
    purpose: str


class PreparationItem(Table, table=True):
    """What a person said about a line of the check list: ok, missing or waived."""

    __tablename__ = "preparation_item"
    session: str = Field(primary_key=True, foreign_key="trading_session.id")
    item: str = Field(primary_key=True)
    state: str
    judged_by: str
    judged_at: datetime


class DutyMark(Table, table=True):
    """A step of a sitting that a duty already took, so that running twice takes it once."""

    __tablename__ = "duty_mark"
    sitting: str = Field(primary_key=True, foreign_key="sitting.id")
    step: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    command: str | None = None
    at: datetime
