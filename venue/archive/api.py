"""Packages and completeness for the archivist and the supervisor; every look is on record (I-16)."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlmodel import select

from venue.archive import filing
from venue.archive.reckoning import reckon
from venue.archive.settings import archive_folder
from venue.archive.store import EvidenceStore
from venue.archive.tables import Package
from venue.db import Reading, Writing, audit
from venue.identity import Actor, require
from venue.identity.gate import refuse

router = APIRouter(tags=["archive"])


class PackageRow(BaseModel):
    """A package in the list."""

    session: str
    project_code: str
    state: str
    agrees: bool | None
    findings: int
    bytes: int
    sealed_at: datetime | None
    keep_until: datetime | None


class PackageOut(BaseModel):
    """One package: where it lies, whose keys to trust, what the verifier found. `waits_for`: key and parameters."""

    session: str
    project_code: str
    state: str
    path: str | None
    trust: str | None
    agrees: bool | None
    findings: list[dict[str, object]]
    waits_for: str | None
    bytes: int
    evidence_at: datetime | None
    sealed_at: datetime | None
    keep_until: datetime | None


class VenueReckoning(BaseModel):
    """Both reckonings of one venue and where they differ; `absent`: segments that did not arrive."""

    venue: str
    agrees: bool
    closed: bool
    edge: dict[str, object] | None
    centre: dict[str, object]
    differences: list[str]
    absent: list[str]


class CompletenessOut(BaseModel):
    """What should be there, what is, as both sides count it."""

    session: str
    agrees: bool
    venues: list[VenueReckoning]


@router.get("/packages", operation_id="list_packages")
def list_packages(db: Reading, _: Annotated[Actor, require("packages.read")]) -> list[PackageRow]:
    """All packages, newest session first."""
    rows = db.exec(select(Package).order_by(Package.session.desc()).limit(500))  # type: ignore[attr-defined]
    return [
        PackageRow(
            session=row.session, project_code=row.project_code, state=row.state, agrees=row.agrees,
            findings=len(row.findings), bytes=row.bytes, sealed_at=row.sealed_at, keep_until=row.keep_until,
        )
        for row in rows
    ]  # fmt: skip


@router.get("/sessions/{session}/package", operation_id="read_package")
def read_package(db: Writing, actor: Annotated[Actor, require("packages.read")], session: str) -> PackageOut:
    """The session's package."""
    row = db.get(Package, session)
    if row is None:
        raise refuse(404, "package.none")
    audit.write(db, actor.name, "package.looked_at", session)
    return PackageOut(
        session=row.session, project_code=row.project_code, state=row.state, path=row.path,
        trust=row.trust_path, agrees=row.agrees, findings=row.findings, waits_for=row.error, bytes=row.bytes,
        evidence_at=row.evidence_at, sealed_at=row.sealed_at, keep_until=row.keep_until,
    )  # fmt: skip


@router.get("/sessions/{session}/completeness", operation_id="read_completeness")
def read_completeness(
    request: Request, db: Reading, _: Annotated[Actor, require("packages.read")], session: str
) -> CompletenessOut:
    """Both reckonings as they stand now, from the ledger and the store."""
    store = EvidenceStore(archive_folder(request.app.state.settings) / "store")
    found = reckon(db, store, session)
    if not found:
        raise refuse(404, "package.no_facts")
    venues = [VenueReckoning.model_validate(filing.describe(one)) for one in found]
    return CompletenessOut(session=session, agrees=all(one.agrees for one in found), venues=venues)
