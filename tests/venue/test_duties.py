"""Every duty of the centre leaves a heartbeat and rings when it does not run; so does the one that watches them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.clock import FakeClock
from tests.venue.core import open_centre, rows
from tests.venue.web import Web, web
from venue.db import Database
from venue.db.alarms import Alarm
from venue.db.duties import GRACE_S, Desk, Duty, DutyRun
from venue.main import compose
from venue.main.scheduler import Scheduler
from venue.settings import load_settings

pytestmark = pytest.mark.fast
NAMES = [duty.name for duty in compose.duties()]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = open_centre(tmp_path)
    yield made
    made.engine.dispose()


def standing_still(database: Database) -> Scheduler:
    """The centre's own list, entered and then stopped: nothing of it runs any more."""
    idle = [Duty(duty.name, duty.every_s, lambda _: None) for duty in compose.duties()]
    made = Scheduler(idle, Desk(database, database.clock, load_settings(), None, None))
    made.start()
    made.stop()
    return made


def late(database: Database) -> set[str]:
    with database.reading() as db:
        return {row.subject for row in rows(db, Alarm) if row.alarm == "duty_late" and row.cleared_at is None}


@pytest.mark.parametrize("name", NAMES)
def test_each_duty_has_a_heartbeat_and_rings_when_it_does_not_run(database: Database, name: str) -> None:
    clock = database.clock
    assert isinstance(clock, FakeClock)
    made = standing_still(database)
    with database.reading() as db:
        period = db.get_one(DutyRun, name).every_s
    clock.advance(period * load_settings().duties.late_factor + GRACE_S - 1)
    made.watch(Desk(database, clock, load_settings(), None, None))
    assert name not in late(database)
    clock.advance(2)
    made.watch(Desk(database, clock, load_settings(), None, None))
    assert name in late(database)
    made.run(Duty(name, period, lambda _: None))
    assert name not in late(database)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Web]:
    with web(tmp_path) as made:
        made.add("system", "system_admin")
        yield made


def test_when_the_watching_duty_itself_stands_the_page_and_the_health_say_so(at: Web) -> None:
    scheduler = at.centre.scheduler
    scheduler.start()
    at.centre.link.start()
    browser = at.browser("system")
    assert browser.get("/health").json()["duties"] is True
    scheduler.stop()
    at.centre.link.stop()
    assert not any(row["late"] for row in browser.get("/api/duties").json())
    at.clock.advance(3600 * 24)
    browser = at.browser("system")
    shown = {row["name"]: row["late"] for row in browser.get("/api/duties").json()}
    assert shown == dict.fromkeys([*NAMES, "watch_duties"], True)
    assert browser.get("/health").json()["duties"] is False
