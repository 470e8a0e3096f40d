"""The centre's own reckoning of a session, from what arrived, beside the edge's statement (flow 7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, select

from contract.chain import read_record
from contract.completeness import differences, statement
from venue.archive.store import EvidenceStore
from venue.archive.tables import EvidenceObject
from venue.edge_link.ledger import raw_of_session
from venue.edge_link.tables import LedgerFact
from venue.sessions.people import edges_of


@dataclass(frozen=True, slots=True)
class Reckoning:
    """One venue's facts, both statements, where they differ, and which segments did not arrive."""

    edge: str
    venue: str
    records: Sequence[bytes]
    facts: Sequence[Mapping[str, Any]]
    stated: Mapping[str, Any] | None
    counted: Mapping[str, Any]
    differing: Sequence[str]
    absent: Sequence[str]

    @property
    def agrees(self) -> bool:
        """Both say the same, and the edge said something."""
        return self.stated is not None and not self.differing

    @property
    def closed(self) -> bool:
        """The session's last fact is its close."""
        return bool(self.facts) and self.facts[-1]["kind"] == "session_closed"


def reckon(db: Session, store: EvidenceStore, session: str) -> list[Reckoning]:
    """One reckoning for each edge of the session that stated facts of it, in order of name."""
    query = select(LedgerFact.edge).where(LedgerFact.session == session).distinct()
    stated = set(db.exec(query))
    return [_one(db, store, edge, session) for edge in sorted(edges_of(db, session) & stated)]


def _one(db: Session, store: EvidenceStore, edge: str, session: str) -> Reckoning:
    records = raw_of_session(db, edge, session)
    facts = [read_record(data) for data in records]
    wanted = [str(f["body"]["sha256"]) for f in facts if f["kind"] == "segment_finalised"]
    held = {one for one in wanted if db.get(EvidenceObject, one) is not None and store.holds(one)}
    counted = statement(facts, held)
    stated = next(
        (f["body"]["statement"] for f in reversed(facts) if f["kind"] == "completeness_stated"), None
    )
    return Reckoning(
        edge=edge, venue=str(facts[0]["venue"]), records=records, facts=facts, stated=stated, counted=counted,
        differing=[] if stated is None else differences(stated, counted),
        absent=[one for one in wanted if one not in held],
    )  # fmt: skip
