"""Timed duties: what one is, and the record that it ran (design: one visible list in `venue.main`)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Field

from contract.clock import Clock
from venue.db.base import Table
from venue.db.engine import Database
from venue.settings import Settings


@dataclass(frozen=True, slots=True)
class Desk:
    """What a duty may use. `requests` is `edge_link.requests.Requests`, `keys` is `edge_link.keys.CentreKeys`."""

    database: Database
    clock: Clock
    settings: Settings
    requests: Any
    keys: Any


@dataclass(frozen=True, slots=True)
class Duty:
    """A duty every `every_s` seconds. It opens its own transactions and is idempotent: it may run twice."""

    name: str
    every_s: float
    run: Callable[[Desk], None]


GRACE_S = 10.0
"""Seconds that any duty may be late, for those with short periods."""


class DutyRun(Table, table=True):
    """The heartbeat of a duty: the last time it ended well, and its last failure."""

    __tablename__ = "duty_run"
    name: str = Field(primary_key=True)
    every_s: float
    started_at: datetime
    ended_at: datetime | None = None
    failed_at: datetime | None = None
    error: str | None = None
    runs: int = 0

    def is_late(self, instant: datetime, factor: float) -> bool:
        """Has it not ended well for `factor` of its periods? It counts from the start of the process."""
        last = max(filter(None, (self.started_at, self.ended_at)))
        return (instant - last).total_seconds() > self.every_s * factor + GRACE_S
