"""What the session endpoints take and give."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from venue.db.inputs import Instant

Purpose = Literal[
    "opening", "evaluation", "clarification", "negotiation", "consultation", "auction", "overnight"
]
Kind = Literal["opening", "evaluation", "negotiation", "consultation", "auction"]
Action = Literal["prepare", "open", "close", "cancel", "file"]


class RoomIn(BaseModel):
    """A room and what for."""

    room: str
    purpose: Purpose
    people: int = Field(default=1, ge=1)


class SessionIn(BaseModel):
    """A session with one sitting."""

    project_code: str = Field(min_length=1, max_length=80)
    title: str = Field(min_length=1, max_length=200)
    kind: Kind
    checkin_opens_at: Instant
    starts_at: Instant
    ends_at: Instant
    rooms: list[RoomIn] = Field(min_length=1, max_length=20)


class PartOut(BaseModel):
    """A room of a sitting and its booking."""

    room: str
    purpose: str
    booking: str


class SittingOut(BaseModel):
    """A window of a session."""

    id: str
    number: int
    checkin_opens_at: datetime
    starts_at: datetime
    ends_at: datetime
    rooms: list[PartOut]


class ItemOut(BaseModel):
    """A line of the check list."""

    item: str
    source: Literal["machine", "person"]
    state: Literal["ok", "missing", "waived"]
    params: dict[str, object]


class SessionRow(BaseModel):
    """A session in a list."""

    id: str
    venue: str
    project_code: str
    title: str
    kind: str
    state: str
    suspended_from: str | None
    reason: str | None
    served_by: str
    sittings: list[SittingOut]


class SessionOut(SessionRow):
    """A session with what may be done next and its check list."""

    actions: list[Action]
    preparation: list[ItemOut]


class ActionIn(BaseModel):
    """Why: needed to cancel, and to prepare what is not ready."""

    reason: str = Field(default="", max_length=500)


class ActionOut(BaseModel):
    """The session after the action, and the command whose answer is still to come."""

    session: SessionOut
    command: str | None


class TickIn(BaseModel):
    """A person's word on a line of the check list."""

    state: Literal["ok", "missing", "waived"]


class FactOut(BaseModel):
    """A fact of the session, as the site stated it."""

    position: int
    edge: str
    seq: int
    kind: str
    visit: str | None
    wall: datetime
    body: dict[str, object]


class PersonOut(BaseModel):
    """A person by alias; `place` is None outside."""

    visit: str
    alias: str
    role: str
    step: str
    place: str | None
    since: datetime


class PeopleOut(BaseModel):
    """Who is where. `expected` is how many the roster holds, None before it was opened on site."""

    expected: int | None
    inside: int
    people: list[PersonOut]


class TodayRow(BaseModel):
    """One sitting of today for the glance from three metres."""

    session: str
    sitting: str
    project_code: str
    title: str
    kind: str
    state: str
    rooms: list[str]
    checkin_opens_at: datetime
    starts_at: datetime
    ends_at: datetime
    expected: int | None
    inside: int
    missing: list[str]


class TodayAlarm(BaseModel):
    """A standing alarm."""

    alarm: str
    origin: str
    subject: str
    detail_key: str
    params: dict[str, object]
    raised_at: datetime


class TodayOut(BaseModel):
    """Today, as the home page shows it."""

    now: datetime
    well: bool
    sessions: list[TodayRow]
    alarms: list[TodayAlarm]
    devices_ill: int
    deliveries_late: int


class MoveIn(BaseModel):
    """Where a booking goes; what is left out stays. Times are the booking's: from check-in to the end."""

    room: str | None = None
    starts_at: Instant | None = None
    ends_at: Instant | None = None
    reason: str = Field(default="", max_length=500)


class CancelIn(BaseModel):
    """Why."""

    reason: str = Field(min_length=1, max_length=500)


class SignRow(BaseModel):
    """A row of a sign. An evaluation says only that its room is planned or in use."""

    room: str
    room_zh: str
    room_en: str
    kind: str | None
    state: str
    starts_at: datetime
    ends_at: datetime


class HallOut(BaseModel):
    """The hall's list: public sittings of today."""

    now: datetime
    rows: list[SignRow]


class DoorOut(BaseModel):
    """One door: is the room in use, what is on, what is next."""

    now: datetime
    room: str
    room_zh: str
    room_en: str
    in_use: bool
    current: SignRow | None
    next: SignRow | None
