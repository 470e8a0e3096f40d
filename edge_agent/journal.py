"""The journal: every fact of this venue, append-only, contiguous, chained, durable before anybody acts on it.

One writer connection in one process (keeps I-7). Beside the facts stand the small tables that must change in
the same transaction as a fact: what was accepted once, serials, the recorder's reports, the centre's receipt.
"""

import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pysqlite3 as sqlite

from contract.chain import GENESIS
from contract.clock import Clock
from contract.envelope import FactDraft, Position, Record, build_fact, parse_fact
from contract.ids import uuid7
from contract.tree import Tree

RESERVE_BYTES = 512 * 1024
OLDEST_SQLITE = (3, 51, 3)
"""Older libraries have the WAL-reset bug."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, session TEXT, session_seq INTEGER,
  hash TEXT NOT NULL, data BLOB NOT NULL, UNIQUE (session, session_seq)) STRICT;
CREATE INDEX IF NOT EXISTS fact_kind ON fact (kind, seq);
CREATE TRIGGER IF NOT EXISTS fact_contiguous BEFORE INSERT ON fact
  WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM fact)
  BEGIN SELECT RAISE(ABORT, 'journal: not contiguous'); END;
CREATE TRIGGER IF NOT EXISTS fact_no_update BEFORE UPDATE ON fact
  BEGIN SELECT RAISE(ABORT, 'journal: append-only'); END;
CREATE TRIGGER IF NOT EXISTS fact_no_delete BEFORE DELETE ON fact
  BEGIN SELECT RAISE(ABORT, 'journal: append-only'); END;
CREATE TABLE IF NOT EXISTS command (
  id TEXT PRIMARY KEY, kind TEXT NOT NULL, epoch INTEGER NOT NULL, envelope TEXT NOT NULL,
  seq INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS document (
  kind TEXT NOT NULL, about TEXT NOT NULL, serial INTEGER NOT NULL, id TEXT NOT NULL, envelope TEXT NOT NULL,
  seq INTEGER NOT NULL, PRIMARY KEY (kind, about)) STRICT;
CREATE TABLE IF NOT EXISTS report (
  worker TEXT NOT NULL, number INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (worker, number)) STRICT;
CREATE TABLE IF NOT EXISTS receipt (
  one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, head TEXT NOT NULL,
  envelope TEXT NOT NULL) STRICT;
"""


class JournalError(Exception):
    """The journal cannot be used; the text says what to do."""


class JournalFull(JournalError):
    """The disk is full: nothing of this append was stored, everything before it stands."""


Also = Callable[[sqlite.Connection, Sequence[Record]], None]
"""What else changes in the transaction of an append."""


class Journal:
    """Open with `Journal.open`. Appends come from one thread; reading is safe from any."""

    def __init__(
        self, db: sqlite.Connection, path: Path, venue: str, clock: Clock,
        clock_error_ms: Callable[[], int | None],
    ) -> None:  # fmt: skip
        self._path, self._reserve = path, _make_reserve(path)
        self._db, self._venue, self._clock, self._clock_error_ms = db, venue, clock, clock_error_ms
        self._lock = threading.RLock()
        self._tree = Tree(bytes.fromhex(row[0]) for row in db.execute("SELECT hash FROM fact ORDER BY seq"))
        self._head = self._tree.leaf(self._tree.size - 1).hex() if self._tree.size else GENESIS
        self._sessions = _session_heads(db)
        closed = db.execute("SELECT session FROM fact WHERE kind = 'session_closed'")
        self._closed: set[str | None] = {row[0] for row in closed}
        self.recovered_from = self._tree.size
        self.boot = uuid7(clock)

    @classmethod
    def open(
        cls, path: Path, venue: str, clock: Clock, clock_error_ms: Callable[[], int | None] = lambda: None
    ) -> "Journal":
        """Open or make the journal file. Raises JournalError when it is damaged or SQLite is too old."""
        if sqlite.sqlite_version_info < OLDEST_SQLITE:
            raise JournalError(
                f"SQLite {sqlite.sqlite_version} has the WAL-reset bug: install pysqlite3 0.6.1"
            )
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            db = sqlite.connect(str(path), isolation_level=None, check_same_thread=False)
            db.executescript(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;" + _SCHEMA
            )
            if db.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise JournalError(f"{path}: damaged; keep the file, run venue-edge fsck")
        except sqlite.DatabaseError as error:
            raise JournalError(f"{path}: {error}") from error
        return cls(db, path, venue, clock, clock_error_ms)

    def append(self, drafts: Iterable[FactDraft], also: Also | None = None) -> list[Record]:
        """Store facts in one transaction, durable on return. Raises JournalFull: nothing was stored.

        After `session_closed` nothing joins that session: later drafts that name it stand outside it.
        """
        with self._lock:
            records, heads = self._build(list(drafts))
            self._commit(records, also)
            for record in records:
                self._tree.append_hash(bytes.fromhex(record.hash))
            self._sessions.update(heads)
            self._closed.update(r.fact.session for r in records if r.fact.kind == "session_closed")
            self._head = records[-1].hash if records else self._head
        return records

    @property
    def size(self) -> int:
        """How many facts there are; the seq of the last."""
        return self._tree.size

    @property
    def head(self) -> str:
        """Hash of the last fact, 64 zeros when there is none."""
        return self._head

    def root(self, size: int | None = None) -> bytes:
        """RFC 6962 root of the first `size` facts."""
        with self._lock:
            return self._tree.root(size)

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Proof that the first `old` facts are a prefix of the first `new`."""
        with self._lock:
            return self._tree.consistency(old, new) if old else []

    def hash_at(self, seq: int) -> str | None:
        """Hash of fact `seq`; None when there is none."""
        with self._lock:
            return self._tree.leaf(seq - 1).hex() if 0 < seq <= self._tree.size else None

    def read(self, after: int, limit: int = 50) -> list[Record]:
        """Facts with seq > `after`, in order."""
        return self._records("seq > ? ORDER BY seq LIMIT ?", (after, limit))

    def all(self) -> Iterator[Record]:
        """Every fact in order, in slices: memory stays small."""
        after = 0
        while records := self.read(after, 1000):
            yield from records
            after = records[-1].fact.seq

    def of_session(self, session: str) -> list[Record]:
        """The facts of one session in order."""
        return self._records("session = ? ORDER BY session_seq", (session,))

    def of_kind(self, *kinds: str) -> list[Record]:
        """The facts of these kinds in order."""
        marks = ",".join("?" * len(kinds))
        return self._records(f"kind IN ({marks}) ORDER BY seq", kinds)

    def session_head(self, session: str) -> tuple[int, str]:
        """(count, hash of the last) of a session's facts."""
        with self._lock:
            return self._sessions.get(session, (0, GENESIS))

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Read the tables beside the facts."""
        with self._lock:
            return [tuple(row) for row in self._db.execute(statement, values).fetchall()]

    def receipt(self) -> tuple[int, str]:
        """(seq, head) of the centre's last good receipt; (0, zeros) before the first."""
        found = self.rows("SELECT seq, head FROM receipt")
        return (found[0][0], found[0][1]) if found else (0, GENESIS)

    def store_receipt(self, seq: int, head: str, envelope: str) -> None:
        """Keep the centre's receipt durably; it never goes back."""
        statement = (
            "INSERT INTO receipt VALUES (1, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET seq = excluded.seq,"
            " head = excluded.head, envelope = excluded.envelope WHERE excluded.seq > receipt.seq"
        )
        with self._lock:
            self._commit([], lambda db, _: db.execute(statement, (seq, head, envelope)))

    def release_reserve(self) -> bool:
        """Give the disk the room that was kept for alarms; False when it was given before."""
        if not self._reserve.exists():
            return False
        self._reserve.unlink()
        return True

    def keep_reserve(self) -> bool:
        """Keep the room for alarms again, once the disk has some; whether it is kept now."""
        return _make_reserve(self._path).exists()

    def close(self) -> None:
        """Close the file; nothing is lost when this is never called."""
        with self._lock:
            self._db.close()

    def _build(self, drafts: list[FactDraft]) -> tuple[list[Record], dict[str, tuple[int, str]]]:
        records: list[Record] = []
        heads: dict[str, tuple[int, str]] = {}
        seq, prev = self._tree.size, self._head
        for given in drafts:
            seq += 1
            draft = replace(given, session=None) if given.session in self._closed else given
            key = draft.session or ""
            count, last = heads.get(key) or self._sessions.get(key, (0, GENESIS))
            place = Position(self._venue, self.boot, seq, prev, count + 1, last)
            record = build_fact(draft, place, self._clock, self._clock_error_ms())
            prev = record.hash
            if draft.session:
                heads[key] = (count + 1, prev)
            records.append(record)
        return records, heads

    def _commit(self, records: list[Record], also: Also | None) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT INTO fact VALUES (?, ?, ?, ?, ?, ?, ?)",
                [_row(record) for record in records],
            )
            if also is not None:
                also(self._db, records)
            self._db.execute("COMMIT")
        except BaseException as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            if _is_full(error):
                raise JournalFull(str(error)) from error
            raise

    def _records(self, where: str, values: Sequence[Any]) -> list[Record]:
        rows = self.rows(f"SELECT data FROM fact WHERE {where}", values)  # noqa: S608 - our own text
        return [parse_fact(data) for (data,) in rows]


def _make_reserve(path: Path) -> Path:
    """Room on the disk that is given up when it is full, so that the alarm can still be stated."""
    reserve = path.with_suffix(".reserve")
    if not reserve.exists() and shutil.disk_usage(path.parent).free > 8 * RESERVE_BYTES:
        reserve.write_bytes(b"\0" * RESERVE_BYTES)
    return reserve


def _row(record: Record) -> tuple[Any, ...]:
    fact = record.fact
    return (fact.seq, fact.id, fact.kind, fact.session, fact.session_seq, record.hash, record.data)


def _session_heads(db: sqlite.Connection) -> dict[str, tuple[int, str]]:
    statement = "SELECT session, max(session_seq), hash FROM fact WHERE session IS NOT NULL GROUP BY session"
    return {session: (count, hash_) for session, count, hash_ in db.execute(statement)}


def _is_full(error: BaseException) -> bool:
    # RLIMIT_FSIZE and quotas show as an I/O error on write, a WAL index that cannot grow as one of its size.
    name = getattr(error, "sqlite_errorname", "")
    full = ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE")
    return name in full or "disk is full" in str(error)
