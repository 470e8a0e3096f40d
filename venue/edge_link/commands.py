"""Signed commands: addressed, dated, at most once; their states come from the edge's facts (keeps I-5, I-9)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlmodel import Session, select

from contract.canonical import canonical
from contract.clock import stamp
from venue.db import audit, new_id, now, outbox
from venue.edge_link.facts import FactRecord, Handlers
from venue.edge_link.tables import CommandRow

EPOCH = 1
LIFETIME = timedelta(seconds=30)
_CLOCK_SLACK = timedelta(seconds=5)


def send(
    db: Session, to: str, kind: str, session: str | None, body: dict[str, Any], by: Sequence[str], reason: str,
    *, lifetime: timedelta = LIFETIME,
) -> str:  # fmt: skip
    """Queue a command for `to` (`V01.edge`); returns its id. `by` are user names or duties, `reason` plain words.

    The link repeats the very same envelope until a fact answers it or it expires; the edge acts at most once.
    """
    sent = now(db)
    payload = {
        "v": 1, "id": new_id(db), "kind": kind, "to": to, "not_before": stamp(sent - _CLOCK_SLACK),
        "expires_at": stamp(sent + lifetime), "epoch": EPOCH, "session": session, "by": list(by),
        "reason": reason, "body": body,
    }  # fmt: skip
    row = CommandRow(
        id=str(payload["id"]), to=to, kind=kind, session=session, by=list(by), reason=reason, body=body,
        payload=canonical(payload).decode(), sent_at=sent, expires_at=sent + lifetime, state="sent",
    )  # fmt: skip
    db.add(row)
    outbox.put(db, topic(to), payload, sealed_as="command", expires_at=row.expires_at)
    audit.write(db, ",".join(by), "command.sent", row.id, {"kind": kind, "to": to, "session": session})
    return row.id


def topic(to: str) -> str:
    """Where commands for a party go."""
    return f"down/{to}/commands"


def state(db: Session, command_id: str) -> str:
    """sent, accepted, done, refused, unknown or expired; KeyError when there is no such command."""
    row = db.get(CommandRow, command_id)
    if row is None:
        raise KeyError(command_id)
    return row.state


def _accepted(db: Session, fact: FactRecord) -> None:
    row = db.get(CommandRow, fact.body["command_id"])
    if row is None or row.to != fact.edge or row.state not in ("sent", "expired"):
        return
    row.state = "accepted"
    db.add(row)


def _executed(db: Session, fact: FactRecord) -> None:
    row = db.get(CommandRow, fact.body["command_id"])
    if row is None or row.to != fact.edge:
        return
    row.state, row.refusal = fact.body.get("result") or "unknown", fact.body.get("reason")
    db.add(row)
    audit.write(db, f"edge:{fact.edge}", "command.answered", row.id, {"state": row.state})


HANDLERS: Handlers = {"command_accepted": _accepted, "command_executed": _executed}


def expire(db: Session) -> int:
    """Mark unanswered commands past their time as expired; returns how many. A late fact still wins."""
    query = select(CommandRow).where(CommandRow.state == "sent", CommandRow.expires_at < now(db))
    rows = list(db.exec(query))
    for row in rows:
        row.state = "expired"
        db.add(row)
        audit.write(db, "centre", "command.expired", row.id, {"kind": row.kind, "to": row.to})
    return len(rows)


def unanswered(db: Session) -> tuple[list[CommandRow], bool]:
    """Commands still on their way, and whether some are past their time."""
    rows = list(db.exec(select(CommandRow).where(CommandRow.state == "sent")))
    live = [row for row in rows if row.expires_at >= now(db)]
    return live, len(live) < len(rows)
