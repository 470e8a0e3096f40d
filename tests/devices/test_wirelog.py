"""The oracle's file: one line a chunk, flushed, and never without end."""

import json
from pathlib import Path

import pytest

from devices.sim.plan import SimPlanError, load_sim_plan
from devices.sim.wirelog import WireLog

pytestmark = pytest.mark.fast


def test_lines_are_there_at_once_and_the_file_turns_over(tmp_path: Path) -> None:
    log = WireLog(tmp_path / "sim" / "wire.jsonl", longest=500)
    log.bytes("relays", "rx", b"\x01\x05")
    log.event("door_opened", door="door-a")
    first, second = [json.loads(line) for line in log.path.read_text(encoding="utf-8").splitlines()]
    assert (first["wire"], first["dir"], first["hex"]) == ("relays", "rx", "0105")
    assert (second["event"], second["door"]) == ("door_opened", "door-a")
    assert first["t_us"] <= second["t_us"]
    for _ in range(12):
        log.event("door_closed", door="door-a")
    log.close()
    lines = [
        line
        for name in ("wire.1.jsonl", "wire.jsonl")
        for line in (log.path.parent / name).read_text().splitlines()
    ]
    assert len(lines) == 14


def test_a_real_venue_is_not_played_over(tmp_path: Path) -> None:
    plan = tmp_path / "venue.toml"
    plan.write_text('[venue]\nid = "V01"\n', encoding="utf-8")
    with pytest.raises(SimPlanError, match="write simulated = true"):
        load_sim_plan(plan, tmp_path)
    plan.write_text('[venue]\nid = "V01"\nsimulated = true\n[[devices]]\nid = "x"\n', encoding="utf-8")
    with pytest.raises(SimPlanError, match="endpoint"):
        load_sim_plan(plan, tmp_path)
