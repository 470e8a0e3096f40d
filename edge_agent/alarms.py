"""Alarms that stand: raised once, cleared once, each a fact; the list survives a restart because it is a fold."""

from collections.abc import Callable, Sequence
from typing import Any

import structlog

from contract.envelope import FactDraft, Record
from edge_agent.journal import Journal

_log = structlog.get_logger(__name__)
Recorder = Callable[[Sequence[FactDraft]], Sequence[Record]]


class Alarms:
    """Used on the engine thread only."""

    def __init__(self, journal: Journal, record: Recorder) -> None:
        self._record = record
        self._standing: dict[tuple[str, str], dict[str, Any]] = {}
        for stored in journal.of_kind("alarm_raised", "alarm_cleared"):
            self._take(stored)

    def raise_(self, alarm: str, subject: str, **params: Any) -> bool:
        """State the alarm unless it stands already; True when it is new."""
        if (alarm, subject) in self._standing:
            return False
        _log.warning("alarm_raised", alarm=alarm, subject=subject)
        return self._state("alarm_raised", alarm, subject, params)

    def clear(self, alarm: str, subject: str) -> bool:
        """State that it is over; False when it did not stand."""
        if (alarm, subject) not in self._standing:
            return False
        return self._state("alarm_cleared", alarm, subject, {})

    def standing(self) -> list[dict[str, Any]]:
        """Every standing alarm, oldest first."""
        return list(self._standing.values())

    def take(self, records: Sequence[Record]) -> None:
        """Learn from facts that others stated (the passage raises alarms as well)."""
        for record in records:
            self._take(record)

    def _state(self, kind: str, alarm: str, subject: str, params: dict[str, Any]) -> bool:
        body = {"alarm": alarm, "subject": subject, "detail_key": f"alarm.{alarm}", "params": params}
        self.take(self._record([FactDraft(kind, body)]))
        return True

    def _take(self, record: Record) -> None:
        body = record.fact.body
        if record.fact.kind == "alarm_raised":
            self._standing.setdefault((body["alarm"], body["subject"]), {**body, "since": record.fact.wall})
        elif record.fact.kind == "alarm_cleared":
            self._standing.pop((body["alarm"], body["subject"]), None)
