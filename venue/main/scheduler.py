"""The one visible list of timed duties: each leaves a heartbeat, and is missed when it does not run."""

from collections.abc import Sequence

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from venue.db import alarms, now
from venue.db.duties import Desk, Duty, DutyRun

log = structlog.get_logger(__name__)

_RARE_S = 60.0
_WATCH = "watch_duties"


class Scheduler:
    """Runs duties on a small pool; one duty never runs twice at the same time."""

    def __init__(self, duties: Sequence[Duty], desk: Desk) -> None:
        names = [duty.name for duty in duties]
        assert len(names) == len(set(names)), "two duties of one name"
        self._desk = desk
        self._duties = [*duties, Duty(_WATCH, 10.0, self.watch)]
        self._scheduler = BackgroundScheduler(
            timezone="UTC", executors={"default": ThreadPoolExecutor(4)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )  # fmt: skip

    def start(self) -> None:
        """Enter every duty in the table of heartbeats, then begin."""
        with self._desk.database.writing() as db:
            for duty in self._duties:
                row = db.get(DutyRun, duty.name) or DutyRun(name=duty.name, every_s=0, started_at=now(db))
                # A duty that was away with us is not late: it counts from now.
                row.every_s, row.started_at = duty.every_s, now(db)
                db.add(row)
        for duty in self._duties:
            self._scheduler.add_job(self.run, "interval", seconds=duty.every_s, args=[duty], id=duty.name)
            if duty.every_s >= _RARE_S:
                # Whoever is restarted daily would otherwise never run a daily duty.
                self._scheduler.add_job(self.run, args=[duty])
        self._scheduler.start()

    def stop(self) -> None:
        """Let running duties end."""
        # Its own shutdown closes the pool while the clock may still hand out duties: no more duties first.
        self._scheduler.pause()
        self._scheduler.remove_all_jobs()
        self._scheduler.shutdown(wait=True)

    def alive(self) -> bool:
        """True while the list runs, and with it the duty that watches the others: nobody else would ring for it."""
        with self._desk.database.reading() as db:
            row = db.get(DutyRun, _WATCH)
            late = row is None or row.is_late(now(db), self._desk.settings.duties.late_factor)
        return bool(self._scheduler.running) and not late

    def run(self, duty: Duty) -> None:
        """Run one duty now and record how it ended; a failure is an alarm, never a crash of the list."""
        try:
            duty.run(self._desk)
        except Exception as error:
            log.exception("duty.failed", duty=duty.name)
            self._record(duty, type(error).__name__)
        else:
            self._record(duty, None)

    def _record(self, duty: Duty, error: str | None) -> None:
        with self._desk.database.writing() as db:
            row = db.get(DutyRun, duty.name) or DutyRun(
                name=duty.name, every_s=duty.every_s, started_at=now(db)
            )
            row.runs += 1
            if error is None:
                row.ended_at, row.error = now(db), None
                alarms.clear(db, "duty_failed", duty.name)
                alarms.clear(db, "duty_late", duty.name)
            else:
                row.failed_at, row.error = now(db), error
                params = {"duty": duty.name, "error": error}
                alarms.raise_(db, "duty_failed", duty.name, "alarm.duty_failed", params)
            db.add(row)

    def watch(self, desk: Desk) -> None:
        """The duty that watches the others: who did not run for `late_factor` of his periods is an alarm."""
        factor = desk.settings.duties.late_factor
        with desk.database.writing() as db:
            for duty in self._duties:
                row = db.get(DutyRun, duty.name)
                assert row is not None
                if row.is_late(now(db), factor):
                    params = {"duty": duty.name, "every_s": round(duty.every_s)}
                    alarms.raise_(db, "duty_late", duty.name, "alarm.duty_late", params)
