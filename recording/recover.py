"""After a crash: files without a row are cut to their last whole fragment, checked and adopted (keeps I-10).

A file without a single whole fragment proves nothing; it is moved to `.unusable/` beside the cameras, never removed.
"""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from contract.media import CHAIN_UUID, FRAGMENT_BOX, FRAGMENT_BOX_SIZE
from recording.fmp4 import VIDEO_CLOCK, index_box
from recording.index import Index, SegmentRow
from recording.writer import sync_folder

_log = structlog.get_logger()
UNUSABLE = ".unusable"


@dataclass(slots=True)
class Scan:
    """What a file holds up to its last whole fragment whose chain is unbroken."""

    header: bytes
    good: int
    chain_first: str
    chain_last: str
    start_us: int
    end_us: int
    fragments: int
    video_samples: int
    audio_samples: int
    lost: int
    keys: list[tuple[int, int]]
    fault: str
    """Why the scan ended before the end of the file; empty when only an index box follows."""


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """(kind, offset, size) of the whole boxes in a range; stops at the first that is not whole."""
    stop = len(data) if end is None else end
    while start + 8 <= stop:
        size = int.from_bytes(data[start : start + 4], "big")
        if size < 8 or start + size > stop:
            return
        yield data[start + 4 : start + 8], start, size
        start += size


def scan(data: bytes) -> Scan | None:
    """Read a file; None without a header and one whole fragment."""
    found = list(boxes(data))
    if len(found) < 2 or [k for k, _, _ in found[:2]] != [b"ftyp", b"moov"]:
        return None
    top = found[1][1] + found[1][2]
    result: Scan | None = None
    rest = found[2:]
    previous, at, fault = None, top, ""
    for index in range(0, len(rest) - 2, 3):
        if [k for k, _, _ in rest[index : index + 3]] != [b"uuid", b"moof", b"mdat"]:
            break
        end = rest[index + 2][1] + rest[index + 2][2]
        fields = FRAGMENT_BOX.unpack_from(data, at) if rest[index][2] == FRAGMENT_BOX_SIZE else None
        if fields is None or fields[2] != CHAIN_UUID or (previous is not None and fields[7] != previous):
            fault = "chain_broken"
            break
        previous = hashlib.sha256(data[at:end]).digest()
        result = result or Scan(data[:top], top, fields[7].hex(), "", fields[6], 0, 0, 0, 0, 0, [], "")
        _take_fragment(result, data, rest[index + 1], fields)
        result.good, result.chain_last, at = end, previous.hex(), end
    if result is not None:
        tail = [k for k, _, _ in boxes(data, result.good)]
        clean = result.good == len(data) or tail == [b"mfra"]
        result.fault = fault or ("" if clean else "tail_incomplete")
    return result


def _take_fragment(result: Scan, data: bytes, moof: tuple[bytes, int, int], fields: tuple[int, ...]) -> None:
    result.fragments += 1
    result.lost += fields[3]
    for kind, at, size in boxes(data, moof[1] + 8, moof[1] + moof[2]):
        if kind == b"traf":
            _take_traf(result, data, at + 8, at + size, moof[1], fields[6])


def _take_traf(result: Scan, data: bytes, start: int, end: int, moof_at: int, first_us: int) -> None:
    parts = {kind: at + 8 for kind, at, _ in boxes(data, start, end)}
    track = int.from_bytes(data[parts[b"tfhd"] + 4 : parts[b"tfhd"] + 8], "big")
    run = parts[b"trun"]
    count = int.from_bytes(data[run + 4 : run + 8], "big")
    if track != 1:
        result.audio_samples += count
        return
    result.video_samples += count
    ticks = sum(int.from_bytes(data[run + 16 + 8 * i : run + 20 + 8 * i], "big") for i in range(count))
    result.end_us = first_us + ticks * 1_000_000 // VIDEO_CLOCK
    decode = parts[b"tfdt"]
    if data[run + 12] == 2:
        result.keys.append((int.from_bytes(data[decode + 4 : decode + 12], "big"), moof_at))


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
        data = path.read_bytes()
        found = scan(data)
        if found is None or not found.end_us:
            self._set_aside(path)
            return None
        if found.fault == "tail_incomplete":
            self._cut(path, found)
            data = path.read_bytes()
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
        sync_folder(path.parent)
        row = SegmentRow(
            camera, file, found.start_us, found.end_us, len(data), hashlib.sha256(data).hexdigest(),
            found.chain_first, found.chain_last, found.fragments, found.video_samples, found.audio_samples,
            found.lost, path.suffix[1:],
        )  # fmt: skip
        covered = self._index.covered_us(camera)
        if covered is not None and covered < found.start_us:
            self._index.add_gap(camera, covered, found.start_us, "both", "recorder_crashed", found.start_us)
        self._index.add_segment(row, None if covered is None else max(covered, found.end_us))
        _log.info("segment_adopted", camera=camera, file=file, fragments=found.fragments, fault=found.fault)
        return row

    def _cut(self, path: Path, found: Scan) -> None:
        """Cut the incomplete tail off and close the file with its index box."""
        with path.open("r+b") as handle:
            handle.truncate(found.good)
            handle.seek(found.good)
            handle.write(index_box(found.keys))

    def _set_aside(self, path: Path) -> None:
        place = self._root / UNUSABLE
        place.mkdir(exist_ok=True)
        path.rename(place / f"{path.parts[-4]}-{path.name}")
        sync_folder(place)
        sync_folder(path.parent)
        _log.warning("file_unusable", file=path.name)


def verify_file(path: Path, row: SegmentRow) -> list[str]:
    """What does not hold between a row and its file; empty when all does."""
    if not path.exists():
        return ["file_missing"]
    data = path.read_bytes()
    found = scan(data)
    if found is None:
        return ["not_readable"]
    held = {
        "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "chain_first": found.chain_first,
        "chain_last": found.chain_last, "fragments": found.fragments, "start_us": found.start_us,
    }  # fmt: skip
    wrong = [name for name, value in held.items() if value != getattr(row, name)]
    return wrong + ([found.fault] if found.fault else [])
