"""The recorder as a process against real RTSP: judged by the pixels in the files and by the edge's socket."""

import asyncio
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from devices.sim.camera import CameraServer
from devices.sim.clip import FPS, LOOP_FRAMES
from recording.index import Index
from recording.recover import verify_file
from tests.recording.conftest import FakeEdge, RecorderProcess, specs
from tests.recording.counter import Decoded, decode


async def begin(edge: FakeEdge, sim: CameraServer, transport: str = "tcp") -> None:
    await edge.heard(lambda m: m["t"] == "hello")
    cameras = specs(sim, transport)
    edge.say(t="plan", cameras=cameras, record=[c["id"] for c in cameras])


async def cut(edge: FakeEdge, sid: str = "s1") -> None:
    edge.say(t="cut", sid=sid, cameras=["cam-a", "cam-b"])
    await edge.heard(lambda m: m["t"] == "stopped" and m["sid"] == sid)


def all_counters(home: Path, segments: list[dict[str, Any]]) -> tuple[list[int], list[Decoded]]:
    decoded = [decode(home / "recordings" / s["file"]) for s in segments]
    return [c for d in decoded for c in d.counters], decoded


def assert_consecutive(counters: list[int]) -> None:
    steps = {(b - a) % LOOP_FRAMES for a, b in pairwise(counters)}
    assert steps == {1}, counters


def verify_all(home: Path) -> None:
    index = Index(home / "recordings" / "index.sqlite3", "reader")
    try:
        rows = index.segments()
        assert rows
        for row in rows:
            assert verify_file(home / "recordings" / row.file, row) == []
    finally:
        index.close()


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.req("M2")
async def test_every_frame_is_in_a_segment(
    sim: CameraServer, edge: FakeEdge, recorder: RecorderProcess, tmp_path: Path, transport: str
) -> None:
    await begin(edge, sim, transport)
    await asyncio.sleep(6 if transport == "tcp" else 3.5)
    await cut(edge)
    for camera, container in (("cam-a", "mov"), ("cam-b", "mp4")):
        segments = edge.bodies("segment_finalised", camera)
        assert len(segments) >= (3 if transport == "tcp" else 2)
        assert {s["container"] for s in segments} == {container}
        for before, after in pairwise(segments):
            assert before["end_us"] == after["start_us"]
        counters, decoded = all_counters(tmp_path, segments)
        assert_consecutive(counters)
        assert len(counters) == sum(s["video_samples"] for s in segments)
        seconds = sum(s["end_us"] - s["start_us"] for s in segments) / 1e6
        assert abs(len(counters) / FPS - seconds) < 0.01
        sound = sum(len(d.sound) for d in decoded) / decoded[0].rate
        assert abs(sound - seconds) < 0.5
        gaps = edge.bodies("gap_declared", camera)
        assert {g["cause"] for g in gaps} <= {"starting"}
        assert all(g["end_us"] <= segments[0]["start_us"] for g in gaps)
    assert await recorder.stop() == 0
    verify_all(tmp_path)


@pytest.mark.req("M2")
async def test_sound_and_picture_are_in_step(
    sim: CameraServer, edge: FakeEdge, recorder: RecorderProcess, tmp_path: Path
) -> None:
    await begin(edge, sim)
    await asyncio.sleep(5)
    await cut(edge)
    first = edge.bodies("segment_finalised", "cam-a")[0]
    file = decode(tmp_path / "recordings" / first["file"])
    loud = np.abs(file.sound.astype(int)) > 1000
    onsets = [i / file.rate for i in np.flatnonzero(loud) if i > 800 and not loud[i - 800 : i].any()]
    flashes = [t for c, t in zip(file.counters, file.times, strict=True) if c % FPS == 0]
    assert onsets
    for onset in onsets:
        assert min(abs(onset - flash) for flash in flashes) < 0.25


async def test_kill_keeps_whole_fragments_and_declares_the_gap(
    sim: CameraServer, edge: FakeEdge, recorder: RecorderProcess, tmp_path: Path
) -> None:
    await begin(edge, sim)
    await asyncio.sleep(4)
    await recorder.stop(signal.SIGKILL)
    died = sim.sent("cam-a")["frames"][-1]["wall_us"]
    await recorder.start()
    await asyncio.sleep(4)
    await cut(edge)
    segments = edge.bodies("segment_finalised", "cam-a")
    gaps = [g for g in edge.bodies("gap_declared", "cam-a") if g["cause"] == "recorder_crashed"]
    assert len(gaps) == 1
    assert gaps[0]["start_us"] in {s["end_us"] for s in segments}
    assert gaps[0]["end_us"] in {s["start_us"] for s in segments}
    assert died - gaps[0]["start_us"] < 700_000
    await recorder.stop()
    verify_all(tmp_path)


@pytest.mark.parametrize(
    ("knob", "media", "cause"),
    [("freeze", "both", "no_packets"), ("silent", "both", "no_packets"), ("mute", "audio", "no_audio"),
     ("down", "both", "not_connected")],
)  # fmt: skip
@pytest.mark.req("M1")
async def test_a_missing_second_is_a_declared_gap(
    sim: CameraServer, edge: FakeEdge, recorder: RecorderProcess, knob: str, media: str, cause: str
) -> None:
    await begin(edge, sim)
    await asyncio.sleep(2.2)
    sim.fault("cam-a", **{knob: True})
    await asyncio.sleep(2)
    sim.fault("cam-a", **{knob: False})
    gap = await edge.heard(lambda m: m.get("kind") == "gap_declared" and m["body"]["cause"] == cause)
    await asyncio.sleep(2)
    await cut(edge)
    body = gap["body"]
    assert body["camera"] == "cam-a"
    assert body["media"] == media
    assert body["end_us"] - body["start_us"] > 1_000_000
    accounted = edge.bodies("segment_finalised", "cam-a") + [
        g for g in edge.bodies("gap_declared", "cam-a") if g["media"] == "both"
    ]
    spans = sorted((a["start_us"], a["end_us"]) for a in accounted)
    for (_, end), (start, _) in pairwise(spans):
        assert start <= end
    assert not [g for g in edge.bodies("gap_declared", "cam-b") if g["cause"] != "starting"]
