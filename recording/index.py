"""The recorder's index: segments, gaps, how far each camera is accounted for, and reports numbered per worker.

A row and its report are one transaction; reports stay until the edge acknowledges that number. The worker's name
carries a random part made with the index, so numbers that start again after a lost index are never taken for old
ones. pysqlite3, WAL, synchronous=FULL; one connection behind a lock, used by the disk threads and the worker.
"""

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2 as sqlite

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS reports (
  number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS segments (
  file TEXT PRIMARY KEY, camera TEXT NOT NULL, number INTEGER NOT NULL, start_us INTEGER NOT NULL,
  end_us INTEGER NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, chain_last TEXT NOT NULL,
  body TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS segments_by_time ON segments (camera, start_us);
CREATE TABLE IF NOT EXISTS gaps (
  number INTEGER PRIMARY KEY, camera TEXT NOT NULL, start_us INTEGER NOT NULL, end_us INTEGER NOT NULL,
  media TEXT NOT NULL, cause TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS cameras (
  camera TEXT PRIMARY KEY, covered_us INTEGER, chain TEXT NOT NULL) STRICT;
"""
NO_CHAIN = "00" * 32


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A finished file; the body of `segment_finalised` without worker and number."""

    camera: str
    file: str
    start_us: int
    end_us: int
    bytes: int
    sha256: str
    chain_first: str
    chain_last: str
    fragments: int
    video_samples: int
    audio_samples: int
    lost: int
    container: str


@dataclass(frozen=True, slots=True)
class Report:
    """A numbered report for the edge's journal."""

    number: int
    kind: str
    body: dict[str, Any]


class Index:
    """Rows and reports of one recorder."""

    def __init__(self, path: Path, worker: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite.connect(str(path), isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(_SCHEMA)
        if self.note("worker") is None:
            self.set_note("worker", f"{worker}-{secrets.token_hex(4)}")
        self.worker = self.note("worker") or worker

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            return list(self._db.execute(query, values))

    def note(self, name: str) -> str | None:
        """A remembered value, such as the last plan."""
        rows = self._rows("SELECT value FROM meta WHERE name = ?", name)
        return str(rows[0][0]) if rows else None

    def set_note(self, name: str, value: str) -> None:
        """Remember a value."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                (name, value),
            )

    def covered_us(self, camera: str) -> int | None:
        """Up to when the camera is accounted for; None when it has no duty to record."""
        rows = self._rows("SELECT covered_us FROM cameras WHERE camera = ?", camera)
        return rows[0][0] if rows else None

    def set_covered(self, camera: str, until_us: int | None) -> None:
        """Begin (or, with None, end) the camera's duty to record."""
        with self._transaction() as db:
            self._cover(db, camera, until_us)

    def chain(self, camera: str) -> str:
        """Digest of the camera's last fragment, hex; zeros before the first."""
        rows = self._rows("SELECT chain FROM cameras WHERE camera = ?", camera)
        return str(rows[0][0]) if rows else NO_CHAIN

    def has_file(self, file: str) -> bool:
        """Whether a file has its row."""
        return bool(self._rows("SELECT 1 FROM segments WHERE file = ?", file))

    def add_segment(self, row: SegmentRow, covered_us: int | None) -> None:
        """Insert row and report together (keeps I-10: the file is already synced); coverage moves on."""
        with self._transaction() as db:
            number = self._report(db, "segment_finalised", asdict(row))
            body = json.dumps(asdict(row))
            values = (
                row.file,
                row.camera,
                number,
                row.start_us,
                row.end_us,
                row.bytes,
                row.sha256,
                row.chain_last,
            )
            db.execute("INSERT INTO segments VALUES (?,?,?,?,?,?,?,?,?)", (*values, body))
            self._cover(db, row.camera, covered_us)
            db.execute("UPDATE cameras SET chain = ? WHERE camera = ?", (row.chain_last, row.camera))

    def add_gap(
        self, camera: str, start_us: int, end_us: int, media: str, cause: str, covered_us: int | None
    ) -> None:
        """Insert gap and report together (keeps I-11); coverage moves on."""
        body = {"camera": camera, "start_us": start_us, "end_us": end_us, "media": media, "cause": cause}
        with self._transaction() as db:
            number = self._report(db, "gap_declared", body)
            db.execute(
                "INSERT INTO gaps VALUES (?,?,?,?,?,?)", (number, camera, start_us, end_us, media, cause)
            )
            self._cover(db, camera, covered_us)

    def unacknowledged(self, after: int = 0) -> list[Report]:
        """Reports the edge has not acknowledged, oldest first, numbers above `after`, at most 200."""
        rows = self._rows(
            "SELECT number, kind, body FROM reports WHERE number > ? ORDER BY number LIMIT 200", after
        )
        return [Report(n, k, {**json.loads(b), "worker": self.worker, "number": n}) for n, k, b in rows]

    def acknowledge(self, number: int) -> None:
        """The edge has this one report in its journal."""
        with self._transaction() as db:
            db.execute("DELETE FROM reports WHERE number = ?", (number,))

    def last_number(self) -> int:
        """Highest report number ever given; 0 before the first."""
        rows = self._rows("SELECT seq FROM sqlite_sequence WHERE name = 'reports'")
        return int(rows[0][0]) if rows else 0

    def segments(self, camera: str | None = None) -> list[SegmentRow]:
        """Rows in order of time, of one camera or all."""
        rows = self._rows(
            "SELECT body FROM segments WHERE ?1 IS NULL OR camera = ?1 ORDER BY camera, start_us", camera
        )
        return [SegmentRow(**json.loads(body)) for (body,) in rows]

    def gaps(self, camera: str) -> list[tuple[int, int, str, str]]:
        """(start_us, end_us, media, cause) of a camera in order of time."""
        query = "SELECT start_us, end_us, media, cause FROM gaps WHERE camera = ? ORDER BY start_us, number"
        return [(int(a), int(b), str(m), str(c)) for a, b, m, c in self._rows(query, camera)]

    def _report(self, db: Any, kind: str, body: dict[str, Any]) -> int:
        cursor = db.execute("INSERT INTO reports (kind, body) VALUES (?, ?)", (kind, json.dumps(body)))
        return int(cursor.lastrowid)

    def _cover(self, db: Any, camera: str, until_us: int | None) -> None:
        db.execute(
            "INSERT INTO cameras VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET covered_us = excluded.covered_us",
            (camera, until_us, NO_CHAIN),
        )
