"""The small venue of `small_site` as a fixture: simulators and drivers on real ptys, all online."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_site import Site, drivers, eventually, write_plan

from devices.ports import DeviceEvent
from tests.simulated import simulated_venue


@pytest.fixture
def words() -> dict[str, str]:
    """Settings that differ from the usual; overridden where a test needs it."""
    return {}


@pytest.fixture
def site(tmp_path: Path, words: dict[str, str]) -> Iterator[Site]:
    plan = write_plan(tmp_path, **words)
    events: list[DeviceEvent] = []
    with simulated_venue(plan, tmp_path) as sim:
        devices = drivers(plan, tmp_path, events)
        devices.start()
        made = Site(sim, devices, events)
        assert eventually(lambda: made.online("reader", "bank", "gate", "board")), devices.health()
        yield made
        devices.stop()
