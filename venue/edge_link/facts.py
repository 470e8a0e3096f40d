"""A fact as the subjects see it, and the shape of the table that brings it to them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class FactRecord:
    """One verified line of the ledger. `raw` are the stored bytes, `hash` their RFC 6962 leaf hash (hex)."""

    edge: str
    id: str
    kind: str
    venue: str
    boot: str
    seq: int
    session: str | None
    session_seq: int | None
    visit: str | None
    wall: datetime
    mono_us: int
    body: Mapping[str, Any]
    hash: str
    raw: bytes


Handler = Callable[[Session, FactRecord], None]
Handlers = Mapping[str, Handler]
"""Fact kind → what a subject does about it, inside the ingest transaction: no waiting, no wire. A handler that raises
stops the ingest of that edge at this fact (alarm `ingest_failed`), since acknowledging it would lose its effect."""
