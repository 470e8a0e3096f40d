"""One CA, broker and centre a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge_agent.site import Ca, Centre, Mosquitto
from tests.edge_agent.stage import Venue


@pytest.fixture(scope="session")
def ca() -> Ca:
    return Ca()


@pytest.fixture
def broker(tmp_path: Path, ca: Ca) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path / "broker", ca)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def centre(tmp_path: Path, ca: Ca, broker: Mosquitto) -> Iterator[Centre]:
    made = Centre(ca, tmp_path / "centre", broker.port)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def venue(tmp_path: Path, ca: Ca, broker: Mosquitto, centre: Centre) -> Iterator[Venue]:
    made = Venue(tmp_path, ca, broker, centre)
    yield made
    made.stop()
