"""Children of the stage: started in order, restarted when they die, killed on request, stopped in reverse."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx


class NotReady(Exception):
    """A process did not become ready in time; the text names its log."""


@dataclass
class Child:
    """One supervised process. `ready` answers whether it serves; None means: running is enough."""

    name: str
    command: list[str]
    log: Path
    ready: Callable[[], bool] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    restart: bool = True
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0

    def start(self) -> None:
        """Start (again); output goes to the child's log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.environment},
            )
        self.starts += 1

    def running(self) -> bool:
        """Whether the process is alive."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """Kill -9, and wait until it is gone; the stage starts it again when it is watched."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self, seconds: float = 12.0) -> None:
        """Ask politely, then kill."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def await_ready(self, seconds: float = 40.0) -> None:
        """Wait until the child serves; NotReady when it does not, or dies meanwhile."""
        deadline = time.monotonic() + seconds
        while self.ready is not None and not self.ready():
            if time.monotonic() > deadline or (not self.running() and not self.restart):
                raise NotReady(f"{self.name} is not ready; see {self.log}")
            time.sleep(0.1)


class Troupe:
    """All children of a stage, with one watcher thread that restarts what died."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._children: dict[str, Child] = {}
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._watcher = threading.Thread(target=self._watch, name="stage-watcher", daemon=True)

    def __getitem__(self, name: str) -> Child:
        return self._children[name]

    def start(self, child: Child) -> Child:
        """Start a child, wait until it is ready, watch it from now on."""
        child.start()
        child.await_ready()
        with self._lock:
            self._children[child.name] = child
        if not self._watcher.is_alive():
            self._watcher.start()
        return child

    def restart(self, name: str) -> None:
        """Kill -9 and start again at once."""
        with self._lock:
            child = self._children[name]
            child.kill()
            child.start()
        child.await_ready()

    def stop(self) -> None:
        """Stop all, last started first."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        for child in reversed(list(self._children.values())):
            child.stop()

    def _watch(self) -> None:
        while not self._stopping.wait(0.2):
            with self._lock:
                for child in self._children.values():
                    if child.restart and not child.running():
                        self._say(
                            f"{child.name} ended ({child.process and child.process.returncode}); starting it again"
                        )
                        child.start()


def free_ports(count: int) -> list[int]:
    """That many free loopback ports, all different."""
    sockets = [socket.socket() for _ in range(count)]
    for sock in sockets:
        sock.bind(("127.0.0.1", 0))
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


def port_open(port: int) -> Callable[[], bool]:
    """Ready when something accepts on the loopback port."""

    def check() -> bool:
        with socket.socket() as sock:
            sock.settimeout(0.5)
            return sock.connect_ex(("127.0.0.1", port)) == 0

    return check


def answers(url: str) -> Callable[[], bool]:
    """Ready when the address answers 200."""

    def check() -> bool:
        try:
            return httpx.get(url, timeout=2.0).status_code == 200
        except httpx.HTTPError:
            return False

    return check
