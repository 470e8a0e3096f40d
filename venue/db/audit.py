"""Who changed or looked at what: one row in the same transaction as the change (keeps I-16)."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlmodel import Field, Session

from venue.db.base import Table
from venue.db.engine import now


class AuditRow(Table, table=True):
    """Append-only: triggers refuse UPDATE and DELETE."""

    __tablename__ = "audit_row"
    number: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(index=True)
    actor: str
    action: str
    subject: str = Field(index=True)
    detail: dict[str, Any] = Field(sa_type=JSON)


def write(db: Session, actor: str, action: str, subject: str, detail: dict[str, Any] | None = None) -> None:
    """Add the audit row of a change.

    actor: user name, `duty:NAME`, `edge:NAME` or `cli`; action: `noun.past_participle` (`booking.moved`);
    subject: id of the thing; detail: JSON without names of experts, numbers or phones (keeps I-14).
    """
    db.add(AuditRow(at=now(db), actor=actor, action=action, subject=subject, detail=detail or {}))
