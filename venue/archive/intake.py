"""Evidence from the edges, as the edge port hands it over (`edge_link.edge_api.Intake`)."""

from collections.abc import Iterator
from typing import Any

from sqlmodel import Session

from venue.archive.settings import archive_folder
from venue.archive.store import EvidenceStore
from venue.archive.tables import EvidenceObject, Package
from venue.db import Database, audit, now
from venue.sessions.tables import TradingSession
from venue.settings import Settings


class StoreIntake:
    """Missing, put, done: resuming is asking again what is missing."""

    def __init__(self, database: Database, store: EvidenceStore) -> None:
        self._database = database
        self._store = store

    def missing(self, db: Session, edge: str, session: str, sha256s: list[str]) -> list[str]:
        """Those of `sha256s` that the store lacks, in their order; ValueError when one is no hash."""
        return [one for one in sha256s if db.get(EvidenceObject, one) is None or not self._store.holds(one)]

    def put(self, edge: str, sha256: str, chunks: Iterator[bytes]) -> None:
        """Store a segment, then write its row. Raises store.WrongHash."""
        size = self._store.put(sha256, chunks)
        with self._database.writing() as db:
            if db.get(EvidenceObject, sha256) is None:
                db.add(EvidenceObject(sha256=sha256, bytes=size, edge=edge, received_at=now(db)))
                audit.write(db, f"edge:{edge}", "evidence.received", sha256, {"bytes": size})

    def evidence(self, db: Session, edge: str, session: str, body: dict[str, Any]) -> None:
        """The edge sent all it has; a package that was refused before is composed again."""
        arrived(db, edge, session, list(body.get("lost", [])))


def arrived(db: Session, edge: str, session: str, lost: list[str]) -> None:
    """Mark a session's evidence as sent; unknown sessions and other venues' are left alone."""
    row = db.get(TradingSession, session)
    if row is None or f"{row.venue}.edge" != edge:
        return
    package = db.get(Package, session) or Package(
        session=session, project_code=row.project_code, state="waiting", findings=[]
    )
    if package.state == "sealed":
        return
    package.state, package.evidence_at = "waiting", now(db)
    db.add(package)
    audit.write(db, f"edge:{edge}", "evidence.sent", session, {"lost": len(lost)})


def make_intake(settings: Settings, database: Database) -> StoreIntake:
    """The intake of this centre, for the edge port."""
    return StoreIntake(database, EvidenceStore(archive_folder(settings) / "store"))
