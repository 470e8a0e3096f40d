"""Facts in: verify, append to the ledger, tell the subjects, answer with a receipt (keeps I-7, I-8).

One message is one transaction. A fact is appended only as the direct successor of the head: same venue, next seq,
right hashes in journal and session chain. Whatever else comes is refused, kept as evidence and raises an alarm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlmodel import Session

from contract.chain import GENESIS, fact_hash
from contract.envelope import BadFact, Fact
from contract.keys import SigningKey
from contract.tree import Tree
from venue.db import Database, alarms, audit, now
from venue.edge_link import checkpoints, ledger
from venue.edge_link.facts import FactRecord, Handler
from venue.edge_link.tables import Checkpoint, LedgerFact, LedgerRefusal, Party

log = structlog.get_logger(__name__)

MAX_MESSAGE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the centre holds of an edge: highest contiguous seq and its hash; `note` when one was cosigned."""

    seq: int
    head: str
    note: str | None = None


class Refused(Exception):
    """A fact is not the successor of the head. `reason`: bad_fact, wrong_venue, hole, fork, bad_chain."""

    def __init__(self, reason: str, seq: int | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seq = seq


class HandlerFailed(Exception):
    """A subject could not take a fact; acknowledging it would lose its effect."""


class Ingest:
    """The only writer of the ledger; use from one thread."""

    def __init__(
        self, database: Database, key: SigningKey, handlers: Mapping[str, Sequence[Handler]]
    ) -> None:
        self._database = database
        self._key = key
        self._handlers = handlers
        self._trees: dict[str, Tree] = {}

    def take(self, edge: str, payload: bytes) -> Receipt | None:
        """One message of fact lines from `edge` (as the broker authenticated it). None: not an enrolled edge."""
        try:
            with self._database.writing() as db:
                party = db.get(Party, edge)
                if party is None or party.revoked_at is not None:
                    log.warning("ingest.stranger", edge=edge)
                    return None
                return self._take_lines(db, party, payload)
        except BaseException:
            # The cached tree may hold facts that were rolled back: read it anew from the ledger.
            self._trees.pop(edge, None)
            raise

    def receipt(self, edge: str) -> Receipt:
        """The present receipt with the newest cosigned note; asked for by an edge that (re)connects."""
        with self._database.reading() as db:
            head = ledger.head(db, edge)
            newest = checkpoints.newest(db, edge)
        return Receipt(head.seq, head.hash, newest.note if newest else None)

    def _take_lines(self, db: Session, party: Party, payload: bytes) -> Receipt:
        note = None
        for line in payload[:MAX_MESSAGE].split(b"\n"):
            if not line:
                continue
            try:
                note = self._take_line(db, party, line) or note
            except Refused as refusal:
                self._refuse(db, party.name, refusal, line)
                break
            except HandlerFailed as failure:
                _failed(db, party.name, line, failure)
                break
        head = ledger.head(db, party.name)
        return Receipt(head.seq, head.hash, note)

    def _take_line(self, db: Session, party: Party, line: bytes) -> str | None:
        fact, fields = _parse(party, line)
        head = ledger.head(db, party.name)
        if fact.seq <= head.seq:
            _demand_same(db, fact)
            return None
        _demand_successor(db, party.name, fields, head)
        tree = self._tree(db, party.name)
        try:
            with db.begin_nested():
                note = self._append(db, party, fact, tree)
        except Exception as error:
            raise HandlerFailed(fact.kind) from error
        tree.append_hash(bytes.fromhex(fact.hash))
        for alarm in ("ledger_hole", "ingest_failed"):
            alarms.clear(db, alarm, party.name)
        return note

    def _append(self, db: Session, party: Party, fact: FactRecord, tree: Tree) -> str | None:
        db.add(
            LedgerFact(
                edge=fact.edge, seq=fact.seq, id=fact.id, kind=fact.kind, session=fact.session,
                session_seq=fact.session_seq, visit=fact.visit, wall=fact.wall, hash=fact.hash, raw=fact.raw,
            )
        )  # fmt: skip
        db.flush()
        note = self._cosign(db, party, fact, tree) if fact.kind == "checkpoint_signed" else None
        for handler in self._handlers.get(fact.kind, ()):
            handler(db, fact)
        db.flush()
        return note

    def _cosign(self, db: Session, party: Party, fact: FactRecord, tree: Tree) -> str | None:
        try:
            checkpoint, note = checkpoints.judge(fact, party, tree)
        except checkpoints.CheckpointRefused as refusal:
            params = {"edge": fact.edge, "seq": fact.seq, "reason": str(refusal)}
            alarms.raise_(db, "checkpoint_mismatch", fact.edge, "alarm.checkpoint_mismatch", params)
            return None
        cosigned = checkpoints.add_cosignature(note, self._key, now(db))
        if db.get(Checkpoint, (fact.edge, checkpoint.size)) is None:
            db.add(
                Checkpoint(
                    edge=fact.edge, size=checkpoint.size, root=checkpoint.root.hex(), note=cosigned,
                    cosigned_at=now(db),
                )
            )  # fmt: skip
        return cosigned

    def _tree(self, db: Session, edge: str) -> Tree:
        if edge not in self._trees:
            self._trees[edge] = ledger.load_tree(db, edge)
        return self._trees[edge]

    def _refuse(self, db: Session, edge: str, refusal: Refused, line: bytes) -> None:
        alarm = "ledger_hole" if refusal.reason == "hole" else "ledger_fork"
        params = {"edge": edge, "reason": refusal.reason, "seq": refusal.seq}
        log.error("ingest.refused", **params)
        # The first of a kind is the evidence; a sender that repeats itself must not fill the disk.
        if alarms.raise_(db, alarm, edge, f"alarm.{alarm}", params):
            db.add(
                LedgerRefusal(
                    edge=edge, seq=refusal.seq, reason=refusal.reason, received_at=now(db), raw=line
                )
            )
            audit.write(db, "centre", "fact.refused", edge, params)


def _failed(db: Session, edge: str, line: bytes, failure: HandlerFailed) -> None:
    cause = type(failure.__cause__).__name__
    log.error("ingest.handler_failed", edge=edge, kind=str(failure), exc_info=failure.__cause__)
    params = {"edge": edge, "kind": str(failure), "error": cause, "fact": fact_hash(line)}
    alarms.raise_(db, "ingest_failed", edge, "alarm.ingest_failed", params)


def _parse(party: Party, line: bytes) -> tuple[FactRecord, Fact]:
    try:
        record, fact = ledger.from_bytes(party.name, line)
    except BadFact as error:
        raise Refused("bad_fact", None) from error
    if fact.venue != party.venue or not party.name.endswith(".edge"):
        raise Refused("wrong_venue", fact.seq)
    return record, fact


def _demand_same(db: Session, fact: FactRecord) -> None:
    """A fact we have already: the same bytes are a resend, other bytes are a second history."""
    if ledger.hash_at(db, fact.edge, fact.seq) != fact.hash:
        raise Refused("fork", fact.seq)


def _demand_successor(db: Session, edge: str, fact: Fact, head: ledger.Head) -> None:
    if fact.seq > head.seq + 1:
        raise Refused("hole", fact.seq)
    if fact.prev != head.hash:
        raise Refused("fork", fact.seq)
    if fact.session is None:
        return
    last = ledger.session_head(db, edge, fact.session)
    if (fact.session_seq, fact.session_prev) != (last.seq + 1, last.hash if last.seq else GENESIS):
        raise Refused("bad_chain", fact.seq)
