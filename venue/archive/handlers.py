"""The edge's own word that its evidence was sent."""

from sqlmodel import Session

from venue.archive.intake import arrived
from venue.edge_link.facts import FactRecord, Handlers


def _evidence_sent(db: Session, fact: FactRecord) -> None:
    arrived(db, fact.edge, str(fact.body.get("session")), [])


handlers: Handlers = {"evidence_sent": _evidence_sent}
