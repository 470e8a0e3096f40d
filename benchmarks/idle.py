"""What the example venue costs when nothing happens but recording: memory a process, CPU together.

Starts the whole stage in a folder of its own with every camera told to record, has the edge load its face models as
the first visit of a day does (an expert is drawn, comes and is compared), waits until all is calm, then measures.
`python -m benchmarks.idle --json FILE`
"""

import json
import shutil
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

import psutil
import tomli_w

from benchmarks.form import exit_with, figure, finish, options
from contract.clock import SystemClock
from scripts.stage.home import SetUpFailed, Stage
from scripts.stage.story.play import close_scene, open_scene
from scripts.stage.story.report import Report
from scripts.stage.story.steps import arrival, before

CALM_SECONDS = 20.0


def record_always(stage: Stage) -> int:
    """Tell every camera of the home's venue file to record; how many there are."""
    path = stage.config / "venue.toml"
    plan = tomllib.loads(path.read_text(encoding="utf-8"))
    for camera in plan["cameras"]:
        camera["record"] = "always"
    path.write_text(tomli_w.dumps(plan), encoding="utf-8")
    return len(plan["cameras"])


def processes(stage: Stage) -> dict[str, list[psutil.Process]]:
    """Our processes by name; the recorder is a child of the edge."""
    found: dict[str, list[psutil.Process]] = {}
    for name in ("venue", "venue-edge", "venue-witness", "mosquitto", "venue-sim"):
        child = stage.troupe[name].process
        assert child is not None
        found[name] = [psutil.Process(child.pid)]
    found["venue-recorder"] = psutil.Process(found["venue-edge"][0].pid).children(recursive=True)
    return found


def cpu_seconds(group: list[psutil.Process]) -> float:
    """User and system seconds so far."""
    return sum(p.cpu_times().user + p.cpu_times().system for p in group)


def memory_mb(group: list[psutil.Process]) -> float:
    """Resident memory: unique plus shared, as an operator's tool shows it."""
    return sum(p.memory_info().rss for p in group) / 1e6


def load_faces(stage: Stage) -> None:
    """One drawn expert is compared at the kiosk and goes home again. SetUpFailed when no face was judged."""
    scene = open_scene(stage, Report())
    try:
        before.register(scene)
        before.book(scene)
        before.draw(scene)
        arrival.checkin_open(scene)
        scene.walker.identify(scene.drawn[0], "face")
        scene.kiosk.until("promise", seconds=20.0)
        scene.kiosk.act("cancel")
    finally:
        close_scene(scene)
    facts = [json.loads(record) for record in stage.journal()]
    judged = [f["body"] for f in facts if f["kind"] == "identity_checked"]
    if not any(b["method"] == "face" and b["result"] == "matched" for b in judged):
        raise SetUpFailed(f"no face was compared, judged {judged}")


def recording(stage: Stage) -> set[str]:
    """Cameras that finalised a segment or hold one open that grew within the last seconds."""
    folder, now = stage.home / "recordings", SystemClock().now().timestamp()
    files = [p for p in folder.glob("*/*/*/*.m*") if now - p.stat().st_mtime < 3.0]
    return {p.relative_to(folder).parts[0] for p in files}


def measure(stage: Stage, seconds: float) -> dict[str, dict[str, Any]]:
    """The figures."""
    groups = processes(stage)
    before_ = {name: cpu_seconds(group) for name, group in groups.items()}
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    cpu = {name: 100 * (cpu_seconds(group) - before_[name]) / took for name, group in groups.items()}
    ours = ("venue", "venue-edge", "venue-recorder", "venue-witness", "mosquitto")
    figures = {
        "centre_mb": figure(memory_mb(groups["venue"]), "MB", 300),
        "edge_mb": figure(memory_mb(groups["venue-edge"]), "MB", 250),
        "recorder_mb": figure(memory_mb(groups["venue-recorder"]), "MB", 120),
        "together_cpu": figure(sum(cpu[name] for name in ours), "% of a core", 60),
    }
    return figures | {f"cpu_{name}": figure(value, "% of a core") for name, value in cpu.items()}


def main() -> int:
    """Run and print."""
    wanted, began = options(__doc__ or ""), time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="jianzheng-idle-"))
    stage = Stage(home, free=True)
    try:
        stage.prepare()
        cameras = record_always(stage)
        stage.start()
        load_faces(stage)
        time.sleep(CALM_SECONDS)
        busy = recording(stage)
        if len(busy) != cameras:
            raise SetUpFailed(f"{len(busy)} of {cameras} cameras record: {sorted(busy)}")
        return finish("idle", began, measure(stage, wanted.seconds), wanted.json)
    finally:
        stage.stop()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    exit_with(main())
