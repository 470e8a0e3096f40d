"""Room on the centre's disk: an alarm before it is full, and room kept so that the alarm can still be stated."""

import shutil
from pathlib import Path

from venue.db import alarms
from venue.db.duties import Desk, Duty
from venue.settings import Settings

RESERVE_BYTES = 2 << 20
LEAST_BYTES = 1 << 20
"""With less than this the reserve is given up."""
LOW_PERCENT = 15


def state(settings: Settings) -> str:
    """`ok`, `disk_low` or `disk_full` (the reserve is given up); looks only."""
    usage = shutil.disk_usage(_folder(settings))
    given_up = usage.free <= 4 * RESERVE_BYTES and not _reserve(settings).exists()
    if usage.free < LEAST_BYTES or given_up:
        return "disk_full"
    return "disk_low" if usage.free * 100 < usage.total * LOW_PERCENT else "ok"


def watch_disk(desk: Desk) -> None:
    """Keep or give up the reserve; `disk_low` and `disk_full` stand while they are true. Nothing is ever deleted."""
    reserve, free = _reserve(desk.settings), shutil.disk_usage(_folder(desk.settings)).free
    if free < LEAST_BYTES:
        reserve.unlink(missing_ok=True)
    elif not reserve.exists() and free > 4 * RESERVE_BYTES:
        reserve.write_bytes(bytes(RESERVE_BYTES))
    found = state(desk.settings)
    with desk.database.writing() as db:
        for alarm in ("disk_low", "disk_full"):
            if alarm == found:
                alarms.raise_(db, alarm, "centre", f"alarm.{alarm}", {})
            else:
                alarms.clear(db, alarm, "centre")


def _folder(settings: Settings) -> Path:
    return settings.under_home(settings.database).parent


def _reserve(settings: Settings) -> Path:
    return _folder(settings) / "disk.reserve"


duties: list[Duty] = [Duty("watch_disk", 5.0, watch_disk)]
