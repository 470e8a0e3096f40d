"""What recording costs: our recorder against as many `ffmpeg -c copy` on the same simulated cameras.

`python -m benchmarks.ingest --seconds 15 --json FILE`. Both record the same RTSP streams over loopback one
after the other; CPU is user plus system time of the process tree, in percent of one core.
"""

import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.form import exit_with, figure, finish, options
from devices.sim.camera import CameraServer
from devices.sim.clip import make_clips
from recording.index import Index
from recording.recover import verify_file

CAMERAS, WARM_UP_S = 14, 6
RSS_GOAL_MB, CPU_GOAL_PERCENT = 120, 25


def urls(sim: CameraServer, count: int) -> list[str]:
    return [f"rtsp://127.0.0.1:{sim.port}/cam-{n}" for n in range(count)]


async def measure(processes: list[psutil.Process], seconds: float) -> tuple[float, float]:
    """(CPU in percent of one core, resident MB) of some processes together over a while."""
    await asyncio.sleep(WARM_UP_S)
    before = sum(sum(p.cpu_times()[:2]) for p in processes)
    began = time.monotonic()
    await asyncio.sleep(seconds)
    used = sum(sum(p.cpu_times()[:2]) for p in processes) - before
    resident = sum(p.memory_info().rss for p in processes) / 1e6
    return 100 * used / (time.monotonic() - began), resident


async def ours(sim: CameraServer, count: int, seconds: float, home: Path) -> dict[str, float]:
    """Record all cameras with the recorder's own process; verify every file afterwards."""
    cameras = [{"id": f"cam-{n}", "endpoint": u, "transport": "tcp"} for n, u in enumerate(urls(sim, count))]
    index = Index(home / "recordings" / "index.sqlite3", "rec-1")
    index.set_note("plan", json.dumps({"cameras": cameras, "record": [c["id"] for c in cameras]}))
    index.close()
    command = ["-m", "edge_agent.recorder_main", "run", "--home", str(home)]
    with (home / "recorder.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=log, stderr=log)
    cpu, resident = await measure([psutil.Process(process.pid)], seconds)
    process.send_signal(signal.SIGTERM)
    await process.wait()
    index = Index(home / "recordings" / "index.sqlite3", "reader")
    rows = index.segments()
    gaps = [g for c in cameras for g in index.gaps(str(c["id"])) if g[3] != "starting"]
    wrong = sum(bool(verify_file(home / "recordings" / row.file, row)) for row in rows)
    index.close()
    return {"cpu": cpu, "rss": resident, "files": len(rows), "wrong": wrong, "gaps": len(gaps)}


async def theirs(sim: CameraServer, count: int, seconds: float, folder: Path) -> dict[str, float]:
    """The same cameras, one `ffmpeg -c copy` each, fragments of half a second."""
    running = []
    for n, url in enumerate(urls(sim, count)):
        options = ["-movflags", "frag_keyframe+empty_moov", "-frag_duration", "500000", "-flush_packets", "1"]
        command = ["-loglevel", "error", "-rtsp_transport", "tcp", "-i", url, "-c", "copy", *options]
        target = str(folder / f"{n}.mov")
        quiet = asyncio.subprocess.DEVNULL
        running.append(await asyncio.create_subprocess_exec("ffmpeg", *command, target, stdin=quiet))
    cpu, resident = await measure([psutil.Process(p.pid) for p in running], seconds)
    for process in running:
        process.send_signal(signal.SIGINT)
    await asyncio.gather(*(p.wait() for p in running))
    return {"cpu": cpu, "rss": resident}


async def run(count: int, seconds: float, clips: Path) -> tuple[dict[str, float], dict[str, float] | None]:
    """Both recorders, one after the other."""
    make_clips(clips)
    sounds = ("pcma", "aac")
    cameras = [{"id": f"cam-{n}", "path": f"/cam-{n}", "clip": sounds[n % 2]} for n in range(count)]
    sim = CameraServer(cameras, clips, "127.0.0.1", 0)
    await sim.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            mine = await ours(sim, count, seconds, Path(folder))
        peer = None
        if shutil.which("ffmpeg"):
            with tempfile.TemporaryDirectory() as folder:
                peer = await theirs(sim, count, seconds, Path(folder))
    finally:
        await sim.stop()
    return mine, peer


def figures(mine: dict[str, float], peer: dict[str, float] | None, count: int) -> dict[str, dict[str, Any]]:
    """Our figures, beside the peer's where there is one (ffmpeg neither hashes nor syncs)."""
    made = {
        "cpu": figure(mine["cpu"], "percent of one core", CPU_GOAL_PERCENT),
        "resident": figure(mine["rss"], "MB", RSS_GOAL_MB),
        "files_wrong": figure(mine["wrong"], "files", 0),
        "gaps_after_start": figure(mine["gaps"], "gaps", 0),
        "cameras_without_file": figure(count - mine["files"], "cameras", 0),
    }
    for name, key in (("cpu", "cpu"), ("resident", "rss")) if peer else ():
        value = (peer or {})[key]
        ratio = round(value / mine[key], 2)
        made[name] |= {"peer": "ffmpeg -c copy", "peer_value": round(value, 2), "ratio": ratio}
    return made


def main() -> None:
    chosen, began = options(__doc__ or ""), time.monotonic()
    clips = Path(tempfile.gettempdir()) / "jianzheng-clips"
    mine, peer = asyncio.run(run(CAMERAS, chosen.seconds, clips))
    exit_with(finish("ingest", began, figures(mine, peer, CAMERAS), chosen.json))


if __name__ == "__main__":
    main()
