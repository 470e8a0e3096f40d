"""kill -9 of edge, recorder, centre, witness or broker at any moment of an admission: nothing lost, nothing twice."""

from pathlib import Path

import pytest

from scripts.stage.campaign import campaign
from scripts.stage.home import Stage

SEEDS = 20


@pytest.mark.faults
@pytest.mark.req("C8")
@pytest.mark.timeout(900)
def test_twenty_seeds(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "home", free=True)
    try:
        stage.prepare()
        stage.start()
        kills, wrong = campaign(stage, range(SEEDS))
    finally:
        stage.stop()
    assert len(kills) == SEEDS
    assert {k.target for k in kills} == {"venue-edge", "recorder", "venue", "venue-witness", "mosquitto"}
    assert wrong == []
