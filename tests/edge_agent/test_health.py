"""Lost devices and full disks as alarms: none for what we do ourselves, none for a blink, one for what stays."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from access_control.settings import Settings
from contract.clock import FakeClock
from contract.plan import VenuePlan, load_plan
from edge_agent.alarms import Alarms
from edge_agent.engine import Engine
from edge_agent.health import CAMERA_GRACE_S, START_GRACE_S, DeviceStates
from edge_agent.journal import Journal
from edge_agent.venue_site import site_of

PLAN: VenuePlan = load_plan(Path(__file__).resolve().parents[2] / "config/example/venue.toml")
CAMERAS = [camera.id for camera in PLAN.cameras]


class Desk:
    """A journal, an engine that nobody runs, and what they learn of cameras."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.journal = Journal.open(folder / "journal.db", "V01", self.clock)
        self.engine = Engine(self.journal, site_of(PLAN), Settings(), self.clock)
        self.alarms = Alarms(self.journal, self.engine.record)
        self.states = DeviceStates(PLAN, self.engine, self.alarms, self.clock)

    def all(self, state: str, reason: str = "") -> None:
        self.states.cameras({camera: {"state": state, "reason": reason} for camera in CAMERAS})

    def after(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.states.tick()

    def raised(self) -> set[str]:
        return {str(r.fact.body["subject"]) for r in self.journal.of_kind("alarm_raised")}

    def told(self) -> list[str]:
        return [str(r.fact.body["state"]) for r in self.journal.of_kind("device_changed")]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.journal.close()


def test_a_start_and_an_orderly_stop_raise_nothing(desk: Desk) -> None:
    desk.all("offline", "starting")
    desk.after(1.0)
    desk.all("online")
    desk.after(60)
    desk.states.close()
    desk.states.recorder_gone()
    desk.after(60)
    assert desk.raised() == set()
    assert desk.told() == ["online"] * len(CAMERAS)


def test_a_camera_that_stays_away_after_the_start_is_an_alarm(desk: Desk) -> None:
    desk.states.cameras({CAMERAS[0]: {"state": "offline", "reason": "refused"}})
    desk.after(CAMERA_GRACE_S - 0.1)
    assert desk.raised() == set()
    desk.after(0.2)
    assert desk.raised() == {CAMERAS[0]}
    assert desk.states.states == {CAMERAS[0]: "offline"}
    desk.states.cameras({CAMERAS[0]: {"state": "online"}})
    assert desk.alarms.standing() == []


def test_a_blink_is_told_but_is_no_alarm(desk: Desk) -> None:
    desk.all("online")
    desk.states.recorder_gone()
    desk.after(2.0)
    desk.all("online")
    desk.after(60)
    assert desk.raised() == set()
    assert desk.told().count("offline") == len(CAMERAS)


def test_cameras_of_a_recorder_that_never_comes_are_alarms(desk: Desk) -> None:
    desk.after(START_GRACE_S - 0.1)
    assert desk.raised() == set()
    desk.after(0.2)
    assert desk.raised() == set(CAMERAS)
    assert set(desk.states.states.values()) == {"offline"}
