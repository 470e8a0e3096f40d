"""Signed documents for the edges: a serial that only rises, retained at the broker (keeps I-9)."""

from datetime import timedelta
from typing import Any

from sqlmodel import Session, col, func, select

from contract.canonical import canonical
from contract.clock import stamp
from venue.db import audit, new_id, now, outbox
from venue.edge_link.tables import Party, SignedDocument


def publish(
    db: Session,
    venue: str,
    kind: str,
    id: str,  # noqa: A002 - the word of the interface page
    body: dict[str, Any],
    *,
    to: str | None = None,
) -> int:
    """Give the edge of `venue` (or the party `to`) the newest version of a document; returns its serial.

    id: what the document is about (sitting, session), or "" for the one of its kind. Sealed and sent after commit.
    """
    to = to or f"{venue}.edge"
    serial = _next_serial(db, to)
    issued = now(db)
    payload = {
        "v": 1, "id": new_id(db), "kind": kind, "venue": venue, "document": id, "serial": serial,
        "issued_at": stamp(issued), "body": body,
    }  # fmt: skip
    row = db.get(SignedDocument, (to, kind, id)) or SignedDocument(
        to=to, kind=kind, document=id, serial=0, issued_at=issued, payload=""
    )
    row.serial, row.issued_at, row.payload, row.answer = serial, issued, canonical(payload).decode(), None
    db.add(row)
    db.flush()
    outbox.put(db, topic(row), payload, sealed_as="document", retain=True, key=topic(row))
    audit.write(db, "centre", "document.published", f"{to}/{kind}/{id}", {"serial": serial})
    return serial


def topic(row: SignedDocument) -> str:
    """Where a document stands, retained."""
    return f"down/{row.to}/documents/{row.kind}" + (f"/{row.document}" if row.document else "")


def unanswered(db: Session, settled: timedelta) -> list[SignedDocument]:
    """Documents that an enrolled party has not answered, though published `settled` ago.

    A broker that died may have lost what it acknowledged; the same serial again changes nothing at the edge.
    """
    query = select(SignedDocument).join(Party, col(Party.name) == col(SignedDocument.to))
    query = query.where(col(SignedDocument.answer).is_(None), col(Party.revoked_at).is_(None))
    return list(db.exec(query.where(SignedDocument.issued_at <= now(db) - settled)))


def _next_serial(db: Session, to: str) -> int:
    highest = db.exec(select(func.max(SignedDocument.serial)).where(SignedDocument.to == to)).one()
    return (highest or 0) + 1
