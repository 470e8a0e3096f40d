"""One engine factory for everything at the centre: server, migrations, tools, tests.

SQLite is pysqlite3 in WAL with `synchronous=FULL`; a writing transaction begins IMMEDIATE, so that it either has the
lock or waits for it and never fails half-way with a stale snapshot.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import pysqlite3.dbapi2 as sqlite
from fastapi import Depends, Request
from sqlalchemy import Connection, Engine, create_engine, event
from sqlmodel import Session

from contract.clock import Clock
from contract.ids import uuid7

_OLDEST_SQLITE = (3, 51, 3)
_READ = "jz_reading"


class DatabaseUnfit(Exception):
    """The SQLite library is older than the one without the WAL-reset bug."""


def make_engine(path: Path) -> Engine:
    """An engine on the SQLite file `path` (its folder is made). Parameters are hidden from errors: personal data."""
    if sqlite.sqlite_version_info < _OLDEST_SQLITE:
        raise DatabaseUnfit(
            f"SQLite {sqlite.sqlite_version} is older than 3.51.3; install the pinned pysqlite3"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(f"sqlite+pysqlite:///{path}", module=sqlite, hide_parameters=True)
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get(_READ, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _nothing() -> None:
    pass


class Database:
    """Hands out sessions; each is one transaction and carries the clock."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self.engine = engine
        self.clock = clock
        self._reader = engine.execution_options(**{_READ: True})
        self.on_commit: Callable[[], None] = _nothing
        """Called after every commit, on the committing thread; the link sets it to send the outbox at once."""

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that holds the write lock; committed when the block ends well, else rolled back.

        Never wait for the wire or for a person inside: every other writer waits with you.
        """
        with Session(self.engine, info={"clock": self.clock}, expire_on_commit=False) as session:
            session.connection()
            yield session
            session.commit()
        self.on_commit()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A snapshot; whatever is written in it is rolled back."""
        with Session(self._reader, info={"clock": self.clock}, expire_on_commit=False) as session:
            yield session
            # A rollback would expire what the caller read; rows read stay readable after the block.
            session.expunge_all()
            session.rollback()


def now(db: Session) -> datetime:
    """The wall clock of this session's composition root (aware UTC)."""
    clock: Clock = db.info["clock"]
    return clock.now()


def new_id(db: Session) -> str:
    """A UUIDv7 by this session's clock."""
    return uuid7(db.info["clock"])


def _writing(request: Request) -> Iterator[Session]:
    database: Database = request.app.state.database
    with database.writing() as session:
        yield session


def _reading(request: Request) -> Iterator[Session]:
    database: Database = request.app.state.database
    with database.reading() as session:
        yield session


# scope="function": the commit happens before the answer leaves, so that "200" means "durable".
Writing = Annotated[Session, Depends(_writing, scope="function")]
Reading = Annotated[Session, Depends(_reading, scope="function")]
