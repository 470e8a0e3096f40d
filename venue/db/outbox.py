"""Messages to the edges, written in the transaction that decides them and sent by `edge_link.link` afterwards.

What is stored is the payload before sealing: the signing key stays with the link.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Text
from sqlmodel import Field, Session, col, select

from contract.canonical import canonical
from venue.db.base import Table
from venue.db.engine import now


class OutboxMessage(Table, table=True):
    """One message; `sealed_as` is the class of the signed envelope, or empty for plain JSON."""

    __tablename__ = "outbox_message"
    number: int | None = Field(default=None, primary_key=True)
    topic: str
    sealed_as: str
    payload: str = Field(sa_type=Text)
    retain: bool
    key: str | None = Field(default=None, index=True)
    created_at: datetime
    expires_at: datetime | None = None
    sent_at: datetime | None = Field(default=None, index=True)
    attempts: int = 0


def put(
    db: Session,
    topic: str,
    payload: dict[str, Any],
    *,
    sealed_as: str = "",
    retain: bool = False,
    key: str | None = None,
    expires_at: datetime | None = None,
) -> None:
    """Queue one message; a message with a `key` replaces unsent ones of the same topic and key."""
    if key is not None:
        _withdraw(db, topic, key)
    text = canonical(payload).decode()
    db.add(
        OutboxMessage(
            topic=topic, sealed_as=sealed_as, payload=text, retain=retain, key=key,
            created_at=now(db), expires_at=expires_at,
        )
    )  # fmt: skip


def _withdraw(db: Session, topic: str, key: str) -> None:
    old = select(OutboxMessage).where(
        OutboxMessage.topic == topic, OutboxMessage.key == key, col(OutboxMessage.sent_at).is_(None)
    )
    for message in db.exec(old):
        db.delete(message)


def unsent(db: Session, limit: int = 50) -> list[OutboxMessage]:
    """The oldest messages not yet handed to the broker."""
    query = select(OutboxMessage).where(col(OutboxMessage.sent_at).is_(None))
    return list(db.exec(query.order_by(col(OutboxMessage.number)).limit(limit)))


def mark_sent(db: Session, number: int) -> None:
    """The broker acknowledged it. (No receipt: documents and commands are answered by facts.)"""
    message = db.get(OutboxMessage, number)
    if message is not None:
        message.sent_at, message.attempts = now(db), message.attempts + 1
        db.add(message)
