"""Segmenter, store, index and recovery without a network: every rule of docs/design/segments.md that time can bend."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.clock import FakeClock, to_us
from contract.media import chain_start, scan
from recording.fmp4 import MediaForm
from recording.h264 import AccessUnit, parse_sps
from recording.index import Index
from recording.recover import UNUSABLE, Recovery, verify_file
from recording.rtp import SenderReport
from recording.sdp import AudioTrack
from recording.segmenter import Segmenter
from recording.settings import RecorderSettings
from recording.sound import SoundChunk
from recording.timeline import Timeline
from recording.worker import AlreadyRunningError, _take_lock
from recording.writer import CameraStore, DiskThreads

SPS = bytes.fromhex("6764001eacd940a02ff970110000030001000003001e0f162d96")
ALAW = AudioTrack("", 8, "alaw", 8000)
FORM = MediaForm(SPS, b"\x68\xee\x3c", parse_sps(SPS), ALAW)
FPS = 15


class Desk:
    """One camera's way to disk, fed by hand: picture n is taken at `zero + n / FPS`."""

    def __init__(self, root: Path, **changed: float) -> None:
        self.root, self.clock = root, FakeClock()
        self.zero = to_us(self.clock.now())
        self.index = Index(root / "index.sqlite3", "rec-1")
        self.disk = DiskThreads()
        store = CameraStore("cam", root, self.index, self.clock, lambda c, s: None, lambda c: None)
        self.segmenter = Segmenter(store, self.disk, RecorderSettings(**{"segment_s": 2, **changed}))
        self.n = 0
        self.connect()

    def connect(self) -> None:
        self.line = Timeline(90_000, 8000)
        assert self.line.audio is not None
        ticks = self.n * 6000
        self.line.arrived(self.line.video, ticks, self.now())
        for track, clock in ((self.line.video, 90_000), (self.line.audio, 8000)):
            self.line.report(track, SenderReport(1, self.now(), self.n * clock // FPS), self.now())
        assert self.line.try_fix(self.now())
        self.segmenter.attach(self.line)

    def now(self) -> int:
        return self.zero + self.n * 1_000_000 // FPS

    def play(self, frames: int, *, picture: bool = True, sound: bool = True) -> None:
        for _ in range(frames):
            if picture:
                key = self.n % FPS == 0
                data = b"\0\0\0\x05" + bytes([0x65 if key else 0x41]) + self.n.to_bytes(4, "big")
                self.segmenter.picture(AccessUnit(0, data, key), self.n * 6000, FORM, self.now())
            if sound:
                start, end = self.n * 8000 // FPS, (self.n + 1) * 8000 // FPS
                self.segmenter.sound(SoundChunk(0, bytes(end - start), (), end - start), start, self.now())
            self.n += 1
            if self.n % 4 == 0:
                self.segmenter.tick(self.now())

    def settle(self) -> None:
        self.disk.stop()

    def gaps(self) -> list[tuple[float, float, str, str]]:
        """Gaps in frames since zero."""
        return [
            (round((a - self.zero) * FPS / 1e6, 2), round((b - self.zero) * FPS / 1e6, 2), m, c)
            for a, b, m, c in self.index.gaps("cam")
        ]

    def spans(self) -> list[tuple[float, float]]:
        return [
            (round((s.start_us - self.zero) * FPS / 1e6, 2), round((s.end_us - self.zero) * FPS / 1e6, 2))
            for s in self.index.segments("cam")
        ]


@contextmanager
def desk(**changed: float) -> Iterator[Desk]:
    with tempfile.TemporaryDirectory() as folder:
        made = Desk(Path(folder), **changed)
        try:
            yield made
        finally:
            made.disk.stop()
            made.index.close()


def test_segments_meet_exactly_and_chain() -> None:
    with desk() as d:
        d.segmenter.record(d.now(), "")
        d.play(100)
        d.segmenter.close("recorder_stopped")
        d.settle()
        rows = d.index.segments("cam")
        assert d.spans() == [(0, 30), (30, 60), (60, 90), (90, 100)]
        assert all(a.end_us == b.start_us for a, b in pairwise(rows))
        assert sum(r.video_samples for r in rows) == 100
        assert d.gaps() == []
        scans = [scan(_Bytes((d.root / r.file).read_bytes())) for r in rows]
        for before, after in pairwise(scans):
            assert after.follows(before.fragments[-1].digest)
        assert scans[0].fragments[0].previous == chain_start(bytes(32), scans[0].header)
        assert all(f.video.duration_us <= 360_000 for s in scans for f in s.fragments)
        assert [verify_file(d.root / r.file, r) for r in rows] == [[]] * 4


def test_frozen_pictures_close_the_segment_and_are_declared() -> None:
    with desk() as d:
        d.segmenter.record(d.now(), "")
        d.play(20)
        d.play(25, picture=False, sound=False)
        d.play(45)
        d.segmenter.close("recorder_stopped")
        d.settle()
        assert d.spans()[0] == (0, 20)
        assert d.gaps() == [(20, 45, "both", "no_packets")]


def test_pictures_missing_beside_sound_are_no_video() -> None:
    with desk() as d:
        d.segmenter.record(d.now(), "")
        d.play(20)
        d.play(25, picture=False)
        d.play(30)
        d.segmenter.close("recorder_stopped")
        d.settle()
        assert d.gaps() == [(20, 45, "both", "no_video")]


def test_sound_missing_is_declared_beside_the_picture() -> None:
    with desk() as d:
        d.segmenter.record(d.now(), "")
        d.play(40)
        d.play(60, sound=False)
        d.play(30)
        d.segmenter.close("recorder_stopped")
        d.settle()
        assert d.spans()[-1][1] == 130
        missing = [g for g in d.gaps() if g[2] == "audio"]
        assert missing[0][0] == pytest.approx(40, abs=0.1)
        assert missing[-1][1] == pytest.approx(100, abs=0.1)
        assert all(a[1] == pytest.approx(b[0], abs=0.1) for a, b in pairwise(missing))


def test_a_lost_connection_is_a_gap_and_the_duty_goes_on() -> None:
    with desk() as d:
        d.segmenter.record(d.now(), "")
        d.play(20)
        d.segmenter.detach("not_connected")
        d.n += 40
        d.connect()
        d.play(30)
        d.segmenter.close("recorder_stopped")
        d.settle()
        assert d.spans() == [(0, 20), (60, 90)]
        assert d.gaps() == [(20, 60, "both", "not_connected")]


def test_a_gap_that_goes_on_is_declared_in_parts() -> None:
    with desk(gap_report_s=2) as d:
        d.segmenter.record(d.now(), "")
        d.segmenter.detach("not_connected")
        d.play(FPS * 9, picture=False, sound=False)
        d.settle()
        gaps = d.gaps()
        assert len(gaps) >= 3
        assert gaps[0][0] == 0
        assert all(a[1] == b[0] for a, b in pairwise(gaps))
        assert gaps[-1][1] >= FPS * 5


def test_a_cut_ends_at_the_next_keyframe_and_everything_up_to_it_is_reported() -> None:
    with desk() as d:
        done: list[int] = []
        d.segmenter.record(d.now(), "")
        d.play(20)
        d.segmenter.cut(d.now(), lambda: done.append(len(d.index.segments("cam"))))
        d.play(15)
        d.segmenter.close("recorder_stopped")
        d.settle()
        assert done == [1]
        assert d.spans() == [(0, 30), (30, 35)]
        assert d.gaps() == []


def test_a_cut_of_a_dead_camera_declares_the_gap_up_to_it() -> None:
    with desk() as d:
        done: list[list[tuple[float, float, str, str]]] = []
        d.segmenter.record(d.now(), "")
        d.segmenter.detach("not_connected")
        d.n += 50
        d.segmenter.cut(d.now(), lambda: done.append(d.gaps()))
        d.settle()
        assert done == [[(0, 50, "both", "starting")]]


def test_the_duty_ends_where_it_was_ended() -> None:
    with desk() as d:
        d.segmenter.record(d.now(), "")
        d.play(20)
        d.segmenter.stop(d.now() + 150_000)
        d.play(30)
        d.settle()
        assert d.spans() == [(0, 23)]
        assert d.gaps() == []
        assert d.index.covered_us("cam") is None


def test_an_order_just_after_a_stop_records_nothing_twice() -> None:
    with desk() as d:
        d.segmenter.record(d.now(), "")
        d.play(20)
        d.segmenter.stop_now(d.now())
        d.segmenter.record(d.now(), "")
        d.n = 15
        d.play(30)
        d.segmenter.close("recorder_stopped")
        d.settle()
        assert d.spans() == [(0, 20), (30, 45)]
        assert d.gaps() == [(20, 30, "both", "starting")]


def test_reports_wait_for_their_acknowledgement() -> None:
    with desk() as d:
        d.segmenter.record(d.now(), "")
        d.play(70)
        d.settle()
        numbers = [r.number for r in d.index.unacknowledged()]
        assert numbers == [1, 2]
        d.index.acknowledge(1)
        assert [r.number for r in d.index.unacknowledged()] == [2]
        assert d.index.unacknowledged()[0].body["worker"] == d.index.worker
        assert d.index.last_number() == 2


def crash(d: Desk, spoil: Callable[[bytes], bytes]) -> Path:
    """Leave the newest file as a killed process would: no row, `spoil`ed bytes."""
    d.segmenter.record(d.now(), "")
    d.play(52)
    d.segmenter.close("recorder_stopped")
    d.settle()
    row = d.index.segments("cam")[-1]
    with d.index._transaction() as db:
        db.execute("DELETE FROM segments WHERE file = ?", (row.file,))
        db.execute("UPDATE cameras SET covered_us = ?", (row.start_us,))
    path = d.root / row.file
    path.write_bytes(spoil(path.read_bytes()))
    return path


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_file_cut_anywhere_is_adopted_whole_or_set_aside(keep: int) -> None:
    with desk() as d:
        whole: list[int] = []

        def spoil(data: bytes) -> bytes:
            part = data[: min(keep, len(data))]
            ends = [f.offset + f.size for f in scan(_Bytes(data)).fragments]
            whole.append(sum(end <= len(part) for end in ends))
            return part

        path = crash(d, spoil)
        adopted = Recovery(d.root, d.index).run()
        if whole[0]:
            assert [r.fragments for r in adopted] == [whole[0]]
            assert verify_file(path, adopted[0]) == []
            assert d.index.covered_us("cam") == adopted[0].end_us
        else:
            assert adopted == []
            assert len(list((d.root / UNUSABLE).iterdir())) == 1
        assert Recovery(d.root, d.index).run() == []


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int) -> bytes:
        part, self._data = self._data[:size], self._data[size:]
        return part


def test_a_broken_chain_is_kept_as_it_is_and_said() -> None:
    with desk() as d:
        sizes: list[int] = []

        def spoil(data: bytes) -> bytes:
            sizes.append(len(data))
            spoiled = bytearray(data)
            spoiled[scan(_Bytes(data)).fragments[1].offset + 40] ^= 1
            return bytes(spoiled)

        path = crash(d, spoil)
        (row,) = Recovery(d.root, d.index).run()
        assert path.stat().st_size == sizes[0]
        assert "media.chain" in verify_file(path, row)


def test_verify_finds_a_changed_byte_and_a_missing_file() -> None:
    with desk() as d:
        d.segmenter.record(d.now(), "")
        d.play(31)
        d.segmenter.close("recorder_stopped")
        d.settle()
        row = d.index.segments("cam")[0]
        path = d.root / row.file
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        assert "sha256" in verify_file(path, row)
        path.unlink()
        assert verify_file(path, row) == ["file_missing"]


def test_one_recorder_a_folder(tmp_path: Path) -> None:
    held = _take_lock(tmp_path / ".lock")
    with pytest.raises(AlreadyRunningError):
        _take_lock(tmp_path / ".lock")
    os.close(held)
