"""Today for staff; signs for everybody, holding nothing secret and no names (V6)."""

from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from sqlmodel import Session, select

from contract.clock import parse_stamp
from venue.db import Reading, now
from venue.db.alarms import Alarm
from venue.edge_link.tables import SignedDocument
from venue.identity import Actor, require
from venue.identity.gate import refuse
from venue.sessions import preparation, views
from venue.sessions.documents import parts_of, sign_rows
from venue.sessions.rules import State
from venue.sessions.shapes import DoorOut, HallOut, SignRow, TodayAlarm, TodayOut, TodayRow
from venue.sessions.tables import Sitting, TradingSession
from venue.sites.tables import DeviceRow, Room, Site

router = APIRouter(tags=["board"])
_LOCAL = ZoneInfo("Asia/Shanghai")
_DELIVERY = timedelta(minutes=2)


@router.get("/today", operation_id="read_today")
def read_today(db: Reading, _: Annotated[Actor, require("sessions.read")]) -> TodayOut:
    """What is on and next today, what is missing, what needs a hand."""
    sessions = [_today_row(db, sitting, session) for sitting, session in _todays(db)]
    standing = db.exec(select(Alarm).where(Alarm.cleared_at == None).order_by(Alarm.raised_at.desc()))  # type: ignore[attr-defined]  # noqa: E711
    alarms = [TodayAlarm.model_validate(row, from_attributes=True) for row in standing]
    ill = len(list(db.exec(select(DeviceRow).where(DeviceRow.state.in_(["offline", "degraded"])))))  # type: ignore[attr-defined]
    late = _late_deliveries(db)
    return TodayOut(
        now=now(db), well=not alarms and not ill and not late, sessions=sessions, alarms=alarms,
        devices_ill=ill, deliveries_late=late,
    )  # fmt: skip


def day_of(instant: datetime) -> tuple[datetime, datetime]:
    """The local day around an instant, as [start, end)."""
    start = instant.astimezone(_LOCAL).replace(hour=0, minute=0, second=0, microsecond=0)
    return start, start + timedelta(days=1)


def _todays(db: Session) -> list[tuple[Sitting, TradingSession]]:
    start, end = day_of(now(db))
    query = (
        select(Sitting, TradingSession)
        .where(
            Sitting.session == TradingSession.id, Sitting.ends_at > start, Sitting.checkin_opens_at < end,
            TradingSession.state != State.CANCELLED,
        )
        .order_by(Sitting.starts_at)  # type: ignore[arg-type]
    )  # fmt: skip
    return list(db.exec(query))


def _today_row(db: Session, sitting: Sitting, session: TradingSession) -> TodayRow:
    present = views.people_out(db, session.id)
    early = session.state in (State.BOOKED, State.PREPARED)
    return TodayRow(
        session=session.id, sitting=sitting.id, project_code=session.project_code, title=session.title,
        kind=session.kind, state=session.state, rooms=[part.room for part in parts_of(db, sitting.id)],
        checkin_opens_at=sitting.checkin_opens_at, starts_at=sitting.starts_at, ends_at=sitting.ends_at,
        expected=present.expected, inside=present.inside,
        missing=preparation.missing(preparation.judge(db, session, sitting)) if early else [],
    )  # fmt: skip


def _late_deliveries(db: Session) -> int:
    """Documents that their edge has not answered for two minutes."""
    query = select(SignedDocument).where(
        SignedDocument.answer == None,  # noqa: E711
        SignedDocument.issued_at < now(db) - _DELIVERY,
    )
    return len(list(db.exec(query)))


def _signs(db: Session, venue: str) -> list[SignRow]:
    rooms = {room.id: room for room in db.exec(select(Room).where(Room.venue == venue))}
    return [
        SignRow(
            room=str(row["room"]), room_zh=rooms[str(row["room"])].name_zh,
            room_en=rooms[str(row["room"])].name_en,
            kind=str(row["kind"]) if row["public"] else None, state=str(row["state"]),
            starts_at=parse_stamp(str(row["starts_at"])), ends_at=parse_stamp(str(row["ends_at"])),
        )
        for row in sign_rows(db, venue)
    ]  # fmt: skip


@router.get("/signs/hall", operation_id="read_hall_sign")
def read_hall_sign(db: Reading) -> HallOut:
    """Public sittings of today, of all venues; an evaluation is not announced. No sign-in."""
    start, end = day_of(now(db))
    rows = [row for venue in db.exec(select(Site.id).order_by(Site.id)) for row in _signs(db, venue)]
    shown = [row for row in rows if row.kind is not None and row.ends_at > start and row.starts_at < end]
    return HallOut(now=now(db), rows=sorted(shown, key=lambda row: (row.starts_at, row.room)))


@router.get("/signs/doors/{room}", operation_id="read_door_sign")
def read_door_sign(db: Reading, room: str) -> DoorOut:
    """One door: in use or free, this and the next sitting. No sign-in."""
    row = db.get(Room, room)
    if row is None:
        raise refuse(404, "sign.unknown_room")
    at = now(db)
    mine = [one for one in _signs(db, row.venue) if one.room == room and one.state != "over"]
    current = next((one for one in mine if one.state in ("checking_in", "in_use", "suspended")), None)
    coming = [one for one in mine if one is not current and one.starts_at > at]
    return DoorOut(
        now=at, room=room, room_zh=row.name_zh, room_en=row.name_en,
        in_use=current is not None, current=current, next=coming[0] if coming else None,
    )  # fmt: skip
