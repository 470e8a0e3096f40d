"""Duties, alarms and the audit trail, as administrators and staff read them."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from sqlmodel import col, select

from venue.db import Reading, Writing, audit, now
from venue.db.alarms import Alarm
from venue.db.audit import AuditRow
from venue.db.duties import DutyRun
from venue.db.inputs import RowNumber
from venue.identity import Actor, require

router = APIRouter()


class DutyRead(BaseModel):
    """A duty and its heartbeat."""

    name: str
    every_s: float
    started_at: datetime
    ended_at: datetime | None
    failed_at: datetime | None
    error: str | None
    runs: int
    late: bool


class AlarmRead(BaseModel):
    """An alarm; standing while `cleared_at` is null."""

    id: str
    origin: str
    alarm: str
    subject: str
    detail_key: str
    params: dict[str, Any]
    raised_at: datetime
    cleared_at: datetime | None


class AuditRead(BaseModel):
    """One row of the audit trail."""

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


@router.get("/duties", operation_id="list_duties")
def list_duties(
    request: Request, db: Reading, actor: Annotated[Actor, require("duties.read")]
) -> list[DutyRead]:
    """All duties by name; `late` is reckoned as one asks, so that it shows when the watching duty itself stands."""
    factor = request.app.state.settings.duties.late_factor
    rows = db.exec(select(DutyRun).order_by(DutyRun.name))
    return [DutyRead(**row.model_dump(), late=row.is_late(now(db), factor)) for row in rows]


@router.get("/alarms", operation_id="list_alarms")
def list_alarms(
    db: Reading, actor: Annotated[Actor, require("feed.read")], standing: bool = True
) -> list[AlarmRead]:
    """Newest first; `standing=false` lists cleared ones too."""
    query = select(Alarm).order_by(col(Alarm.number).desc()).limit(500)
    if standing:
        query = query.where(col(Alarm.cleared_at).is_(None))
    return [AlarmRead.model_validate(row, from_attributes=True) for row in db.exec(query)]


@router.get("/audit", operation_id="list_audit")
def list_audit(
    db: Writing, actor: Annotated[Actor, require("audit.read")],
    before: RowNumber | None = None, subject: str | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[AuditRead]:  # fmt: skip
    """Newest first; the look itself is a row (I-16)."""
    query = select(AuditRow).order_by(col(AuditRow.number).desc()).limit(limit)
    if before is not None:
        query = query.where(col(AuditRow.number) < before)
    if subject is not None:
        query = query.where(AuditRow.subject == subject)
    rows = [AuditRead.model_validate(row, from_attributes=True) for row in db.exec(query)]
    audit.write(db, actor.name, "audit.viewed", subject or "*", {"before": before, "limit": limit})
    return rows
