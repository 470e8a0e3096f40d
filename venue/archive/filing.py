"""From a closed session to its sealed package: wait for the evidence, reckon, compose, have it verified (flow 7)."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from sqlmodel import Session, col, select

from contract import package as names
from contract.canonical import canonical
from contract.clock import stamp
from contract.proofs import NotProven, session_proofs
from venue.archive import composing
from venue.archive.composing import ComposingFailed, Content, Packing
from venue.archive.reckoning import Reckoning, reckon
from venue.archive.retention import Term, keep_until, load_terms
from venue.archive.settings import archive_folder
from venue.archive.store import EvidenceStore
from venue.archive.tables import Package
from venue.db import Database, alarms, audit, now
from venue.edge_link.keys import CentreKeys, trust_ever
from venue.edge_link.tables import Checkpoint, LedgerFact
from venue.experts.tables import Draw
from venue.sessions.rules import Event, State
from venue.sessions.service import sittings_of, step
from venue.sessions.tables import TradingSession
from venue.settings import Settings

log = structlog.get_logger()
_ACTOR = "duty:seal"
_PATIENCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Room:
    """Where filing happens: database, keys and the archive's folders."""

    database: Database
    keys: CentreKeys
    store: EvidenceStore
    packages: Path


def room_of(settings: Settings, database: Database, keys: CentreKeys) -> Room:
    """The room of the running centre."""
    folder = archive_folder(settings)
    return Room(database, keys, EvidenceStore(folder / "store"), folder / "packages")


def waiting(db: Session) -> list[str]:
    """Sessions in filing whose edge says that everything was sent, and those that a crash left half composed."""
    query = select(TradingSession.id).where(
        TradingSession.id == Package.session,
        TradingSession.state == State.FILING,
        col(Package.state).in_(("waiting", "composing")),
    )
    return sorted(db.exec(query))


def seal(room: Room, session: str) -> bool:
    """Compose and verify one session's package; False while something is still to come. Idempotent."""
    with room.database.reading() as db:
        reckonings = reckon(db, room.store, session)
        try:
            packing = _packing(db, room, session, reckonings)
        except NotProven as missing:
            _still_waits(room, session, missing)
            return False
    _mark(room, session, "composing")
    folder = room.packages / session
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        bag = composing.compose(packing, folder)
        good, findings = composing.verified(bag, folder / "trust")
    except (ComposingFailed, OSError):
        # A full disk or a killed child: the evidence is safe in the store, the next run begins anew.
        _mark(room, session, "waiting")
        raise
    _finish(room, session, reckonings, packing, good, findings)
    return good


def _packing(db: Session, room: Room, session: str, reckonings: Sequence[Reckoning]) -> Packing:
    row = db.get_one(TradingSession, session)
    ring = trust_ever(db, room.keys)
    contents: list[Content] = list(_documents(db, row))
    by_venue: dict[str, dict[str, Any]] = {}
    for one in reckonings:
        contents += _venue_contents(db, room, session, one)
        by_venue[one.venue] = {"edge": one.stated, "centre": one.counted, "differences": list(one.differing)}
    contents.append(Content(names.COMPLETENESS, canonical(names.completeness(session, by_venue))))
    return Packing(
        session, row.project_code, row.title, contents, load_terms(), ring, room.keys.signing, now(db)
    )


def _venue_contents(db: Session, room: Room, session: str, one: Reckoning) -> Iterator[Content]:
    """Journal, recordings and proofs of one venue. Raises NotProven while a cosignature is still to come."""
    ledger = db.exec(
        select(LedgerFact.raw).where(LedgerFact.edge == one.edge).order_by(col(LedgerFact.seq))
    ).all()
    keys = trust_ever(db, room.keys, one.venue)
    yield Content(names.journal_path(one.venue), b"".join(data + b"\n" for data in one.records))
    where = {digest: room.store.path(digest) for digest in _arrived(one)}
    yield from composing.recordings(one.venue, one.facts, where)
    for name, data in session_proofs(ledger, session, _notes(db, one.edge), keys).items():
        yield Content(names.proof_path(one.venue, name), data)


def _arrived(one: Reckoning) -> list[str]:
    wanted = {str(f["body"]["sha256"]) for f in one.facts if f["kind"] == "segment_finalised"}
    return sorted(wanted - set(one.absent))


def _notes(db: Session, edge: str) -> list[str]:
    """Every signed note of an edge: its own checkpoints, both cosignatures as facts, and our own copy."""
    kinds = ("checkpoint_signed", "checkpoint_cosigned")
    facts = db.exec(select(LedgerFact.raw).where(LedgerFact.edge == edge, col(LedgerFact.kind).in_(kinds)))
    ours = db.exec(select(Checkpoint.note).where(Checkpoint.edge == edge))
    return [json.loads(raw)["body"]["note"] for raw in facts] + list(ours)


def _documents(db: Session, row: TradingSession) -> Iterator[Content]:
    """What the centre knows of the session: its card, and the draws as commitments."""
    sittings = [
        {"id": one.id, "checkin_opens_at": stamp(one.checkin_opens_at), "starts_at": stamp(one.starts_at),
         "ends_at": stamp(one.ends_at)}
        for one in sittings_of(db, row.id)
    ]  # fmt: skip
    card = {
        "session": row.id, "project_code": row.project_code, "title": row.title, "kind": row.kind,
        "venue": row.venue, "sittings": sittings,
    }  # fmt: skip
    yield Content(f"{names.DOCUMENTS}session.json", canonical(card))
    draws = db.exec(select(Draw).where(Draw.session == row.id).order_by(Draw.id)).all()
    if draws:
        yield Content(f"{names.DOCUMENTS}draws.json", canonical({"draws": [_draw(one) for one in draws]}))


def _draw(row: Draw) -> dict[str, Any]:
    return {
        "draw": row.id, "state": row.state, "reason": row.reason, "seats": row.seats, "pool_size": row.pool_size,
        "pool_commitment": row.pool_commitment, "commitments": row.commitments,
        "started_at": stamp(row.started_at),
    }  # fmt: skip


def _mark(room: Room, session: str, state: str) -> None:
    with room.database.writing() as db:
        row = db.get_one(Package, session)
        row.state, row.error = state, None
        db.add(row)
        audit.write(db, _ACTOR, f"package.{state}", session)


def _still_waits(room: Room, session: str, missing: NotProven) -> None:
    """Say what is awaited, once a reason; when it stays away too long, ring."""
    text = f"{missing.key} {json.dumps(missing.params, sort_keys=True)}"
    with room.database.writing() as db:
        row = db.get_one(Package, session)
        if row.error != text:
            row.error = text
            db.add(row)
            audit.write(db, _ACTOR, "package.waited", session, {"key": missing.key})
        if row.evidence_at is not None and row.evidence_at + _PATIENCE < now(db):
            alarms.raise_(db, "package_late", session, "alarm.package_late", {"waits_for": missing.key})


def _finish(
    room: Room, session: str, reckonings: Sequence[Reckoning], packing: Packing, good: bool,
    findings: list[dict[str, Any]],
) -> None:  # fmt: skip
    folder = room.packages / session
    with room.database.writing() as db:
        row, owner = db.get_one(Package, session), db.get_one(TradingSession, session)
        row.path, row.trust_path = str(folder / "package"), str(folder / "trust")
        row.agrees = bool(reckonings) and all(one.agrees for one in reckonings)
        row.edge_statement = {one.venue: one.stated for one in reckonings}
        row.centre_statement = {one.venue: one.counted for one in reckonings}
        row.findings, row.sealed_at, row.error = findings, now(db), None
        row.bytes = sum(path.stat().st_size for path in (folder / "package").rglob("*") if path.is_file())
        row.keep_until = _keep_until(owner.closed_at or now(db), packing)
        row.state = "sealed" if good else "refused"
        db.add(row)
        detail = {"agrees": row.agrees, "findings": len(findings), "bytes": row.bytes}
        audit.write(db, _ACTOR, f"package.{row.state}", session, detail)
        step(db, _ACTOR, owner, Event.PACKAGE_SEALED if good else Event.PACKAGE_REFUSED)
        alarms.clear(db, "package_late", session)
        if good:
            alarms.clear(db, "package_refused", session)
        else:
            params = {"findings": len(findings), "first": findings[0]["key"] if findings else None}
            alarms.raise_(db, "package_refused", session, "alarm.package_refused", params)


def _keep_until(closed_at: datetime, packing: Packing) -> datetime:
    kinds = {names.kind_of(content.path) for content in packing.contents}
    terms: list[Term] = [term for kind, term in packing.terms.items() if kind in kinds]
    return keep_until(closed_at, terms)


def describe(one: Reckoning) -> dict[str, Any]:
    """A reckoning for the page."""
    return {
        "venue": one.venue, "agrees": one.agrees, "closed": one.closed, "edge": one.stated,
        "centre": one.counted, "differences": list(one.differing), "absent": list(one.absent),
    }  # fmt: skip
