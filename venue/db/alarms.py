"""Alarms of the centre: raised once per (alarm, subject) while standing, cleared when the cause is gone."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, Session, select

from venue.db import audit
from venue.db.base import Table
from venue.db.engine import new_id, now


class Alarm(Table, table=True):
    """`origin` is `centre` or the edge's name; at most one standing row per origin, alarm and subject."""

    __tablename__ = "alarm"
    number: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True)
    origin: str
    alarm: str
    subject: str
    detail_key: str
    params: dict[str, Any] = Field(sa_type=JSON)
    raised_at: datetime
    cleared_at: datetime | None = Field(default=None, index=True)


def _standing(db: Session, alarm: str, subject: str, origin: str) -> Alarm | None:
    query = select(Alarm).where(
        Alarm.alarm == alarm, Alarm.subject == subject, Alarm.origin == origin,
        Alarm.cleared_at == None,  # noqa: E711
    )  # fmt: skip
    return db.exec(query).first()


def raise_(
    db: Session, alarm: str, subject: str, detail_key: str, params: dict[str, Any], origin: str = "centre"
) -> bool:
    """Raise an alarm unless the same one stands; True when it is new. Params hold no personal data."""
    if _standing(db, alarm, subject, origin):
        return False
    row = Alarm(
        id=new_id(db), origin=origin, alarm=alarm, subject=subject, detail_key=detail_key, params=params,
        raised_at=now(db),
    )  # fmt: skip
    db.add(row)
    db.flush()
    audit.write(db, origin, "alarm.raised", row.id, {"alarm": alarm, "subject": subject})
    return True


def clear(db: Session, alarm: str, subject: str, origin: str = "centre") -> bool:
    """Clear a standing alarm; True when there was one."""
    row = _standing(db, alarm, subject, origin)
    if row is None:
        return False
    row.cleared_at = now(db)
    db.add(row)
    audit.write(db, origin, "alarm.cleared", row.id, {"alarm": alarm, "subject": subject})
    return True
