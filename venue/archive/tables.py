"""What arrived, and the packages made of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Text
from sqlmodel import Field

from venue.db.base import Table


class EvidenceObject(Table, table=True):
    """A segment held by the centre's store under its sha256; the bytes were hashed as they came."""

    __tablename__ = "evidence_object"
    sha256: str = Field(primary_key=True)
    bytes: int
    edge: str
    received_at: datetime


class Package(Table, table=True):
    """A session's package: state waiting, composing, sealed or refused; `agrees`: do both reckonings say the same?"""

    __tablename__ = "package"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'composing', 'sealed', 'refused')", name="state"),
    )
    session: str = Field(primary_key=True)
    project_code: str = Field(index=True)
    state: str
    path: str | None = None
    trust_path: str | None = None
    agrees: bool | None = None
    edge_statement: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    centre_statement: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    findings: list[dict[str, Any]] = Field(sa_type=JSON)
    evidence_at: datetime | None = None
    sealed_at: datetime | None = None
    keep_until: datetime | None = None
    bytes: int = 0
    error: str | None = Field(default=None, sa_type=Text)
