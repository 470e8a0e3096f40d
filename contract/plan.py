"""The venue file: areas, rooms, doors, lanes, kiosks, devices and cameras of one venue.

One TOML file describes a venue completely (`config/example/venue.toml`); a real venue needs another file
and no code. `{home}` in an endpoint is replaced by the state folder. Sources: requirements V1, C2-C5, M1, M2.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from contract.config_file import ConfigError, load


class PlanError(ConfigError):
    """The venue file cannot be used."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,31}$")]
RoomKind = Literal[
    "evaluation", "opening", "clarification", "supervision", "negotiation", "consultation",
    "auction", "bidding", "transfer", "overnight", "remote_evaluation",
]  # fmt: skip


class Words(_Part):
    """One name in both languages."""

    zh: str
    en: str


class Venue(_Part):
    """The venue itself. `simulated` is refused in production (keeps I-19)."""

    id: Id
    name: Words
    simulated: bool = False
    timezone: str = "Asia/Shanghai"
    muster_point: Words


class Area(_Part):
    """A bounded, signed space (BJ-S 6.1.2)."""

    id: Id
    name: Words
    kind: Literal["public", "trading", "evaluation", "office", "supervision"]


class Room(_Part):
    """A room that can be booked, or the supervision room. `secret` rooms are never recorded (keeps I-18)."""

    id: Id
    name: Words
    kind: RoomKind
    area: Id
    capacity: int = Field(gt=0)
    equipment: tuple[str, ...] = ()
    secret: bool = False
    bookable: bool = True
    way: Words
    position: tuple[int, int]
    """Centre of the room on the kiosk's drawn plan, in a 100 x 60 grid."""


class Door(_Part):
    """An entry door: a lock coil, a contact, an exit button and its own reader."""

    id: Id
    name: Words
    kind: Literal["main", "room"]
    room: Id | None = None
    board: Id
    coil: int = Field(ge=0)
    contact_input: int = Field(ge=0)
    exit_input: int = Field(ge=0)
    reader: Id
    unlock_seconds: int = Field(default=5, gt=0, le=30)
    held_open_seconds: int = Field(default=30, gt=0)
    guards: Literal["evaluation", "other"] = "evaluation"
    """`evaluation`: only passages of the signed roster; `other`: outside the gate, staff open it by hand."""


class Lane(_Part):
    """The space from the detection gate to the main door; one visit at a time."""

    id: Id
    name: Words
    reader: Id
    gate: Id
    door: Id


class Kiosk(_Part):
    """A check-in point: an ID-card reader, a screen and the locker banks beside it."""

    id: Id
    name: Words
    reader: Id
    banks: tuple[Id, ...]
    lane: Id
    position: tuple[int, int]


class Relay(_Part):
    """A switched facility (room power, lights) on a relay board."""

    id: Id
    board: Id
    coil: int = Field(ge=0)
    room: Id


class Device(BaseModel):
    """A device on a wire. Settings beyond the four named here belong to its driver."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)

    id: Id
    device_class: Literal["id_reader", "locker_bank", "detection_gate", "relay_board", "text_messages"] = (
        Field(alias="class")
    )
    driver: str
    endpoint: str

    def settings(self) -> dict[str, Any]:
        """What the driver reads: every key of the table, as written."""
        return {"class": self.device_class, **self.model_dump(exclude={"device_class"})}


class Camera(_Part):
    """A camera with sound. `record` is `always` for public areas (M1), `sessions` for rooms (M2)."""

    id: Id
    name: Words
    endpoint: str
    room: Id | None = None
    area: Id | None = None
    transport: Literal["tcp", "udp"] = "tcp"
    record: Literal["always", "sessions"] = "sessions"
    clip: str | None = None
    """What the simulator plays on this endpoint; ignored by a real venue."""

    @model_validator(mode="after")
    def _one_place(self) -> "Camera":
        if (self.room is None) == (self.area is None):
            raise ValueError("a camera stands in exactly one place: write room or area")
        return self


class VenuePlan(_Part):
    """The whole venue file."""

    venue: Venue
    areas: tuple[Area, ...]
    rooms: tuple[Room, ...]
    doors: tuple[Door, ...]
    lanes: tuple[Lane, ...] = ()
    kiosks: tuple[Kiosk, ...] = ()
    relays: tuple[Relay, ...] = ()
    devices: tuple[Device, ...] = ()
    cameras: tuple[Camera, ...] = ()

    @model_validator(mode="after")
    def _names_meet(self) -> "VenuePlan":
        for what, name, known in self._references():
            if name not in known:
                raise ValueError(f"{what} names {name!r}, which this file does not describe")
        return self

    @model_validator(mode="after")
    def _secret_rooms_are_not_recorded(self) -> "VenuePlan":
        secret = {room.id for room in self.rooms if room.secret}
        for camera in self.cameras:
            if camera.record == "always" and camera.room in secret:
                raise ValueError(
                    f'camera {camera.id} stands in a secret room: write record = "sessions" (I-18)'
                )
        return self

    def _references(self) -> list[tuple[str, str, set[str]]]:
        areas, rooms = {a.id for a in self.areas}, {r.id for r in self.rooms}
        devices = {d.id for d in self.devices}
        found: list[tuple[str, str, set[str]]] = []
        found += [(f"room {r.id}: area", r.area, areas) for r in self.rooms]
        for door in self.doors:
            found += [
                (f"door {door.id}: board", door.board, devices),
                (f"door {door.id}: reader", door.reader, devices),
            ]
            found += [(f"door {door.id}: room", door.room, rooms)] if door.room else []
        for lane in self.lanes:
            found += [
                (f"lane {lane.id}: reader", lane.reader, devices),
                (f"lane {lane.id}: gate", lane.gate, devices),
            ]
            found += [(f"lane {lane.id}: door", lane.door, {d.id for d in self.doors})]
        for kiosk in self.kiosks:
            found += [(f"kiosk {kiosk.id}: reader", kiosk.reader, devices)]
            found += [(f"kiosk {kiosk.id}: bank", bank, devices) for bank in kiosk.banks]
            found += [(f"kiosk {kiosk.id}: lane", kiosk.lane, {lane.id for lane in self.lanes})]
        found += [(f"relay {r.id}: room", r.room, rooms) for r in self.relays]
        found += [(f"relay {r.id}: board", r.board, devices) for r in self.relays]
        for camera in self.cameras:
            place, known = (camera.room, rooms) if camera.room else (camera.area, areas)
            found.append((f"camera {camera.id}: place", str(place), known))
        return found

    def room(self, room_id: str) -> Room:
        """The room of that id; KeyError when there is none."""
        return {room.id: room for room in self.rooms}[room_id]


def load_plan(path: Path) -> VenuePlan:
    """Read and check a venue file. Raises PlanError naming file, line, place and what to write."""
    try:
        return load(VenuePlan, path)
    except ConfigError as error:
        raise PlanError(str(error)) from error
