"""What a venue file describes, as rows that other subjects refer to."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field

from venue.db.base import Table


class Site(Table, table=True):
    """One venue. `plan_sha256` names the venue file it was loaded from."""

    __tablename__ = "site"
    id: str = Field(primary_key=True)
    name_zh: str
    name_en: str
    simulated: bool
    timezone: str
    plan_sha256: str
    loaded_at: datetime


class Area(Table, table=True):
    """A bounded space of a site."""

    __tablename__ = "area"
    site: str = Field(primary_key=True, foreign_key="site.id")
    id: str = Field(primary_key=True)
    kind: str
    name_zh: str
    name_en: str


class Room(Table, table=True):
    """A room; its id is unique across the centre. `secret` rooms are never recorded (keeps I-18)."""

    __tablename__ = "room"
    id: str = Field(primary_key=True)
    venue: str = Field(foreign_key="site.id", index=True)
    area: str
    kind: str
    capacity: int
    equipment: list[str] = Field(sa_type=JSON)
    secret: bool
    bookable: bool
    name_zh: str
    name_en: str
    way_zh: str
    way_en: str
    position: int = 0
    """Order in the venue file, which is the order of lists and of the timeline."""


class CameraRow(Table, table=True):
    """A camera of a room (`record` = sessions) or of an area (always)."""

    __tablename__ = "camera"
    id: str = Field(primary_key=True)
    venue: str = Field(foreign_key="site.id", index=True)
    room: str | None = Field(default=None, foreign_key="room.id")
    area: str | None = None
    record: str
    name_zh: str
    name_en: str
    position: int = 0


class DeviceRow(Table, table=True):
    """A device or camera and its last known state from facts; `unknown` until the edge spoke."""

    __tablename__ = "device"
    venue: str = Field(primary_key=True, foreign_key="site.id")
    id: str = Field(primary_key=True)
    device_class: str
    state: str = "unknown"
    reason: str | None = None
    simulated: bool = False
    changed_at: datetime | None = None
    detail: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
