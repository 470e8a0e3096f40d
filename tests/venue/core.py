"""A centre's database, and an edge's journal as plain hands: what the tests of the core share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlmodel import Session, select

from contract.clock import FakeClock
from contract.envelope import FactDraft, Position, Record, build_fact
from contract.keys import SigningKey
from contract.notes import Checkpoint, origin, sign_checkpoint
from contract.tree import Tree
from venue.db import Database, make_engine
from venue.db.alarms import Alarm
from venue.db.migrate import migrate
from venue.edge_link.facts import Handler
from venue.edge_link.handlers import handlers as link_handlers
from venue.edge_link.ingest import Ingest
from venue.edge_link.tables import LedgerFact, Party
from venue.main import compose

CENTRE_KEY = SigningKey.generate("centre")


def open_centre(folder: Path, clock: FakeClock | None = None) -> Database:
    """A migrated database in the folder."""
    assert compose.routers()  # every table is known once the centre is composed
    engine = make_engine(folder / "centre.db")
    migrate(engine)
    return Database(engine, clock or FakeClock())


@dataclass
class Journal:
    """An edge's journal in memory: states facts, makes checkpoints, and can be made to lie."""

    clock: FakeClock
    name: str = "V01.edge"
    key: SigningKey = field(default_factory=lambda: SigningKey.generate("V01.edge"))
    records: list[Record] = field(default_factory=list)
    position: Position = field(default_factory=lambda: Position("V01", "boot-1"))
    sessions: dict[str, tuple[int, str]] = field(default_factory=dict)

    def state(self, kind: str = "help_requested", session: str | None = None, **body: Any) -> Record:
        """One more fact."""
        count, last = self.sessions.get(session or "", (0, "0" * 64))
        place = replace(self.position, session_seq=count + 1, session_prev=last)
        record = build_fact(FactDraft(kind, body or {"kiosk": "kiosk-1"}, session), place, self.clock, 0)
        if session:
            self.sessions[session] = (count + 1, record.hash)
        self.position = replace(self.position, seq=record.fact.seq + 1, prev=record.hash)
        self.records.append(record)
        return record

    def checkpoint(self, *, root: bytes | None = None, key: SigningKey | None = None) -> Record:
        """A signed checkpoint of everything stated so far, as a fact."""
        tree = Tree(bytes.fromhex(record.hash) for record in self.records)
        shown = root or tree.root()
        head = Checkpoint(origin("V01"), tree.size, shown, self.clock.now())
        note = sign_checkpoint(head, key or self.key)
        return self.state("checkpoint_signed", size=tree.size, root=shown.hex(), note=note)

    def payload(self, first: int = 1, last: int | None = None) -> bytes:
        """The lines of facts first..last, as sent."""
        return b"\n".join(record.data for record in self.records[first - 1 : last])


def enrol(database: Database, journal: Journal) -> None:
    """Make the journal's edge a party of the centre, past the enrolment."""
    with database.writing() as db:
        db.add(
            Party(
                name=journal.name, venue="V01", certificate="", certificate_serial="1", fingerprint="",
                signing_key=journal.key.describe("edge", database.clock.now()).as_dict(), seal_key="age1x",
                enrolled_at=database.clock.now(),
            )
        )  # fmt: skip


def make_ingest(database: Database, handlers: Mapping[str, Sequence[Handler]] | None = None) -> Ingest:
    """An ingest with the core's own handlers, or others."""
    own = {kind: [handler] for kind, handler in link_handlers.items()}
    return Ingest(database, CENTRE_KEY, own if handlers is None else handlers)


def ledger_bytes(database: Database, edge: str = "V01.edge") -> list[bytes]:
    """The ledger of an edge in order."""
    with database.reading() as db:
        query = select(LedgerFact.raw).where(LedgerFact.edge == edge).order_by(LedgerFact.seq)  # type: ignore[arg-type]
        return list(db.exec(query))


def standing(database: Database) -> set[str]:
    """Names of standing alarms."""
    with database.reading() as db:
        return {row.alarm for row in db.exec(select(Alarm)) if row.cleared_at is None}


def rows(db: Session, table: Any) -> list[Any]:
    """All rows of a table."""
    return list(db.exec(select(table)))
