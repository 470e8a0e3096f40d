"""The recorder's process: cameras by plan, one sweep, disk threads, the link to the edge, live views on demand.

Recording starts from the last plan in the index, so it does not wait for the edge. SIGTERM finishes what is open.
"""

import asyncio
import fcntl
import importlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from contract.clock import Clock, to_us
from recording.index import Index
from recording.ingest import CameraIngest
from recording.link import EdgeLink, Message
from recording.recover import Recovery
from recording.segmenter import Segmenter
from recording.settings import RecorderSettings
from recording.writer import CameraStore, DiskThreads

if TYPE_CHECKING:
    from recording.live import LiveViews

_log = structlog.get_logger()
_BUFFER = 1 << 20
_TICK_S, _HEALTH_S = 0.25, 1.0
_GROUPS = 4
_PAUSE_US = 600_000


class AlreadyRunningError(Exception):
    """Another recorder holds this folder."""


class Recorder:
    """One worker with its cameras."""

    def __init__(self, home: Path, socket: Path, settings: RecorderSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self.root = home / "recordings"
        self.root.mkdir(parents=True, exist_ok=True)
        self._lock = _take_lock(self.root / ".lock")
        self.index = Index(self.root / "index.sqlite3", settings.worker)
        self._restart_cause = self._find_restart_cause()
        Recovery(self.root, self.index).run()
        self._disk = DiskThreads()
        self._disk_state: dict[str, str] = {}
        self._link = EdgeLink(socket, self.index, self._handle)
        self._cameras: dict[str, CameraIngest] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._live: LiveViews | None = None
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray(_BUFFER)
        self._cuts: dict[str, int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Record until `stop` is set, then finish every open segment."""
        await self._apply_plan(json.loads(self.index.note("plan") or "{}"), restart=True)
        work = [
            asyncio.create_task(job())
            for job in (self._sweep, self._sweep_watched, self._tick, self._link.run)
        ]
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([*work, stopping], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            stopping.cancel()
            await self._shut_down(work)

    async def _shut_down(self, work: list[asyncio.Task[None]]) -> None:
        if self._live is not None:
            await self._live.close()
        for ingest in self._cameras.values():
            ingest.segmenter.close("recorder_stopped")
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await asyncio.to_thread(self._disk.stop)
        self.index.set_note("stopped", "cleanly")
        self._link.send_reports()
        await self._link.finish()
        for job in work:
            job.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        self.index.close()
        os.close(self._lock)

    def _find_restart_cause(self) -> str:
        clean = self.index.note("stopped") == "cleanly"
        self.index.set_note("stopped", "no")
        return "recorder_stopped" if clean else "recorder_crashed"

    async def _sweep(self) -> None:
        """Read each camera once a sweep, in groups so that reads spread over time."""
        turn = 0
        while True:
            await asyncio.sleep(self._settings.sweep_ms / 1000 / _GROUPS)
            turn = (turn + 1) % _GROUPS
            for order, ingest in enumerate(list(self._cameras.values())):
                if order % _GROUPS == turn and not ingest.watched:
                    ingest.sweep(self._buffer)

    async def _sweep_watched(self) -> None:
        """Cameras that someone watches are read more often."""
        while True:
            watched = [c for c in self._cameras.values() if c.watched]
            for ingest in watched:
                ingest.sweep(self._buffer)
            pause = self._settings.watched_sweep_ms if watched else self._settings.sweep_ms
            await asyncio.sleep(pause / 1000)

    async def _tick(self) -> None:
        """Let every camera look at the time, except after a pause of ours: then sockets are read first."""
        elapsed, last_us = 0.0, to_us(self._clock.now())
        while True:
            await asyncio.sleep(_TICK_S)
            now_us, elapsed = to_us(self._clock.now()), elapsed + _TICK_S
            paused, last_us = abs(now_us - last_us) > _PAUSE_US, now_us
            for ingest in [] if paused else list(self._cameras.values()):
                ingest.tick(now_us)
            if elapsed >= _HEALTH_S:
                elapsed = 0.0
                self._link.send(self.health())

    def health(self) -> Message:
        """The health message: every camera, and the worst state of the disk."""
        now_us = to_us(self._clock.now())
        worst = max(self._disk_state.values(), default="ok", key=["ok", "disk_error", "disk_full"].index)
        return {
            "t": "health",
            "disk": worst,
            "cameras": {k: c.health(now_us) for k, c in self._cameras.items()},
        }

    async def _handle(self, message: Message) -> None:
        kind = message.get("t")
        if kind == "plan":
            plan = {"cameras": message.get("cameras", []), "record": message.get("record", [])}
            self.index.set_note("plan", json.dumps(plan))
            await self._apply_plan(plan, restart=False)
        elif kind == "cut":
            self._cut(str(message["sid"]), [str(c) for c in message.get("cameras", [])])
        elif kind in {"live_offer", "live_end"}:
            await self._view(message)
        else:
            _log.warning("unknown_message", kind=str(kind))

    async def _apply_plan(self, plan: dict[str, Any], *, restart: bool) -> None:
        specs = {str(c["id"]): c for c in plan.get("cameras", [])}
        if len(specs) > self._settings.max_cameras:
            _log.error("too_many_cameras", given=len(specs), most=self._settings.max_cameras)
            specs = dict(list(specs.items())[: self._settings.max_cameras])
        for camera in [c for c, i in self._cameras.items() if specs.get(c) != i.spec]:
            await self._remove(camera, keep_duty=camera in specs)
        for camera, spec in specs.items():
            if camera not in self._cameras:
                self._add(camera, spec)
        wanted, now_us = set(plan.get("record", [])), to_us(self._clock.now())
        cause = self._restart_cause if restart else "not_connected"
        for camera, ingest in self._cameras.items():
            if camera in wanted:
                ingest.record(cause)
            else:
                ingest.segmenter.stop(now_us)

    def _add(self, camera: str, spec: dict[str, Any]) -> None:
        store = CameraStore(camera, self.root, self.index, self._clock, self._on_disk, self._on_broken)
        segmenter = Segmenter(store, self._disk, self._settings)
        self._cameras[camera] = CameraIngest(spec, segmenter, self._clock, self._settings)
        self._tasks[camera] = asyncio.create_task(self._cameras[camera].run())

    async def _remove(self, camera: str, *, keep_duty: bool) -> None:
        ingest, task = self._cameras.pop(camera), self._tasks.pop(camera)
        if keep_duty:
            ingest.segmenter.close("not_connected")
        else:
            ingest.segmenter.stop_now(to_us(self._clock.now()))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await self._settle(camera)

    async def _settle(self, camera: str) -> None:
        """Wait until the disk thread has done everything queued for a camera."""
        done = asyncio.Event()
        self._disk.post(camera, lambda: self._soon(done.set))
        await done.wait()

    def _cut(self, sid: str, cameras: list[str]) -> None:
        known = [self._cameras[c] for c in cameras if c in self._cameras]
        self._cuts[sid] = len(known) + 1
        now_us = to_us(self._clock.now())
        for ingest in known:
            ingest.segmenter.cut(now_us, lambda: self._soon(lambda: self._cut_done(sid)))
        self._cut_done(sid)

    def _cut_done(self, sid: str) -> None:
        self._cuts[sid] -= 1
        if self._cuts[sid] == 0:
            del self._cuts[sid]
            self._link.send_reports()
            self._link.send({"t": "stopped", "sid": sid})

    def _on_disk(self, camera: str, state: str) -> None:
        """Called on a disk thread: rows to report, or the disk's state changed."""
        self._soon(lambda: self._disk_changed(camera, state))

    def _on_broken(self, camera: str) -> None:
        """Called on a disk thread: the open segment of a camera is closed."""
        self._soon(lambda: self._cameras[camera].segmenter.abandon() if camera in self._cameras else None)

    def _soon(self, job: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(job)

    def _disk_changed(self, camera: str, state: str) -> None:
        before = self._disk_state.get(camera, "ok")
        self._disk_state[camera] = state
        if state != before:
            self._link.send(self.health())
        self._link.send_reports()

    async def _view(self, message: Message) -> None:
        """Offers and ends of live views; aiortc is imported with the first offer only."""
        if self._live is None:
            module = await asyncio.to_thread(importlib.import_module, "recording.live")
            self._live = module.LiveViews(self._settings.live_addresses, self._clock, self._link.send)
        if message["t"] == "live_end":
            await self._live.end(str(message["view"]))
        else:
            camera = self._cameras.get(str(message["camera"]))
            await self._live.offer(message, camera)


def _take_lock(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise AlreadyRunningError(str(path)) from error
    return handle
