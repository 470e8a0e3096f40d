"""After a crash: files without a row are cut to their last whole fragment, checked and adopted (keeps I-10).

A file without a single whole fragment proves nothing; it is moved to `.unusable/` beside the cameras, never removed.
"""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import structlog

from contract.durable_file import sync_folder
from contract.media import FRAGMENT_BOX_SIZE, Scan, scan
from recording.fmp4 import index_box
from recording.index import Index, SegmentRow

_log = structlog.get_logger()
UNUSABLE = ".unusable"


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(kind, offset, end) of the boxes in a range that the contract's reader has found whole."""
    while start + 8 <= end:
        size = max(8, int.from_bytes(data[start : start + 4], "big"))
        yield data[start + 4 : start + 8], start, start + size
        start += size


def _keyframe(data: bytes, moof: int) -> int | None:
    """Ticks of the first picture of a fragment when it is a keyframe."""
    end = moof + int.from_bytes(data[moof : moof + 4], "big")
    for kind, at, stop in _boxes(data, moof + 8, end):
        parts = {k: a + 8 for k, a, _ in _boxes(data, at + 8, stop)} if kind == b"traf" else {}
        if parts and data[parts[b"tfhd"] + 4 : parts[b"tfhd"] + 8] == b"\0\0\0\1":
            decode, run = parts[b"tfdt"], parts[b"trun"]
            return int.from_bytes(data[decode + 4 : decode + 12], "big") if data[run + 12] == 2 else None
    return None


def _keys(data: bytes, found: Scan) -> list[tuple[int, int]]:
    """(ticks, offset of the moof) of every fragment that starts with a keyframe."""
    offsets = [f.offset + FRAGMENT_BOX_SIZE for f in found.fragments]
    return [(ticks, at) for at in offsets if (ticks := _keyframe(data, at)) is not None]


class Recovery:
    """Runs once at start, before any camera is connected."""

    def __init__(self, root: Path, index: Index) -> None:
        self._root, self._index = root, index

    def run(self) -> list[SegmentRow]:
        """Adopt every file without a row, in order of time; answers the adopted rows."""
        adopted = []
        for camera in sorted(p for p in self._root.iterdir() if p.is_dir() and not p.name.startswith(".")):
            for path in sorted([*camera.glob("*/*/*.mp4"), *camera.glob("*/*/*.mov")], key=lambda p: p.name):
                file = str(path.relative_to(self._root))
                if not self._index.has_file(file) and (row := self._adopt(path, file, camera.name)):
                    adopted.append(row)
        return adopted

    def _adopt(self, path: Path, file: str, camera: str) -> SegmentRow | None:
        with path.open("rb") as handle:
            found = scan(handle)
        if not found.fragments:
            self._set_aside(path)
            return None
        if not found.closed and not found.faults:
            self._cut(path, found)
        with path.open("rb") as handle:
            os.fsync(handle.fileno())
        sync_folder(path.parent)
        row = _row(path, file, camera, found)
        covered = self._index.covered_us(camera)
        if covered is not None and covered < row.start_us:
            self._index.add_gap(camera, covered, row.start_us, "both", "recorder_crashed", row.start_us)
        self._index.add_segment(row, None if covered is None else max(covered, row.end_us))
        faults = [fault.key for fault in found.faults]
        _log.info("segment_adopted", camera=camera, file=file, fragments=row.fragments, faults=faults)
        return row

    def _cut(self, path: Path, found: Scan) -> None:
        """Cut the incomplete tail off and close the file with its index box."""
        last = found.fragments[-1]
        with path.open("r+b") as handle:
            keys = _keys(handle.read(), found)
            handle.truncate(last.offset + last.size)
            handle.seek(last.offset + last.size)
            handle.write(index_box(keys))

    def _set_aside(self, path: Path) -> None:
        place = self._root / UNUSABLE
        place.mkdir(exist_ok=True)
        path.rename(place / f"{path.parts[-4]}-{path.name}")
        sync_folder(place)
        sync_folder(path.parent)
        _log.warning("file_unusable", file=path.name)


def _row(path: Path, file: str, camera: str, found: Scan) -> SegmentRow:
    """The row of a file as its bytes say."""
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    return SegmentRow(
        camera, file, found.start_us or 0, found.end_us or 0, path.stat().st_size, digest, found.chain_first or "",
        found.chain_last or "", len(found.fragments), found.video_samples, found.audio_samples, found.lost,
        found.container or "",
    )  # fmt: skip


_ROUNDED = ("start_us", "end_us")


def verify_file(path: Path, row: SegmentRow) -> list[str]:
    """What does not hold between a row and its file; empty when all does."""
    if not path.exists():
        return ["file_missing"]
    with path.open("rb") as handle:
        found = scan(handle)
    held = _row(path, row.file, row.camera, found)
    wrong = [n for n in SegmentRow.__slots__ if n not in _ROUNDED and getattr(held, n) != getattr(row, n)]
    wrong += [n for n in _ROUNDED if abs(getattr(held, n) - getattr(row, n)) > _ROUNDING_US]
    return wrong + [fault.key for fault in found.faults] + (["truncated"] if found.truncated else [])


_ROUNDING_US = 100_000
"""The file counts in ticks of the camera's clock, the row in wall time: a slewed minute differs by up to 60 ms."""
