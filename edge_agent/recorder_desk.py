"""What the recorder's messages become: reports → facts once by (worker, number), health → device states."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from contract.envelope import FactDraft
from edge_agent.alarms import Alarms
from edge_agent.engine import Engine
from edge_agent.health import DeviceStates
from edge_agent.journal import Journal
from edge_agent.recorder_link import RecorderEvents

_log = structlog.get_logger(__name__)
REPORTS = frozenset({"segment_finalised", "gap_declared"})
DISK_ALARMS = ("disk_full", "disk_error")
WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class RecorderParts:
    """What the recorder's side uses of the edge; callables because sessions and views are built later."""

    engine: Engine
    journal: Journal
    states: DeviceStates
    alarms: Alarms
    session_of: Callable[[str], str | None]
    stopped: Callable[[str], None]
    view_ended: Callable[[str], None]
    views_gone: Callable[[], None]


class RecorderDesk:
    """Called on the connection's thread; works on the engine's."""

    def __init__(self, parts: RecorderParts) -> None:
        self._parts = parts

    def events(self) -> RecorderEvents:
        """As the socket wants it."""
        parts = self._parts
        return RecorderEvents(
            hello=lambda: _log.info("recorder_here"),
            report=self._report,
            health=self._health,
            disk=lambda state: self._later(lambda: self._disk(state)),
            stopped=lambda sid: self._later(lambda: parts.stopped(sid)),
            view_ended=parts.view_ended,
            gone=self._gone,
        )

    def _later(self, work: Callable[[], object]) -> None:
        self._parts.engine.call(work)

    def _health(self, cameras: Mapping[str, Any]) -> None:
        self._later(lambda: self._parts.states.cameras(cameras))

    def _disk(self, state: str) -> None:
        """What was recorded is safe; what cannot be written becomes gaps, so a person must act (keeps I-11, I-12)."""
        for alarm in DISK_ALARMS:
            if alarm == state:
                self._parts.alarms.raise_(alarm, "recordings")
            else:
                self._parts.alarms.clear(alarm, "recordings")

    def _gone(self) -> None:
        self._parts.views_gone()
        self._later(self._parts.states.recorder_gone)

    def _report(self, worker: str, number: int, kind: str, body: Mapping[str, Any]) -> None:
        """Returns when the fact is durable; only then the recorder is told so."""
        taken = self._parts.engine.call(lambda: self._take(worker, number, kind, body))
        taken.result(timeout=WAIT_SECONDS)

    def _take(self, worker: str, number: int, kind: str, body: Mapping[str, Any]) -> None:
        if kind not in REPORTS:
            raise ValueError(f"report of kind {kind}")
        known = "SELECT 1 FROM report WHERE worker = ? AND number = ?"
        if self._parts.journal.rows(known, (worker, number)):
            return
        session = self._parts.session_of(body["camera"])
        draft = FactDraft(kind, {**body, "worker": worker, "number": number}, session)
        self._parts.engine.record(
            [draft],
            also=lambda db, made: db.execute(
                "INSERT INTO report VALUES (?, ?, ?)", (worker, number, made[-1].fact.seq)
            ),
        )
