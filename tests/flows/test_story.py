"""The whole story, as its command plays it, on the real clock; and that the demo starts again on the same data."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.stage.home import ROOT, Stage
from scripts.stage.story.report import STEPS


@pytest.mark.req("V2")
@pytest.mark.req("C4")
@pytest.mark.req("C8")
@pytest.mark.req("M2")
@pytest.mark.req("M7")
@pytest.mark.req("M8")
@pytest.mark.req("A2")
@pytest.mark.req("X6")
@pytest.mark.faults
@pytest.mark.browser
@pytest.mark.timeout(420)
@pytest.mark.parametrize("home", ["given"])
def test_the_story_holds(tmp_path: Path, home: str) -> None:
    target = tmp_path / "story.json"
    environment = {**os.environ, "VENUE_HOME": str(tmp_path / home)}
    command = [sys.executable, "-m", "scripts.stage", "--story", "--json", str(target)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    report = json.loads(target.read_text())
    assert [s["name"] for s in report["steps"]] == list(STEPS)
    assert report["ok"]
    assert report["seconds"] < 300
    wanted = {"check_in_s", "unlock_ms_p50", "unlock_ms_p99", "events_sent", "events_received", "recorded_s"}
    assert wanted | {"gap_declared_s", "gap_undeclared_s", "first_frame_ms"} <= set(report["figures"])
    assert Path(report["package"]).is_dir()


@pytest.mark.faults
@pytest.mark.timeout(180)
def test_a_home_starts_again_on_its_data(tmp_path: Path) -> None:
    heads = []
    for _ in range(2):
        stage = Stage(tmp_path / "home", free=True, say=lambda _line: None)
        try:
            stage.prepare()
            stage.start()
            heads.append(stage.edge_head())
            assert set(stage.health()["devices"].values()) == {"online"}
        finally:
            stage.stop()
    assert heads[1] > heads[0]
