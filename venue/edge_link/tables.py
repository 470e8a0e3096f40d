"""What the centre keeps about its edges."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Text, UniqueConstraint
from sqlmodel import Field

from venue.db.base import Table


class LedgerFact(Table, table=True):
    """The ledger: verified facts of every edge, append-only by trigger (keeps I-8). `position` orders the feed."""

    __tablename__ = "ledger_fact"
    __table_args__ = (UniqueConstraint("edge", "seq"),)
    position: int | None = Field(default=None, primary_key=True)
    edge: str
    seq: int
    id: str = Field(unique=True)
    kind: str = Field(index=True)
    session: str | None = Field(default=None, index=True)
    session_seq: int | None
    visit: str | None
    wall: datetime
    hash: str
    raw: bytes


class LedgerRefusal(Table, table=True):
    """A message that was not accepted, kept as evidence: `reason` is hole, fork, bad_chain, bad_fact, wrong_venue."""

    __tablename__ = "ledger_refusal"
    number: int | None = Field(default=None, primary_key=True)
    edge: str
    seq: int | None
    reason: str
    received_at: datetime
    raw: bytes


class Checkpoint(Table, table=True):
    """A checkpoint of an edge that the centre recomputed and cosigned; `note` carries both signatures."""

    __tablename__ = "checkpoint"
    edge: str = Field(primary_key=True)
    size: int = Field(primary_key=True)
    root: str
    note: str = Field(sa_type=Text)
    cosigned_at: datetime


class SignedDocument(Table, table=True):
    """The newest payload of each document; `serial` rises over all documents of one edge (keeps I-9)."""

    __tablename__ = "signed_document"
    to: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    document: str = Field(primary_key=True)
    serial: int
    issued_at: datetime
    payload: str = Field(sa_type=Text)
    answer: str | None = None
    """`accepted` or `refused:REASON` once the edge said so about this serial."""


class CommandRow(Table, table=True):
    """A command and its state: sent, accepted, done, refused, unknown, expired (docs/design/states.md)."""

    __tablename__ = "command"
    id: str = Field(primary_key=True)
    to: str
    kind: str
    session: str | None = Field(default=None, index=True)
    by: list[str] = Field(sa_type=JSON)
    reason: str
    body: dict[str, Any] = Field(sa_type=JSON)
    payload: str = Field(sa_type=Text)
    sent_at: datetime
    expires_at: datetime
    state: str = Field(index=True)
    refusal: str | None = None


class Party(Table, table=True):
    """An enrolled edge or witness: its certificate, signing key and sealing recipient."""

    __tablename__ = "party"
    name: str = Field(primary_key=True)
    venue: str
    certificate: str = Field(sa_type=Text)
    certificate_serial: str
    fingerprint: str
    signing_key: dict[str, Any] = Field(sa_type=JSON)
    """`contract.keys.PublicKey.as_dict`."""
    seal_key: str
    enrolled_at: datetime
    revoked_at: datetime | None = None
    online: bool = False
    boot: str | None = None
    seen_at: datetime | None = None


class RetiredKey(Table, table=True):
    """A party's signing key that was replaced or revoked, with its `until`: what it signed before stays good (K-2)."""

    __tablename__ = "retired_key"
    name: str = Field(primary_key=True)
    public: str = Field(primary_key=True)
    venue: str
    key: dict[str, Any] = Field(sa_type=JSON)


class EnrolmentCode(Table, table=True):
    """A one-time code, stored hashed, good for 15 minutes and one use."""

    __tablename__ = "enrolment_code"
    id: str = Field(primary_key=True)
    code_hash: str = Field(unique=True)
    name: str
    issued_by: str
    expires_at: datetime
    used_at: datetime | None = None


class Enrolment(Table, table=True):
    """A box that asks to be let in: waiting, approved or refused."""

    __tablename__ = "enrolment"
    id: str = Field(primary_key=True)
    name: str
    fingerprint: str
    csr: str = Field(sa_type=Text)
    signing_key: dict[str, Any] = Field(sa_type=JSON)
    seal_key: str
    state: str
    asked_at: datetime
    code_by: str
    decided_by: str | None = None
    decided_at: datetime | None = None
    certificate: str | None = Field(default=None, sa_type=Text)
