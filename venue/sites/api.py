"""Sites, rooms, devices and edges as staff and supervisors read them; enrolment for the administrators."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlmodel import col, select

from venue.db import Reading, Writing, now
from venue.edge_link import broker, enrolment, ledger
from venue.edge_link.ca import Ca
from venue.edge_link.keys import CentreKeys
from venue.edge_link.tables import Enrolment, Party
from venue.identity import Actor, require
from venue.identity.gate import refuse
from venue.settings import Settings
from venue.sites.tables import Area, CameraRow, DeviceRow, Room, Site

router = APIRouter()


class AreaRead(BaseModel):
    """An area of a site."""

    id: str
    kind: str
    name_zh: str
    name_en: str


class SiteRead(BaseModel):
    """A venue."""

    id: str
    name_zh: str
    name_en: str
    simulated: bool
    timezone: str
    areas: list[AreaRead]


class RoomRead(BaseModel):
    """A room."""

    id: str
    venue: str
    area: str
    kind: str
    capacity: int
    equipment: list[str]
    secret: bool
    bookable: bool
    name_zh: str
    name_en: str
    way_zh: str
    way_en: str
    cameras: list[str]


class DeviceRead(BaseModel):
    """A device and its last known state; `unknown` until the edge spoke."""

    id: str
    venue: str
    device_class: str
    state: str
    reason: str | None
    simulated: bool
    changed_at: datetime | None
    name_zh: str | None
    name_en: str | None
    room: str | None


class EdgeRead(BaseModel):
    """An enrolled edge or witness. `acknowledged_seq`: how many of its facts the centre holds."""

    name: str
    venue: str
    fingerprint: str
    online: bool
    last_heard_at: datetime | None
    enrolled_at: datetime
    revoked_at: datetime | None
    acknowledged_seq: int


class EnrolmentRead(BaseModel):
    """A box that asked to be let in."""

    id: str
    name: str
    fingerprint: str
    state: str
    asked_at: datetime
    decided_by: str | None


class CodeWanted(BaseModel):
    """For which box."""

    name: str


class CodeMade(BaseModel):
    """Shown once. `ca_fingerprint`: SHA-256 of the root certificate, which the box compares."""

    code: str
    ca_fingerprint: str
    expires_at: datetime


class Approval(BaseModel):
    """The fingerprint as read off the box by a person."""

    fingerprint: str


@router.get("/sites", operation_id="list_sites")
def list_sites(db: Reading, actor: Annotated[Actor, require("sites.read")]) -> list[SiteRead]:
    """All venues with their areas."""
    areas: dict[str, list[AreaRead]] = {}
    for area in db.exec(select(Area)):
        areas.setdefault(area.site, []).append(AreaRead.model_validate(area, from_attributes=True))
    return [
        SiteRead(
            id=site.id, name_zh=site.name_zh, name_en=site.name_en, simulated=site.simulated,
            timezone=site.timezone, areas=areas.get(site.id, []),
        )
        for site in db.exec(select(Site).order_by(Site.id))
    ]  # fmt: skip


@router.get("/rooms", operation_id="list_rooms")
def list_rooms(db: Reading, actor: Annotated[Actor, require("sites.read")]) -> list[RoomRead]:
    """All rooms in the order of their venue files."""
    cameras: dict[str, list[str]] = {}
    for camera in db.exec(select(CameraRow).order_by(col(CameraRow.position))):
        if camera.room is not None:
            cameras.setdefault(camera.room, []).append(camera.id)
    rooms = db.exec(select(Room).order_by(Room.venue, col(Room.position)))
    return [
        RoomRead(**room.model_dump(exclude={"position"}), cameras=cameras.get(room.id, [])) for room in rooms
    ]


@router.get("/devices", operation_id="list_devices")
def list_devices(db: Reading, actor: Annotated[Actor, require("devices.read")]) -> list[DeviceRead]:
    """All devices and cameras with their last known states."""
    rows = db.exec(select(DeviceRow).order_by(DeviceRow.venue, DeviceRow.device_class, DeviceRow.id))
    cameras = {camera.id: camera for camera in db.exec(select(CameraRow))}
    return [_device(row, cameras.get(row.id)) for row in rows]


def _device(row: DeviceRow, camera: CameraRow | None) -> DeviceRead:
    return DeviceRead(
        **row.model_dump(exclude={"detail"}), name_zh=camera.name_zh if camera else None,
        name_en=camera.name_en if camera else None, room=camera.room if camera else None,
    )  # fmt: skip


@router.get("/edges", operation_id="list_edges")
def list_edges(db: Reading, actor: Annotated[Actor, require("edges.read")]) -> list[EdgeRead]:
    """All enrolled edges and witnesses."""
    return [
        EdgeRead(
            name=party.name, venue=party.venue, fingerprint=party.fingerprint, online=party.online,
            last_heard_at=party.seen_at, enrolled_at=party.enrolled_at, revoked_at=party.revoked_at,
            acknowledged_seq=ledger.head(db, party.name).seq,
        )
        for party in db.exec(select(Party).order_by(Party.name))
    ]  # fmt: skip


@router.post("/enrolment-codes", status_code=201, operation_id="make_enrolment_code")
def make_code(
    db: Writing, request: Request, body: CodeWanted, actor: Annotated[Actor, require("edges.enrol")]
) -> CodeMade:
    """A one-time code for a box."""
    settings: Settings = request.app.state.settings
    minutes = settings.enrolment.code_minutes
    try:
        code = enrolment.new_code(db, body.name, actor.name, minutes)
    except enrolment.EnrolmentError as error:
        raise refuse(422, str(error)) from error
    expires_at = now(db) + timedelta(minutes=minutes)
    return CodeMade(code=code, ca_fingerprint=_ca(request).root_fingerprint(), expires_at=expires_at)


@router.get("/enrolments", operation_id="list_enrolments")
def list_enrolments(db: Reading, actor: Annotated[Actor, require("edges.read")]) -> list[EnrolmentRead]:
    """Newest first."""
    rows = db.exec(select(Enrolment).order_by(col(Enrolment.asked_at).desc()))
    return [EnrolmentRead.model_validate(row, from_attributes=True) for row in rows]


@router.post("/enrolments/{enrolment_id}/approve", operation_id="approve_enrolment")
def approve(
    db: Writing, request: Request, enrolment_id: str, body: Approval,
    actor: Annotated[Actor, require("edges.approve")],
) -> EnrolmentRead:  # fmt: skip
    """Issue the certificate; 409 when the fingerprint differs. Who made the code may not approve it (I-15)."""
    row = db.get(Enrolment, enrolment_id)
    if row is not None and row.code_by == actor.name:
        raise refuse(409, "enrolment.own_code")
    keys: CentreKeys = request.app.state.keys
    try:
        row = enrolment.approve(db, enrolment_id, body.fingerprint, actor.name, _ca(request), keys)
    except enrolment.EnrolmentError as error:
        # A fingerprint that differs is a sign of a man in the middle: its audit row stays.
        db.commit()
        raise refuse(409, str(error)) from error
    return EnrolmentRead.model_validate(row, from_attributes=True)


@router.post("/edges/{name}/revoke", status_code=204, operation_id="revoke_edge")
def revoke(
    db: Writing, request: Request, name: str, actor: Annotated[Actor, require("edges.revoke")]
) -> None:
    """Take an edge's or a witness's certificate back and end its connection."""
    settings: Settings = request.app.state.settings
    keys: CentreKeys = request.app.state.keys
    try:
        names = enrolment.revoke(db, name, actor.name, _ca(request), keys)
    except enrolment.EnrolmentError as error:
        raise refuse(409, str(error)) from error
    db.commit()
    enrolment.enforce(db, broker.files_of(settings), names, name)


def _ca(request: Request) -> Ca:
    ca: Ca = request.app.state.ca
    return ca
