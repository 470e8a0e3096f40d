"""A full disk costs a declared gap and raises the alarm; nothing that was recorded is lost (I-11, I-12)."""

import asyncio
import contextlib
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from devices.sim.camera import CameraServer
from recording.index import Index
from recording.recover import verify_file
from tests.recording.conftest import FakeEdge, RecorderProcess, specs


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "recordings"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small disk needs the right to mount")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def fill(path: Path) -> None:
    """Take all the room there is."""
    with path.open("wb", buffering=0) as handle, contextlib.suppress(OSError):
        while True:
            handle.write(bytes(4096))


@pytest.mark.faults
async def test_a_full_disk_is_an_alarm_and_a_gap(
    small_disk: Path, sim: CameraServer, edge: FakeEdge, recorder: RecorderProcess
) -> None:
    await edge.heard(lambda m: m["t"] == "hello")
    cameras = specs(sim)
    edge.say(t="plan", cameras=cameras, record=[c["id"] for c in cameras])
    await edge.heard(lambda m: m.get("kind") == "segment_finalised")
    filler = small_disk / "filler"
    fill(filler)
    await edge.heard(lambda m: m["t"] == "health" and m["disk"] == "disk_full")
    await asyncio.sleep(1.5)
    filler.unlink()
    edge.messages = [m for m in edge.messages if m["t"] != "health"]
    await edge.heard(lambda m: m["t"] == "health" and m["disk"] == "ok")
    await asyncio.sleep(2.5)
    edge.say(t="cut", sid="s1", cameras=["cam-a", "cam-b"])
    await edge.heard(lambda m: m["t"] == "stopped")
    assert await recorder.stop() == 0
    for camera in ("cam-a", "cam-b"):
        gaps = edge.bodies("gap_declared", camera)
        assert "disk_full" in {g["cause"] for g in gaps}
        segments = edge.bodies("segment_finalised", camera)
        spans = sorted(
            (b["start_us"], b["end_us"]) for b in segments + [g for g in gaps if g["media"] == "both"]
        )
        assert all(start <= end for (_, end), (start, _) in pairwise(spans))
    index = Index(small_disk / "index.sqlite3", "reader")
    assert [verify_file(small_disk / r.file, r) for r in index.segments()] == [[] for _ in index.segments()]
    index.close()
