"""The feed: facts from the ledger and the centre's own alarms, in order of arrival, resumable.

The event id is `POSITION-NUMBER` (last ledger position, last audit number of an alarm): a browser that comes back
with it misses nothing and sees nothing twice.
"""

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select

from venue.db.alarms import Alarm
from venue.db.audit import AuditRow
from venue.edge_link.tables import LedgerFact

QUIET = frozenset(
    {"segment_finalised", "checkpoint_signed", "checkpoint_cosigned", "document_accepted", "evidence_sent"}
)
"""Bookkeeping between machines; people read it elsewhere."""
_CURSOR = re.compile(r"([0-9]{1,15})-([0-9]{1,15})")
_ALARMS = ("alarm.raised", "alarm.cleared")


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a reader has come."""

    position: int
    number: int

    def __str__(self) -> str:
        return f"{self.position}-{self.number}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the feed and the cursor behind it."""

    cursor: Cursor
    id: str
    kind: str
    session: str | None
    visit: str | None
    alias: str | None
    wall: datetime
    body: dict[str, Any]


def parse_cursor(text: str | None) -> Cursor | None:
    """The cursor in a `Last-Event-ID`; None when there is none or it is not ours."""
    match = _CURSOR.fullmatch(text or "")
    return Cursor(int(match[1]), int(match[2])) if match else None


def start(db: Session, back: int) -> Cursor:
    """Where a new reader begins: `back` facts before the end; only alarms to come."""
    position = db.exec(select(func.max(LedgerFact.position))).one() or 0
    number = db.exec(select(func.max(AuditRow.number))).one() or 0
    return Cursor(max(0, position - back), number)


def after(db: Session, cursor: Cursor, limit: int = 200) -> tuple[list[Entry], Cursor]:
    """What came after the cursor, and the cursor for the next question."""
    query = select(LedgerFact).where(col(LedgerFact.position) > cursor.position)
    facts = list(db.exec(query.order_by(col(LedgerFact.position)).limit(limit)))
    entries = []
    for fact in facts:
        assert fact.position is not None
        cursor = replace(cursor, position=fact.position)
        if fact.kind not in QUIET:
            entries.append(_fact_entry(db, fact, cursor))
    rows = select(AuditRow).where(
        col(AuditRow.number) > cursor.number, col(AuditRow.action).in_(_ALARMS), AuditRow.actor == "centre"
    )
    for row in db.exec(rows.order_by(col(AuditRow.number)).limit(limit)):
        assert row.number is not None
        cursor = replace(cursor, number=row.number)
        entries.append(_alarm_entry(db, row, cursor))
    return entries, cursor


def _fact_entry(db: Session, fact: LedgerFact, cursor: Cursor) -> Entry:
    body = json.loads(fact.raw)["body"]
    alias = _alias(db, fact.visit) if fact.visit else None
    return Entry(cursor, fact.id, fact.kind, fact.session, fact.visit, alias, fact.wall, body)


def _alias(db: Session, visit: str) -> str | None:
    """The alias under which a visit began; an alias is no name (I-14)."""
    query = select(LedgerFact.raw).where(LedgerFact.visit == visit, LedgerFact.kind == "visit_started")
    raw = db.exec(query.limit(1)).first()
    return str(json.loads(raw)["body"]["alias"]) if raw else None


def _alarm_entry(db: Session, row: AuditRow, cursor: Cursor) -> Entry:
    alarm = db.exec(select(Alarm).where(Alarm.id == row.subject)).one()
    body = {
        "alarm": alarm.alarm, "subject": alarm.subject, "detail_key": alarm.detail_key, "params": alarm.params,
    }  # fmt: skip
    kind = "alarm_raised" if row.action == "alarm.raised" else "alarm_cleared"
    return Entry(cursor, f"{alarm.id}:{kind}", kind, None, None, None, row.at, body)
