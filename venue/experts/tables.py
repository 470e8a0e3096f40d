"""The register and the draws. Nothing here tells who was drawn: a draw touches no person's row (keeps I-14)."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint
from sqlmodel import Field

from venue.db.base import Table


class Expert(Table, table=True):
    """A person of the pool. `sealed` is AES-256-GCM over a padded record; indexes are keyed hashes.

    `alias` is what people without the right to names see. A draw reads rows and writes none.
    """

    __tablename__ = "expert"
    __table_args__ = (CheckConstraint("state IN ('active', 'suspended', 'left')", name="state"),)
    id: str = Field(primary_key=True)
    alias: str = Field(unique=True)
    specialties: list[str] = Field(sa_type=JSON)
    sealed: bytes
    photo: bytes | None = None
    number_index: str = Field(unique=True)
    employer_indexes: list[str] = Field(sa_type=JSON)
    state: str
    added_by: str
    added_at: datetime


class Draw(Table, table=True):
    """One draw. Plain are the commitments; `sealed` (age, constant size) holds shares, order and alias → person."""

    __tablename__ = "draw"
    __table_args__ = (
        CheckConstraint("state IN ('committing', 'committed', 'drawn', 'aborted')", name="state"),
    )
    id: str = Field(primary_key=True)
    session: str = Field(index=True)
    sitting: str
    state: str
    reason: str | None = None
    seats: list[dict[str, Any]] = Field(sa_type=JSON)
    pool_size: int
    pool_commitment: str
    commitments: dict[str, str] = Field(sa_type=JSON)
    sealed: bytes | None = None
    started_by: str
    started_at: datetime
    ended_at: datetime | None = None


class Notice(Table, table=True):
    """One text message to one drawn person, known by alias only. `state`: sending, done, refused, unknown (I-5)."""

    __tablename__ = "notice"
    draw: str = Field(primary_key=True, foreign_key="draw.id")
    alias: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    state: str
    at: datetime


class DrawDisclosure(Table, table=True):
    """A draw that was laid open by the pool overseer, and when."""

    __tablename__ = "draw_disclosure"
    draw: str = Field(primary_key=True, foreign_key="draw.id")
    by: str
    at: datetime
