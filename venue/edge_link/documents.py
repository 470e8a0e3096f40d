"""Signed documents for the edges: a serial that only rises, retained at the broker (keeps I-9)."""

from typing import Any

from sqlmodel import Session, func, select

from contract.canonical import canonical
from contract.clock import stamp
from venue.db import audit, new_id, now, outbox
from venue.edge_link.tables import SignedDocument


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
    topic = f"down/{to}/documents/{kind}" + (f"/{id}" if id else "")
    outbox.put(db, topic, payload, sealed_as="document", retain=True, key=topic)
    audit.write(db, "centre", "document.published", f"{to}/{kind}/{id}", {"serial": serial})
    return serial


def _next_serial(db: Session, to: str) -> int:
    highest = db.exec(select(func.max(SignedDocument.serial)).where(SignedDocument.to == to)).one()
    return (highest or 0) + 1
