"""The recorder's socket: reports until they are durable, acknowledgement after, one recorder only."""

import fcntl
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from edge_agent.recorder_link import RecorderChild, RecorderEvents, RecorderLink, held
from tests.edge_agent.site import wait_for


class Edge:
    def __init__(self, folder: Path) -> None:
        self.reports: list[tuple[str, int, str]] = []
        self.stopped: list[str] = []
        self.disks: list[str] = []
        self.gone = 0
        self.broken = False
        events = RecorderEvents(
            hello=lambda: None, report=self._report, health=lambda cameras: None, disk=self.disks.append,
            stopped=self.stopped.append, view_ended=lambda view: None, gone=self._gone,
        )  # fmt: skip
        self.path = folder / "recorder.sock"
        self.link = RecorderLink(self.path, events)
        self.link.start()

    def _report(self, worker: str, number: int, kind: str, body: Mapping[str, Any]) -> None:
        if self.broken:
            raise OSError("disk full")
        self.reports.append((worker, number, kind))

    def _gone(self) -> None:
        self.gone += 1


class Recorder:
    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(5)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb")
        self.say(t="hello", worker="rec-1", last=0)

    def say(self, **message: Any) -> None:
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def hear(self) -> dict[str, Any]:
        line = self._lines.readline()
        return dict(json.loads(line)) if line else {}

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    made = Edge(tmp_path)
    yield made
    made.link.stop()


def test_a_report_is_acknowledged_after_it_was_taken(edge: Edge) -> None:
    recorder = Recorder(edge.path)
    recorder.say(t="report", worker="rec-1", number=1, kind="gap_declared", body={})
    assert recorder.hear() == {"t": "ack", "worker": "rec-1", "number": 1}
    assert edge.reports == [("rec-1", 1, "gap_declared")]
    recorder.close()
    wait_for(lambda: edge.gone == 1)
    assert not edge.link.connected


def test_a_report_that_could_not_be_kept_is_not_acknowledged(edge: Edge) -> None:
    edge.broken = True
    recorder = Recorder(edge.path)
    recorder.say(t="report", worker="rec-1", number=1, kind="gap_declared", body={})
    assert recorder.hear() == {}
    recorder.close()
    edge.broken = False
    again = Recorder(edge.path)
    again.say(t="report", worker="rec-1", number=1, kind="gap_declared", body={})
    assert again.hear()["number"] == 1
    again.close()


def test_plan_cut_and_live_offers(edge: Edge) -> None:
    edge.link.plan([{"id": "cam-1", "endpoint": "rtsp://x", "transport": "tcp"}], ["cam-1"])
    recorder = Recorder(edge.path)
    assert recorder.hear()["record"] == ["cam-1"]
    assert edge.link.cut("S1", ["cam-1"])
    assert recorder.hear() == {"t": "cut", "sid": "S1", "cameras": ["cam-1"]}
    recorder.say(t="stopped", sid="S1")
    wait_for(lambda: edge.stopped == ["S1"])
    assert edge.link.offer("v1", "cam-1", "sdp", timeout=0.05) == {"ok": False, "error": "timeout"}
    assert recorder.hear()["view"] == "v1"
    recorder.close()
    wait_for(lambda: not edge.link.connected)
    assert edge.link.offer("v2", "cam-1", "sdp")["error"] == "recorder_away"


def test_garbage_ends_the_connection_and_nothing_else(edge: Edge) -> None:
    recorder = Recorder(edge.path)
    recorder._socket.sendall(b"not json\n")
    assert recorder.hear() == {}
    recorder.close()
    again = Recorder(edge.path)
    wait_for(lambda: edge.link.connected)
    again.close()


def test_none_is_spawned_while_one_holds_the_lock(tmp_path: Path) -> None:
    lock, marks = tmp_path / ".lock", tmp_path / "marks"
    assert not held(lock)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    assert held(lock)
    script = f"import time; open({str(marks)!r}, 'a').write('x'); time.sleep(60)"
    child = RecorderChild([sys.executable, "-c", script], lock, tmp_path / "log")
    child.start()
    wait_for(lambda: child._thread.is_alive())
    child._stopping.wait(0.8)
    assert not marks.exists()
    os.close(descriptor)
    wait_for(marks.exists)
    child.stop()
    assert marks.read_text() == "x"


def test_a_recorder_that_dies_is_started_again(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    script = f"open({str(marks)!r}, 'a').write('x')"
    child = RecorderChild([sys.executable, "-c", script], tmp_path / ".lock", tmp_path / "log")
    child.start()
    wait_for(lambda: marks.exists() and len(marks.read_text()) >= 2)
    child.stop()


def test_the_kernel_says_who_is_there(edge: Edge) -> None:
    assert edge.link.peer_pid() is None
    recorder = Recorder(edge.path)
    wait_for(lambda: edge.link.connected)
    assert edge.link.peer_pid() == os.getpid()
    recorder.close()


def test_a_recorder_that_a_dead_edge_left_is_ended_with_us(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    script = (
        f"import fcntl, os, time; f = os.open({str(lock)!r}, os.O_RDWR | os.O_CREAT);"
        " fcntl.flock(f, fcntl.LOCK_EX); time.sleep(60)"
    )
    left = subprocess.Popen([sys.executable, "-c", script])
    wait_for(lambda: held(lock))
    child = RecorderChild([sys.executable, "-c", "pass"], lock, tmp_path / "log")
    child.start()
    child.stop(left.pid)
    assert left.wait(5) != 0
