"""The edge's one list of timed duties (APScheduler), each with a heartbeat and an alarm when it did not run.

Whether a duty runs is judged by the engine's tick, not by the scheduler itself.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from contract.clock import Clock
from edge_agent.alarms import Alarms

_log = structlog.get_logger(__name__)
LATE_FACTOR = 3
LATE_LEAST_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Duty:
    """Something done every so many seconds, on the scheduler's thread; it must return."""

    name: str
    every_s: float
    run: Callable[[], object]


class Duties:
    """Runs the list; `judge` raises `duty_missed` for whatever is late and clears it when it ran again."""

    def __init__(self, duties: Sequence[Duty], clock: Clock, alarms: Alarms) -> None:
        self._duties, self._clock, self._alarms = tuple(duties), clock, alarms
        self._lock = threading.Lock()
        self._beats = {duty.name: clock.mono_us() for duty in duties}
        self._scheduler = BackgroundScheduler(
            timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )
        for duty in duties:
            self._scheduler.add_job(self._run, "interval", args=(duty,), id=duty.name, seconds=duty.every_s)

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def stop(self) -> None:
        """End, waiting for what runs."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def judge(self) -> None:
        """Alarm for late duties, while they are to run; engine thread."""
        if not self._scheduler.running:
            return
        now = self._clock.mono_us()
        for duty in self._duties:
            limit = max(duty.every_s * LATE_FACTOR, LATE_LEAST_SECONDS)
            with self._lock:
                late = (now - self._beats[duty.name]) / 1_000_000 > limit
            if late:
                self._alarms.raise_("duty_missed", duty.name)
            else:
                self._alarms.clear("duty_missed", duty.name)

    def beats(self) -> dict[str, float]:
        """Duty → seconds since it last ran well."""
        now = self._clock.mono_us()
        with self._lock:
            return {name: round((now - beat) / 1_000_000, 1) for name, beat in self._beats.items()}

    def _run(self, duty: Duty) -> None:
        try:
            duty.run()
        except Exception:
            # No heartbeat: the alarm follows, and the next turn tries again.
            _log.exception("duty_failed", duty=duty.name)
            return
        with self._lock:
            self._beats[duty.name] = self._clock.mono_us()
