"""The recorder's end of the Unix socket: plan down, reports up, each journalled once and then acknowledged.

The recorder is our child, but lives on when we die: after a kill -9 of the edge it reconnects, and its lock file
tells that none must be spawned. JSON lines; one connection a recorder process.
"""

import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

_log = structlog.get_logger(__name__)
RESPAWN_SECONDS = (0.5, 10.0)
LINE_LIMIT = 1 << 20

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecorderEvents:
    """Called on the connection's thread. `report` returns only when the fact is durable."""

    hello: Callable[[], None]
    report: Callable[[str, int, str, Mapping[str, Any]], None]
    health: Callable[[Mapping[str, Any]], None]
    disk: Callable[[str], None]
    """The recordings' disk: `ok`, `disk_full` or `disk_error`."""
    stopped: Callable[[str], None]
    view_ended: Callable[[str], None]
    gone: Callable[[], None]


class RecorderLink:
    """Listens on `path`; `plan` is remembered and sent to every recorder that says hello."""

    def __init__(self, path: Path, events: RecorderEvents) -> None:
        self._path, self._events = path, events
        self._lock = threading.Lock()
        self._peer: socket.socket | None = None
        self._plan: Message | None = None
        self._replies: dict[str, Future[Message]] = {}
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._accept, name="recorder-link", daemon=True)
        self._readers: list[threading.Thread] = []

    def start(self) -> None:
        """Listen. A socket file left by a dead edge is replaced; the journal's lock says that we are alone."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path.unlink(missing_ok=True)
        self._server.bind(str(self._path))
        self._path.chmod(0o600)
        self._server.listen(4)
        self._thread.start()

    def stop(self) -> None:
        """Close; the recorder goes on recording and tries to come back."""
        self._stopping.set()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knock:
            # accept() does not wake when its socket is closed; a last visitor wakes it
            knock.connect(str(self._path))
        self._thread.join()
        self._server.close()
        with self._lock:
            peer = self._peer
        if peer is not None:
            _shut(peer)
        for reader in self._readers:
            reader.join()
        self._path.unlink(missing_ok=True)

    @property
    def connected(self) -> bool:
        """Whether a recorder is there."""
        with self._lock:
            return self._peer is not None

    def peer_pid(self) -> int | None:
        """Process id of the recorder that is there, told by the kernel; also of one that another edge started."""
        with self._lock:
            if self._peer is None:
                return None
            raw = self._peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", raw)[0])

    def plan(self, cameras: Sequence[Mapping[str, Any]], record: Sequence[str]) -> None:
        """Say what there is and what must be recorded, now and to every recorder that comes."""
        self._plan = {"t": "plan", "cameras": [dict(c) for c in cameras], "record": list(record)}
        self._send(self._plan)

    def cut(self, sid: str, cameras: Sequence[str]) -> bool:
        """Finalise now; `stopped` answers. False when no recorder is there."""
        return self._send({"t": "cut", "sid": sid, "cameras": list(cameras)})

    def offer(self, view: str, camera: str, sdp: str, timeout: float = 8.0) -> Message:
        """Pass a live offer on and wait for the answer: `{"ok", "sdp"?, "error"?}`."""
        rid = uuid.uuid4().hex
        waiting: Future[Message] = Future()
        self._replies[rid] = waiting
        try:
            if not self._send({"t": "live_offer", "rid": rid, "view": view, "camera": camera, "sdp": sdp}):
                return {"ok": False, "error": "recorder_away"}
            return waiting.result(timeout)
        except TimeoutError:
            return {"ok": False, "error": "timeout"}
        finally:
            self._replies.pop(rid, None)

    def end_view(self, view: str) -> bool:
        """Stop a view."""
        return self._send({"t": "live_end", "view": view})

    def _send(self, message: Message) -> bool:
        with self._lock:
            if self._peer is None:
                return False
            try:
                self._peer.sendall(json.dumps(message).encode() + b"\n")
            except OSError as error:
                _log.warning("recorder_send_failed", reason=str(error))
                return False
        return True

    def _accept(self) -> None:
        while True:
            connection, _ = self._server.accept()
            if self._stopping.is_set():
                connection.close()
                return
            connection.settimeout(None)
            reader = threading.Thread(target=self._serve, args=(connection,), name="recorder", daemon=True)
            self._readers = [thread for thread in self._readers if thread.is_alive()] + [reader]
            reader.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            try:
                for line in iter(lambda: lines.readline(LINE_LIMIT), b""):
                    self._take(connection, json.loads(line))
            except (OSError, ValueError, KeyError, TypeError) as error:
                if not self._stopping.is_set():
                    _log.warning("recorder_connection_failed", reason=repr(error))
            except Exception:
                # A report that could not be journalled is not acknowledged: the recorder sends it again.
                _log.exception("recorder_report_failed")
        with self._lock:
            mine = self._peer is connection
            if mine:
                self._peer = None
        if mine:
            self._events.gone()

    def _take(self, connection: socket.socket, message: Message) -> None:
        kind = message["t"]
        if kind == "hello":
            self._hello(connection)
        elif kind == "report":
            self._events.report(message["worker"], message["number"], message["kind"], message["body"])
            self._send({"t": "ack", "worker": message["worker"], "number": message["number"]})
        elif kind == "health":
            self._events.health(message["cameras"])
            self._events.disk(message["disk"])
        elif kind == "reply":
            waiting = self._replies.get(message["rid"])
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
        elif kind == "stopped":
            self._events.stopped(message["sid"])
        elif kind == "view_ended":
            self._events.view_ended(message["view"])

    def _hello(self, connection: socket.socket) -> None:
        with self._lock:
            old, self._peer = self._peer, connection
        if old is not None and old is not connection:
            _shut(old)
        if self._plan is not None:
            self._send(self._plan)
        self._events.hello()


class RecorderChild:
    """Keeps one recorder running. While somebody holds the lock file, none is spawned (keeps I-11)."""

    def __init__(self, command: Sequence[str], lock_file: Path, log_file: Path) -> None:
        self._command, self._lock_file, self._log_file = list(command), lock_file, log_file
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="recorder-child", daemon=True)
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin to watch; nothing to do when the command is empty."""
        if self._command:
            self._thread.start()

    def stop(self, adopted: int | None = None, seconds: float = 15) -> None:
        """End the watch and the recorder: our child, or the `adopted` one that a dead edge left (SIGTERM first)."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()
            try:
                self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                _log.warning("recorder_killed")
                self._child.kill()
                self._child.wait()
        elif adopted is not None and self._command:
            self._end_adopted(adopted, seconds)

    def _end_adopted(self, pid: int, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        while held(self._lock_file) and time.monotonic() < deadline:
            time.sleep(0.1)

    def _watch(self) -> None:
        pause = RESPAWN_SECONDS[0]
        while not self._stopping.is_set():
            if self._child is not None and self._child.poll() is not None:
                _log.warning("recorder_ended", code=self._child.returncode)
                self._child = None
            if self._child is None and not held(self._lock_file):
                started = time.monotonic()
                self._spawn()
                self._stopping.wait(pause)
                lasted = self._alive()
                pause = RESPAWN_SECONDS[0] if lasted else min(pause * 2, RESPAWN_SECONDS[1])
                _log.debug("recorder_spawned", lasted=lasted, after=time.monotonic() - started)
            self._stopping.wait(0.5)

    def _alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def _spawn(self) -> None:
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._log_file.open("ab") as log:
                # Its own session: a kill of our process group leaves the recorder alone.
                self._child = subprocess.Popen(
                    self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
        except OSError as error:
            _log.error("recorder_not_started", reason=str(error))


def held(lock_file: Path) -> bool:
    """Whether a live process holds the flock on this file."""
    try:
        descriptor = os.open(lock_file, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        _log.debug("socket_was_gone", reason=str(error))
