"""Bring a venue file into the database: rows are updated in place, so that bookings keep their rooms."""

import hashlib
from pathlib import Path
from typing import TypeVar

from sqlmodel import Session, select

from contract.plan import VenuePlan, load_plan
from venue.db import audit, now
from venue.edge_link.documents import publish
from venue.sites.tables import Area, CameraRow, DeviceRow, Room, Site

_Row = TypeVar("_Row", Room, CameraRow, DeviceRow)


class SitesError(Exception):
    """The venue file cannot be loaded; the text says what and why."""


def load_file(db: Session, path: Path, *, production: bool, by: str) -> VenuePlan:
    """Read, check and store a venue file. Raises contract.plan.PlanError or SitesError.

    A room or camera that the file no longer has is an error while anything refers to it (the database refuses).
    """
    plan = load_plan(path)
    if production and plan.venue.simulated:
        raise SitesError(f"{path}: venue.simulated is true; production refuses simulated venues (I-19)")
    _refuse_strangers(db, plan, path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    _store(db, plan, sha256)
    audit.write(db, by, "site.loaded", plan.venue.id, {"sha256": sha256, "simulated": plan.venue.simulated})
    rooms = [{"room": r.id, "kind": r.kind, "secret": r.secret, "capacity": r.capacity} for r in plan.rooms]
    publish(db, plan.venue.id, "site_plan", "", {"rooms": rooms})
    return plan


def _refuse_strangers(db: Session, plan: VenuePlan, path: Path) -> None:
    """Room and camera ids are unique across the centre."""
    owners: list[tuple[str, Room | CameraRow | None]] = [
        (room.id, db.get(Room, room.id)) for room in plan.rooms
    ]
    owners += [(camera.id, db.get(CameraRow, camera.id)) for camera in plan.cameras]
    for name, row in owners:
        if row is not None and row.venue != plan.venue.id:
            raise SitesError(f"{path}: id {name!r} already belongs to venue {row.venue}; choose another")


def _store(db: Session, plan: VenuePlan, sha256: str) -> None:
    venue = plan.venue
    db.merge(
        Site(
            id=venue.id, name_zh=venue.name.zh, name_en=venue.name.en, simulated=venue.simulated,
            timezone=venue.timezone, plan_sha256=sha256, loaded_at=now(db),
        )
    )  # fmt: skip
    db.flush()
    for area in plan.areas:
        db.merge(Area(site=venue.id, id=area.id, kind=area.kind, name_zh=area.name.zh, name_en=area.name.en))
    _store_rooms(db, plan)
    db.flush()
    _store_cameras(db, plan)
    _store_devices(db, plan)
    db.flush()


def _store_rooms(db: Session, plan: VenuePlan) -> None:
    for position, room in enumerate(plan.rooms):
        db.merge(
            Room(
                id=room.id, venue=plan.venue.id, area=room.area, kind=room.kind, capacity=room.capacity,
                equipment=list(room.equipment), secret=room.secret, bookable=room.bookable,
                name_zh=room.name.zh, name_en=room.name.en, way_zh=room.way.zh, way_en=room.way.en,
                position=position,
            )
        )  # fmt: skip
    _drop_missing(db, Room, plan.venue.id, {room.id for room in plan.rooms})


def _store_cameras(db: Session, plan: VenuePlan) -> None:
    for position, camera in enumerate(plan.cameras):
        db.merge(
            CameraRow(
                id=camera.id, venue=plan.venue.id, room=camera.room, area=camera.area, record=camera.record,
                name_zh=camera.name.zh, name_en=camera.name.en, position=position,
            )
        )  # fmt: skip
    _drop_missing(db, CameraRow, plan.venue.id, {camera.id for camera in plan.cameras})


def _store_devices(db: Session, plan: VenuePlan) -> None:
    wanted: dict[str, str] = {device.id: device.device_class for device in plan.devices}
    wanted |= {camera.id: "camera" for camera in plan.cameras}
    for name, device_class in wanted.items():
        row = db.get(DeviceRow, (plan.venue.id, name))
        if row is None:
            row = DeviceRow(
                venue=plan.venue.id, id=name, device_class=device_class, simulated=plan.venue.simulated
            )
        row.device_class = device_class
        db.add(row)
    _drop_missing(db, DeviceRow, plan.venue.id, set(wanted))


def _drop_missing(db: Session, table: type[_Row], venue: str, kept: set[str]) -> None:
    for row in db.exec(select(table).where(table.venue == venue)):
        if row.id not in kept:
            db.delete(row)


def simulated_sites(db: Session) -> list[str]:
    """Simulated venues in the database; production refuses to start with any (keeps I-19)."""
    return list(db.exec(select(Site.id).where(Site.simulated == True)))  # noqa: E712 - SQL
