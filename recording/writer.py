"""Disk side of the recorder: two threads, one store a camera, each camera pinned to one thread.

A store writes fragments, chains and syncs them, keeps the order of a segment's life (keeps I-10) and accounts every
second of a camera's duty to record (keeps I-11): whatever lies between the last accounted microsecond and the next
segment becomes a declared gap. A disk that fails costs a gap, never what is already on it.
"""

import errno
import hashlib
import os
import queue
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from pysqlite3 import dbapi2 as sqlite

from contract.clock import Clock, from_us, to_us
from contract.durable_file import sync_folder
from recording.fmp4 import Fragment, MediaForm, fragment_parts, header, index_box
from recording.index import Index, SegmentRow

_log = structlog.get_logger()
Job = Callable[[], None]


class DiskThreads:
    """Ordered work on few threads. `room` says whether media may still be queued; small jobs always may."""

    def __init__(self, threads: int = 2, bound: int = 64 << 20) -> None:
        self._bound, self._waiting, self._lock = bound, 0, threading.Lock()
        self._queues: list[queue.SimpleQueue[tuple[int, Job] | None]] = [
            queue.SimpleQueue() for _ in range(threads)
        ]
        self._threads = [threading.Thread(target=self._run, args=(q,), name="disk") for q in self._queues]
        for thread in self._threads:
            thread.start()

    def post(self, camera: str, job: Job, size: int = 0) -> bool:
        """Queue a job; False when `size` bytes more would pass the bound (the job is not queued)."""
        with self._lock:
            if size and self._waiting + size > self._bound:
                return False
            self._waiting += size
        self._queues[zlib.crc32(camera.encode()) % len(self._queues)].put((size, job))
        return True

    def stop(self) -> None:
        """Finish everything queued, then end the threads."""
        for waiting in self._queues:
            waiting.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self, waiting: "queue.SimpleQueue[tuple[int, Job] | None]") -> None:
        while (item := waiting.get()) is not None:
            size, job = item
            try:
                job()
            except Exception:
                _log.exception("disk_job_failed")
            with self._lock:
                self._waiting -= size


@dataclass(slots=True)
class _OpenFile:
    handle: int
    path: Path
    file: str
    form: MediaForm
    start_us: int
    end_us: int
    whole: "hashlib._Hash"
    digest: bytes
    chain_first: bytes
    size: int = 0
    fragments: int = 0
    video_samples: int = 0
    audio_samples: int = 0
    lost: int = 0


class CameraStore:
    """One camera's files, on its disk thread, from which both callbacks come.

    `on_change(camera, disk state)`: there is a row to report or the state changed (`ok`, `disk_full`, `disk_error`).
    `on_broken(camera)`: the open segment had to be closed; what is gathered for it is lost.
    """

    def __init__(
        self,
        camera: str,
        root: Path,
        index: Index,
        clock: Clock,
        on_change: Callable[[str, str], None],
        on_broken: Callable[[str], None],
    ) -> None:
        self.camera, self._root, self._index, self._clock = camera, root, index, clock
        self._on_change, self._on_broken = on_change, on_broken
        self._covered = index.covered_us(camera)
        self._chain = bytes.fromhex(index.chain(camera))
        self._cause: str | None = None
        self._pending: tuple[MediaForm, int] | None = None
        self._file: _OpenFile | None = None
        self._keys: list[tuple[int, int]] = []
        self._owed: list[Job] = []
        self._file_state = self._index_state = self._state = "ok"

    def covered_us(self) -> int | None:
        """Up to when the camera is accounted for; read before the threads have work for this store."""
        return self._covered

    def begin_duty(self, from_us: int, cause: str) -> None:
        """The camera is to be recorded from now on; a duty that a restart interrupted goes on where it was."""
        if self._covered is None:
            self._covered = from_us
            self._index_job(lambda: self._index.set_covered(self.camera, from_us))
            self._cause = "starting"
        else:
            self._cause = cause

    def end_duty(self, until_us: int, cause: str) -> None:
        """The camera is no longer to be recorded; what is missing up to `until_us` is declared."""
        self.finish()
        self.cover(until_us, cause)
        self._covered = None
        self._index_job(lambda: self._index.set_covered(self.camera, None))

    def note_cause(self, cause: str) -> None:
        """Why nothing is recorded from here on; the first cause of a gap counts."""
        self._cause = self._cause or cause

    def cover(self, until_us: int, cause: str) -> None:
        """Declare everything unaccounted before `until_us` a gap."""
        if self._covered is None or until_us <= self._covered or self._file is not None:
            return
        start, why, self._covered = self._covered, self._cause or cause, until_us
        self._index_job(lambda: self._index.add_gap(self.camera, start, until_us, "both", why, until_us))
        self._cause = None
        self._on_change(self.camera, self._state)

    def sound_gap(self, start_us: int, end_us: int, cause: str) -> None:
        """Declare missing sound beside a recorded picture."""
        covered = self._covered
        self._index_job(lambda: self._index.add_gap(self.camera, start_us, end_us, "audio", cause, covered))
        self._on_change(self.camera, self._state)

    def open(self, form: MediaForm, start_us: int) -> None:
        """The next fragments belong to a new segment; its file is made with the first of them."""
        self.finish()
        self._pending = (form, start_us)

    def fragment(self, fragment: Fragment) -> None:
        """Write one fragment; a failing disk closes the segment at its last whole fragment."""
        try:
            if self._pending is not None:
                self._create(*self._pending)
                self._pending = None
            if self._file is not None:
                self._append(self._file, fragment)
                self._file_state = "ok"
                self._report_state()
        except OSError as error:
            self._fail(error)

    def finish(self) -> None:
        """Close the segment: index box, sync file, sync folder, row (keeps I-10)."""
        self._pending = None
        file, self._file = self._file, None
        if file is None:
            return
        try:
            if file.fragments == 0:
                os.ftruncate(file.handle, 0)
                self._root.joinpath(file.file).unlink()
                return
            self._seal(file)
        except OSError as error:
            _log.error("segment_not_sealed", camera=self.camera, errno=error.errno)
            self._cause = self._file_state = "disk_error"
            self._report_state()
            return  # no row: the file is adopted at the next start
        finally:
            os.close(file.handle)
        self._enter(file)

    def _create(self, form: MediaForm, start_us: int) -> None:
        moment = from_us(start_us)
        name = f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond:06d}Z.{form.container}"
        file = f"{self.camera}/{moment:%Y%m%d}/{moment:%H}/{name}"
        path = self._root / file
        make_folders(self._root, path.parent)
        top = header(form)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        first = hashlib.sha256(self._chain + top).digest()
        opened = _OpenFile(handle, path, file, form, start_us, start_us, hashlib.sha256(), first, first)
        try:
            self._write(opened, [top])
        except OSError:
            os.close(handle)
            path.unlink()
            raise
        self._keys = []
        self._file = opened
        self.cover_before(start_us)

    def cover_before(self, start_us: int) -> None:
        """Declare the gap before a segment that now has its file."""
        file, self._file = self._file, None
        self.cover(start_us, "unknown")
        self._file, self._cause = file, None

    def _write(self, file: _OpenFile, parts: list[bytes]) -> None:
        data = b"".join(parts)
        view = memoryview(data)
        while view:
            view = view[os.write(file.handle, view) :]
        file.whole.update(data)
        file.size += len(data)

    def _append(self, file: _OpenFile, fragment: Fragment) -> None:
        at, write_us = file.size, to_us(self._clock.now())
        parts = fragment_parts(fragment, file.form.audio, file.fragments + 1, write_us, file.digest)
        self._write(file, parts)
        file.digest = hashlib.sha256(b"".join(parts)).digest()
        file.fragments += 1
        file.end_us = fragment.end_us
        file.lost += fragment.lost
        file.video_samples += len(fragment.video_samples)
        file.audio_samples += len(fragment.audio_sizes) or fragment.audio_samples
        if fragment.key:
            self._keys.append((fragment.video_start, at + len(parts[0])))
            os.fdatasync(file.handle)

    def _fail(self, error: OSError) -> None:
        """Keep what is whole, say what happened; the segmenter begins anew at the next keyframe."""
        state = "disk_full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "disk_error"
        _log.error("disk_write_failed", camera=self.camera, errno=error.errno, state=state)
        self._pending = None
        if self._file is not None:
            os.ftruncate(self._file.handle, self._file.size)
            os.lseek(self._file.handle, 0, os.SEEK_END)
        self.finish()
        self._cause = self._file_state = state
        self._report_state()
        self._on_broken(self.camera)

    def _seal(self, file: _OpenFile) -> None:
        try:
            self._write(file, [index_box(self._keys)])
        except OSError:
            os.ftruncate(
                file.handle, file.size
            )  # the index box is a convenience; the fragments are the evidence
        os.fsync(file.handle)
        sync_folder(file.path.parent)

    def _enter(self, file: _OpenFile) -> None:
        row = SegmentRow(
            self.camera, file.file, file.start_us, file.end_us, file.size, file.whole.hexdigest(),
            file.chain_first.hex(), file.digest.hex(), file.fragments, file.video_samples, file.audio_samples,
            file.lost, file.form.container,
        )  # fmt: skip
        self._chain = file.digest
        if self._covered is not None:
            self._covered = max(self._covered, file.end_us)
        covered = self._covered
        self._index_job(lambda: self._index.add_segment(row, covered))
        self._on_change(self.camera, self._state)

    def _index_job(self, job: Job) -> None:
        """Index writes in order; while the disk has no room for them they wait (files stay adoptable)."""
        self._owed.append(job)
        self.settle()

    def owes(self) -> bool:
        """Whether index writes wait; may be asked from any thread."""
        return bool(self._owed)

    def settle(self) -> None:
        """Try the index writes still owed."""
        while self._owed:
            try:
                self._owed[0]()
            except sqlite.OperationalError as error:
                if self._index_state == "ok":
                    _log.error("index_write_failed", camera=self.camera, error=type(error).__name__)
                self._index_state = "disk_full" if "full" in str(error) else "disk_error"
                break
            self._owed.pop(0)
            self._index_state = "ok"
        self._report_state()

    def _report_state(self) -> None:
        state = self._file_state if self._file_state != "ok" else self._index_state
        if state != self._state:
            self._state = state
            self._on_change(self.camera, state)


def make_folders(root: Path, folder: Path) -> None:
    """Create what is missing below `root` and sync each parent that got a new entry."""
    missing = [p for p in (folder, *folder.parents) if p.is_relative_to(root) and not p.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        if path != root:
            sync_folder(path.parent)
