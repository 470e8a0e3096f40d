"""Reading the ledger: heads, facts, trees. Only `ingest.py` writes it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from contract.chain import GENESIS
from contract.envelope import Fact, parse_fact
from contract.tree import Tree
from venue.edge_link.facts import FactRecord
from venue.edge_link.tables import LedgerFact


@dataclass(frozen=True, slots=True)
class Head:
    """The last fact of a journal (or of one session in it); seq 0 and 64 zeros before the first."""

    seq: int
    hash: str


def head(db: Session, edge: str) -> Head:
    """Highest contiguous fact of an edge."""
    query = select(LedgerFact.seq, LedgerFact.hash).where(LedgerFact.edge == edge)
    row = db.exec(query.order_by(col(LedgerFact.seq).desc()).limit(1)).first()
    return Head(row[0], row[1]) if row else Head(0, GENESIS)


def session_head(db: Session, edge: str, session: str) -> Head:
    """Last fact of a session in an edge's journal; `seq` is its session_seq."""
    query = select(LedgerFact.session_seq, LedgerFact.hash).where(
        LedgerFact.session == session, LedgerFact.edge == edge
    )
    row = db.exec(query.order_by(col(LedgerFact.seq).desc()).limit(1)).first()
    return Head(row[0] or 0, row[1]) if row else Head(0, GENESIS)


def hash_at(db: Session, edge: str, seq: int) -> str | None:
    """Hash of one fact, None when the ledger has not got it."""
    return db.exec(select(LedgerFact.hash).where(LedgerFact.edge == edge, LedgerFact.seq == seq)).first()


def load_tree(db: Session, edge: str) -> Tree:
    """The RFC 6962 tree over all facts of an edge."""
    query = select(LedgerFact.hash).where(LedgerFact.edge == edge).order_by(col(LedgerFact.seq))
    return Tree(bytes.fromhex(value) for value in db.exec(query))


def raw_of_session(db: Session, edge: str, session: str) -> Sequence[bytes]:
    """The stored bytes of a session's facts from one edge, in order of seq (`data/journal/VENUE.jsonl`)."""
    query = select(LedgerFact.raw).where(LedgerFact.session == session, LedgerFact.edge == edge)
    return db.exec(query.order_by(col(LedgerFact.seq))).all()


def count(db: Session, edge: str) -> int:
    """How many facts of an edge the ledger holds."""
    return db.exec(select(func.count()).select_from(LedgerFact).where(LedgerFact.edge == edge)).one()


def record(row: LedgerFact) -> FactRecord:
    """A ledger row as the subjects see it."""
    return from_bytes(row.edge, row.raw)[0]


def from_bytes(edge: str, raw: bytes) -> tuple[FactRecord, Fact]:
    """Take a fact's bytes apart. BadFact when it is not one."""
    parsed = parse_fact(raw)
    fact = parsed.fact
    view = FactRecord(
        edge=edge, id=fact.id, kind=fact.kind, venue=fact.venue, boot=fact.boot, seq=fact.seq,
        session=fact.session, session_seq=fact.session_seq, visit=fact.visit, wall=fact.at,
        mono_us=fact.mono_us, body=fact.body, hash=parsed.hash, raw=raw,
    )  # fmt: skip
    return view, fact
