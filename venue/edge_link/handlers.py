"""Facts about the link itself: answers to commands and documents, alarms of the edge."""

from sqlmodel import Session, select

from venue.db import alarms
from venue.edge_link import commands
from venue.edge_link.facts import FactRecord, Handlers
from venue.edge_link.tables import SignedDocument


def _document_answered(db: Session, fact: FactRecord) -> None:
    """Note the edge's answer at the version it is about; an answer about an older serial says nothing any more."""
    query = select(SignedDocument).where(
        SignedDocument.to == fact.edge, SignedDocument.serial == fact.body["serial"]
    )
    row = db.exec(query).first()
    if row is None:
        return
    accepted = fact.kind == "document_accepted"
    row.answer = "accepted" if accepted else f"refused:{fact.body.get('reason')}"
    db.add(row)
    subject = f"{fact.edge}/{row.kind}/{row.document}"
    if accepted:
        alarms.clear(db, "document_refused", subject)
    else:
        params = {"kind": row.kind, "edge": fact.edge, "reason": str(fact.body.get("reason"))}
        alarms.raise_(db, "document_refused", subject, "alarm.document_refused", params)


def _alarm_raised(db: Session, fact: FactRecord) -> None:
    body = fact.body
    alarms.raise_(
        db, str(body["alarm"]), str(body["subject"]), str(body["detail_key"]), dict(body.get("params") or {}),
        origin=fact.edge,
    )  # fmt: skip


def _alarm_cleared(db: Session, fact: FactRecord) -> None:
    alarms.clear(db, str(fact.body["alarm"]), str(fact.body["subject"]), origin=fact.edge)


handlers: Handlers = {
    **commands.HANDLERS,
    "document_accepted": _document_answered,
    "document_refused": _document_answered,
    "alarm_raised": _alarm_raised,
    "alarm_cleared": _alarm_cleared,
}
