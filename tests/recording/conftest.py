import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from devices.sim.camera import CameraServer
from devices.sim.clip import make_clips

CAMERAS = [
    {"id": "cam-a", "path": "/cam-a", "clip": "pcma"},
    {"id": "cam-b", "path": "/cam-b", "clip": "aac"},
]


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.getbasetemp().parent / "jianzheng-clips"
    make_clips(folder)
    return folder


@pytest.fixture
async def sim(clips: Path) -> AsyncIterator[CameraServer]:
    server = CameraServer(CAMERAS, clips, "127.0.0.1", 0)
    await server.start()
    yield server
    await server.stop()


class FakeEdge:
    """The edge's end of the socket: keeps what the recorder says, acknowledges reports unless told not to."""

    def __init__(self, path: Path) -> None:
        self.path, self.messages, self.acknowledging = path, [], True
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None
        self._heard = asyncio.Condition()

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, str(self.path), limit=1 << 20)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while line := await reader.readline():
                message = json.loads(line)
                if message["t"] == "report" and self.acknowledging:
                    self._say(writer, {"t": "ack", "worker": message["worker"], "number": message["number"]})
                async with self._heard:
                    self.messages.append(message)
                    self._heard.notify_all()
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()
            self._writers.remove(writer)

    def _say(self, writer: asyncio.StreamWriter, message: dict[str, Any]) -> None:
        writer.write(json.dumps(message).encode() + b"\n")

    def say(self, **message: Any) -> None:
        self._say(self._writers[-1], message)

    async def heard(self, test: Callable[[dict[str, Any]], bool], seconds: float = 40) -> dict[str, Any]:
        """The first message that passes, past or to come."""
        async with asyncio.timeout(seconds), self._heard:
            while True:
                for message in self.messages:
                    if test(message):
                        return message
                await self._heard.wait()

    def bodies(self, kind: str, camera: str | None = None) -> list[dict[str, Any]]:
        """Report bodies of a kind, each number once, in order."""
        found = {m["number"]: m for m in self.messages if m["t"] == "report" and m["kind"] == kind}
        return [m["body"] for _, m in sorted(found.items()) if camera in (None, m["body"]["camera"])]


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[FakeEdge]:
    (tmp_path / "edge").mkdir()
    link = FakeEdge(tmp_path / "edge" / "recorder.sock")
    await link.start()
    yield link
    await link.stop()


class RecorderProcess:
    """The real process, started as the edge starts it."""

    def __init__(self, home: Path, settings: str) -> None:
        self.home, self._config = home, home / "recorder.toml"
        self._config.write_text(settings)
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        command = [
            "-m",
            "edge_agent.recorder_main",
            "run",
            "--home",
            str(self.home),
            "--config",
            str(self._config),
        ]
        log = (self.home / "recorder.log").open("ab")
        with log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, *command, stdout=log, stderr=log
            )

    async def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            os.kill(self.process.pid, number)
        return await asyncio.wait_for(self.process.wait(), 10)


@pytest.fixture
async def recorder(tmp_path: Path, edge: FakeEdge) -> AsyncIterator[RecorderProcess]:
    process = RecorderProcess(tmp_path, "segment_s = 2\ngap_report_s = 3\n")
    await process.start()
    yield process
    if process.process is not None and process.process.returncode is None:
        await process.stop()


def specs(sim: CameraServer, transport: str = "tcp") -> list[dict[str, str]]:
    return [
        {"id": c["id"], "endpoint": f"rtsp://127.0.0.1:{sim.port}{c['path']}", "transport": transport}
        for c in CAMERAS
    ]
