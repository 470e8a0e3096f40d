"""One owner thread a port: everything that is said on a wire is a job on this thread.

Jobs that people wait for go before polls, in the order in which they were asked; a job has the wire to itself
until it ends. A port that is not there is opened again with back-off; acts that
come meanwhile are refused at once, because nothing was sent. Nothing is ever sent twice from here.
"""

import errno
import os
import random
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import serial
import structlog

from devices.endpoint import Endpoint, SerialEndpoint, TcpEndpoint
from devices.ports import Result

T = TypeVar("T")
_log = structlog.get_logger(__name__)
_BACKOFF_FIRST_S, _BACKOFF_LAST_S = 0.3, 5.0
_ACT_WAITS_AT_MOST_S = 2.0
_IDLE_LISTEN_S = 0.05
_GAP_S = 0.15
_WHY_CLOSED = {errno.EAGAIN: "port_busy", errno.EACCES: "port_forbidden", errno.EPERM: "port_forbidden"}
_SILENCE_S, _SETTLE_AT_MOST_S = 0.03, 0.3


class NotSentError(Exception):
    """The job was not begun: no port, or it waited too long. Certainly nothing happened."""


class PortLostError(Exception):
    """The port vanished while a job had it; what was sent may have arrived."""


class NoAnswerError(Exception):
    """No valid answer in time; `heard` tells garbled from silent."""

    def __init__(self, heard: bool) -> None:
        super().__init__("garbled" if heard else "silent")
        self.heard = heard

    @property
    def reason(self) -> str:
        """`garbled` or `silent`."""
        return str(self)


class Wire:
    """An open port, used only on its bus thread. Every failure of the port is PortLostError."""

    def __init__(self, port: serial.Serial | socket.socket) -> None:
        self._port = port
        self._fd = port.fileno()
        self._settled = True

    def write(self, data: bytes) -> None:
        """Send all bytes."""
        try:
            if isinstance(self._port, socket.socket):
                self._port.sendall(data)
            else:
                self._port.write(data)
        except OSError as error:
            raise PortLostError(str(error)) from error

    def read(self, timeout: float) -> bytes:
        """What has arrived, waiting at most `timeout` seconds for the first byte; empty when nothing came."""
        try:
            ready, _, _ = select.select([self._fd], [], [], max(0.0, timeout))
            if not ready:
                return b""
            data = os.read(self._fd, 4096)
        except BlockingIOError:
            return b""
        except (OSError, ValueError) as error:
            raise PortLostError(str(error)) from error
        if not data:
            raise PortLostError("hung up")
        return data

    def ask(
        self, request: bytes, take: Callable[[bytearray], T | None], timeout: float, gap: float = _GAP_S
    ) -> T:
        """Send once, give `take` the growing buffer until it returns a value.

        `take` removes what it has used or judged to be noise. Raises NoAnswerError after `timeout` seconds, or when
        bytes came and then none for `gap` seconds; PortLostError.
        """
        self._settle()
        self.write(request)
        return self._hear(take, timeout, gap)

    def _hear(self, take: Callable[[bytearray], T | None], timeout: float, gap: float) -> T:
        buffer, heard = bytearray(), False
        until = time.monotonic() + timeout
        while (left := until - time.monotonic()) > 0:
            data = self.read(min(left, gap) if heard else left)
            if heard and not data:
                break  # it spoke and fell silent: what came is all there is
            heard = heard or bool(data)
            buffer += data
            if data and (value := take(buffer)) is not None:
                return value
        self._settled = False
        raise NoAnswerError(heard)

    def _settle(self) -> None:
        """Drop what has arrived; after a lost answer wait for silence: a late one must not pass for ours."""
        quiet = 0.0 if self._settled else _SILENCE_S
        until = time.monotonic() + _SETTLE_AT_MOST_S
        while self.read(quiet) and time.monotonic() < until:
            pass
        self._settled = True

    def close(self) -> None:
        """Close the port; a port that is gone is closed already."""
        try:
            self._port.close()
        except OSError as error:
            _log.debug("port_close_failed", error=str(error))


def open_wire(endpoint: Endpoint) -> Wire:
    """Open a serial port for us alone, or a TCP connection. Raises OSError."""
    if isinstance(endpoint, SerialEndpoint):
        return Wire(
            serial.Serial(str(endpoint.path), endpoint.baud, timeout=0, write_timeout=0.5, exclusive=True)
        )
    if isinstance(endpoint, TcpEndpoint):
        connection = socket.create_connection((endpoint.host, endpoint.port), timeout=2.0)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Wire(connection)
    raise OSError(f"{endpoint} is not a wire")


class Rider(Protocol):
    """A driver on a bus. All of it is called on the bus thread."""

    def connected(self, wire: Wire) -> None:
        """The port was opened; forget what was believed before (keeps I-4)."""

    def poll(self, wire: Wire) -> float:
        """Ask once what is regularly asked; returns seconds until the next time."""

    def heard(self, wire: Wire, data: bytes) -> None:
        """Bytes came that nobody asked for; only called when `listens`."""

    def lost(self, reason: str) -> None:
        """The port is gone or cannot be opened."""

    listens: bool


@dataclass(frozen=True, slots=True)
class _Job:
    run: Callable[[Wire], Any]
    future: Future[Any]
    asked_at: float


class Bus:
    """The owner of one port. Riders are added before `start`."""

    def __init__(self, name: str, endpoint: Endpoint) -> None:
        self.name, self._endpoint = name, endpoint
        self._riders: list[Rider] = []
        self._due: dict[int, float] = {}
        self._jobs: deque[_Job] = deque()
        self._wake = threading.Condition()
        self._open = False
        self._stopping = False
        self._started = 0
        self._told = ""
        self._thread = threading.Thread(target=self._live, name=f"bus-{name}", daemon=True)

    def add(self, rider: Rider) -> None:
        """Let a driver ride on this bus."""
        self._riders.append(rider)

    def start(self) -> None:
        """Start the owner thread once every rider has called this."""
        self._started += 1
        if self._started == len(self._riders):
            self._thread.start()

    def stop(self) -> None:
        """End the thread and close the port once every rider has called this.

        Jobs that were not begun end with NotSentError.
        """
        self._started -= 1
        if self._started > 0:
            return
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def submit(self, run: Callable[[Wire], T]) -> Future[T]:
        """Queue a job. The future ends with its value or NotSentError, PortLostError, NoAnswerError."""
        future: Future[T] = Future()
        with self._wake:
            if not self._open or self._stopping:
                future.set_exception(NotSentError("port is not open"))
                return future
            self._jobs.append(_Job(run, future, time.monotonic()))
            self._wake.notify_all()
        return future

    def act(self, run: Callable[[Wire], Result]) -> Future[Result]:
        """Queue a momentary act. Not sent is refused; all else that goes wrong is unknown (keeps I-5)."""
        answer: Future[Result] = Future()

        def settle(done: Future[Result]) -> None:
            error = done.exception()
            if error is None:
                answer.set_result(done.result())
                return
            _log.warning("act_failed", bus=self.name, error=type(error).__name__)
            answer.set_result(Result.REFUSED if isinstance(error, NotSentError) else Result.UNKNOWN)

        self.submit(run).add_done_callback(settle)
        return answer

    # ---- on the bus thread ----

    def _live(self) -> None:
        wait = _BACKOFF_FIRST_S
        while not self._stopping:
            try:
                wire = open_wire(self._endpoint)
            except OSError as error:
                self._tell_lost(_WHY_CLOSED.get(error.errno or 0, "port_missing"), error)
                self._sleep(wait * random.uniform(0.7, 1.0))  # noqa: S311 - spreads load, no secret
                wait = min(wait * 1.5, _BACKOFF_LAST_S)
                continue
            wait = _BACKOFF_FIRST_S
            self._ride(wire)
            self._sleep(_BACKOFF_FIRST_S)

    def _ride(self, wire: Wire) -> None:
        try:
            self._board(wire)
            while not self._stopping:
                self._step(wire)
        except PortLostError as error:
            self._tell_lost("port_lost", error)
        except Exception as error:  # a driver's fault must not end the thread: seen, told, started again
            _log.exception("driver_failed", bus=self.name)
            self._tell_lost("driver_failed", error)
        finally:
            with self._wake:
                self._open = False
            wire.close()
            self._refuse_waiting()

    def _board(self, wire: Wire) -> None:
        for rider in self._riders:
            rider.connected(wire)
        now = time.monotonic()
        self._due = dict.fromkeys(range(len(self._riders)), now)
        with self._wake:
            self._open = True
        self._told = ""

    def _step(self, wire: Wire) -> None:
        job = self._next_job()
        if job is not None:
            self._run(job, wire)
            return
        index = min(self._due, key=lambda i: self._due[i])
        left = self._due[index] - time.monotonic()
        if left <= 0:
            self._due[index] = time.monotonic() + self._riders[index].poll(wire)
        else:
            self._idle(wire, left)

    def _idle(self, wire: Wire, seconds: float) -> None:
        listeners = [rider for rider in self._riders if rider.listens]
        if listeners:
            data = wire.read(min(seconds, _IDLE_LISTEN_S))
            for rider in listeners if data else ():
                rider.heard(wire, data)
            return
        with self._wake:
            if not self._jobs and not self._stopping:
                self._wake.wait(seconds)

    def _next_job(self) -> _Job | None:
        with self._wake:
            return self._jobs.popleft() if self._jobs else None

    def _run(self, job: _Job, wire: Wire) -> None:
        if not job.future.set_running_or_notify_cancel():
            return
        if time.monotonic() - job.asked_at > _ACT_WAITS_AT_MOST_S:  # keeps I-4: a stale act opens nothing
            job.future.set_exception(NotSentError("waited too long"))
            return
        try:
            job.future.set_result(job.run(wire))
        except PortLostError as error:
            job.future.set_exception(error)
            raise
        except Exception as error:
            job.future.set_exception(error)

    def _refuse_waiting(self) -> None:
        while (job := self._next_job()) is not None:
            job.future.set_exception(NotSentError("port closed"))

    def _tell_lost(self, reason: str, error: Exception) -> None:
        if reason != self._told:  # edges only: a missing port is tried for days
            _log.info("port_lost", bus=self.name, reason=reason, error=str(error))
        self._told = reason
        for rider in self._riders:
            rider.lost(reason)

    def _sleep(self, seconds: float) -> None:
        with self._wake:
            if not self._stopping:
                self._wake.wait(seconds)
