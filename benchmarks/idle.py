"""What the example venue costs when nothing happens but recording: memory a process, CPU together.

Starts the whole stage in a folder of its own, lets every room record (a session in each room would do the same:
the plan's cameras are all told to record), waits until all is calm, then measures.
`python -m benchmarks.idle --json FILE`
"""

import shutil
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

from benchmarks.form import exit_with, figure, finish, options
from contract.clock import SystemClock
from scripts.stage.home import Stage
from scripts.stage.story.clients import Centre
from scripts.stage.story.steps.before import stamp

CALM_SECONDS = 20.0


def book_every_room(stage: Stage) -> None:
    """One session over all bookable rooms, opening at once, so that their cameras record."""
    now = SystemClock().now()
    rooms = [r["id"] for r in stage.plan["rooms"] if r.get("bookable", True)]
    staff = Centre(stage.centre_url, "staff", stage.accounts["staff"]["password"])
    body = {
        "project_code": "BENCH-IDLE",
        "title": "示例：静态负载",
        "kind": "evaluation",
        "checkin_opens_at": stamp(now + timedelta(seconds=4)),
        "starts_at": stamp(now + timedelta(seconds=6)),
        "ends_at": stamp(now + timedelta(hours=1)),
        "rooms": [{"room": room, "purpose": "evaluation"} for room in rooms],
    }
    staff.post("/sessions", body)
    staff.close()


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


def load_faces(stage: Stage) -> str:
    """Have the edge load its face models, as the first visit of the day does."""
    return str(stage.health().get("faces", "not reported"))


def measure(stage: Stage, seconds: float) -> dict[str, dict[str, Any]]:
    """The figures."""
    groups = processes(stage)
    before = {name: cpu_seconds(group) for name, group in groups.items()}
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    cpu = {name: 100 * (cpu_seconds(group) - before[name]) / took for name, group in groups.items()}
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
        stage.start()
        book_every_room(stage)
        time.sleep(CALM_SECONDS)
        print(f"faces: {load_faces(stage)}")
        return finish("idle", began, measure(stage, wanted.seconds), wanted.json)
    finally:
        stage.stop()
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    exit_with(main())
