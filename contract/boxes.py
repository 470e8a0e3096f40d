"""The ISO base media boxes that the reader needs: moov (tracks) and moof (runs). Standard library only.

Sources: ISO/IEC 14496-12 sections 8.4 to 8.8; 8.16 for the layout of fragments. Everything is bounded by the
bytes given; anything else is a BadBox.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

_HEAD = struct.Struct(">I4s")
_MAX_BOXES = 4096
Medium = Literal["video", "audio"]
_HANDLERS: dict[bytes, Medium] = {b"vide": "video", b"soun": "audio"}


class BadBox(ValueError):
    """The bytes are not our media layout; `key` is a `media.…` message key."""

    def __init__(self, key: str, detail: str) -> None:
        super().__init__(f"{key}: {detail}")
        self.key, self.detail = key, detail


@dataclass(frozen=True, slots=True)
class Track:
    """One track of the moov, with the defaults of its trex."""

    id: int
    medium: Medium
    timescale: int
    codec: str
    default_duration: int = 0
    default_size: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """Samples of one medium in one fragment. Microseconds, rounded down; `start_us` counts in the file."""

    samples: int = 0
    start_us: int = 0
    duration_us: int = 0
    longest_us: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Sums:
    samples: int = 0
    ticks: int = 0
    longest: int = 0
    size: int = 0


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, payload) of the boxes in `data`, which they must fill."""
    at = 0
    for _ in range(_MAX_BOXES):
        if at == len(data):
            return
        if at + 8 > len(data):
            raise BadBox("media.box", "box header cut short")
        size, kind = _HEAD.unpack_from(data, at)
        if not 8 <= size <= len(data) - at:
            raise BadBox("media.size", f"{kind!r} of {size} bytes")
        yield kind, data[at + 8 : at + size]
        at += size
    raise BadBox("media.box", "too many boxes")


def parse_moov(data: bytes) -> tuple[Track, ...]:
    """Video and audio tracks of a moov payload; at least one, ids distinct."""
    tracks: dict[int, Track] = {}
    defaults: dict[int, tuple[int, int]] = {}
    for kind, payload in boxes(data):
        if kind == b"trak":
            track = _trak(payload)
            if track is None:
                continue
            if track.id in tracks:
                raise BadBox("media.tracks", f"track {track.id} twice")
            tracks[track.id] = track
        elif kind == b"mvex":
            defaults.update(_trex(p) for k, p in boxes(payload) if k == b"trex")
    if not tracks:
        raise BadBox("media.tracks", "no video and no audio track")
    return tuple(
        replace(t, default_duration=defaults.get(t.id, (0, 0))[0], default_size=defaults.get(t.id, (0, 0))[1])
        for t in tracks.values()
    )


def parse_moof(data: bytes, tracks: tuple[Track, ...]) -> tuple[Run, Run, int]:
    """(video run, audio run, bytes of all samples) of a moof payload."""
    by_id = {track.id: track for track in tracks}
    runs: dict[str, Run] = {}
    total = 0
    for kind, payload in boxes(data):
        if kind != b"traf":
            continue
        track, run = _traf(payload, by_id)
        if track.medium in runs:
            raise BadBox("media.tracks", f"two {track.medium} runs in a fragment")
        runs[track.medium] = run
        total += run.bytes
    return runs.get("video", Run()), runs.get("audio", Run()), total


def _take(layout: str, data: bytes, at: int = 0) -> tuple[int, ...]:
    try:
        return struct.unpack_from(layout, data, at)
    except struct.error as error:
        raise BadBox("media.box", "field cut short") from error


def _find(data: bytes, *path: bytes) -> bytes | None:
    for step in path:
        found = next((payload for kind, payload in boxes(data) if kind == step), None)
        if found is None:
            return None
        data = found
    return data


def _need(data: bytes, *path: bytes) -> bytes:
    found = _find(data, *path)
    if found is None:
        raise BadBox("media.box", f"no {b'/'.join(path).decode('latin-1')}")
    return found


def _trak(data: bytes) -> Track | None:
    """None for a track that is neither sound nor picture."""
    medium = _HANDLERS.get(_need(data, b"mdia", b"hdlr")[8:12])
    if medium is None:
        return None
    tkhd, mdhd = _need(data, b"tkhd"), _need(data, b"mdia", b"mdhd")
    (track_id,) = _take(">I", tkhd, 20 if tkhd[:1] == b"\x01" else 12)
    (timescale,) = _take(">I", mdhd, 20 if mdhd[:1] == b"\x01" else 12)
    if not timescale:
        raise BadBox("media.tracks", "timescale 0")
    stsd = _need(data, b"mdia", b"minf", b"stbl", b"stsd")
    _take(">8x8x", stsd)
    return Track(track_id, medium, timescale, stsd[12:16].decode("latin-1"))


def _trex(data: bytes) -> tuple[int, tuple[int, int]]:
    _, track, _, duration, size, _ = _take(">IIIIII", data)
    return track, (duration, size)


def _traf(data: bytes, tracks: dict[int, Track]) -> tuple[Track, Run]:
    track, duration, size = _tfhd(_need(data, b"tfhd"), tracks)
    sums = _Sums()
    start = 0
    for kind, payload in boxes(data):
        if kind == b"tfdt":
            (start,) = _take(">4xQ" if payload[:1] == b"\x01" else ">4xI", payload)
        elif kind == b"trun":
            sums = _trun(payload, duration, size, sums)
    ticks = (start, sums.ticks, sums.longest)
    start_us, duration_us, longest_us = (value * 1_000_000 // track.timescale for value in ticks)
    run = Run(sums.samples, start_us, duration_us, longest_us, sums.size)
    return track, run


def _tfhd(data: bytes, tracks: dict[int, Track]) -> tuple[Track, int, int]:
    flags, track_id = _take(">II", data)
    track = tracks.get(track_id)
    if track is None:
        raise BadBox("media.tracks", f"fragment of unknown track {track_id}")
    at = 8 + (8 if flags & 0x1 else 0) + (4 if flags & 0x2 else 0)
    duration, size = track.default_duration, track.default_size
    if flags & 0x8:
        (duration,) = _take(">I", data, at)
        at += 4
    if flags & 0x10:
        (size,) = _take(">I", data, at)
    return track, duration, size


def _trun(data: bytes, duration: int, size: int, sums: _Sums) -> _Sums:
    flags, count = _take(">II", data)
    at = 8 + (4 if flags & 0x1 else 0) + (4 if flags & 0x4 else 0)
    columns = [flag for flag in (0x100, 0x200, 0x400, 0x800) if flags & flag]
    width = 4 * len(columns)
    if at + count * width > len(data):
        raise BadBox("media.box", f"trun of {count} samples cut short")
    durations = _column(data, at, count, width, columns, 0x100)
    sizes = _column(data, at, count, width, columns, 0x200)
    ticks = count * duration if durations is None else sum(durations)
    longest = (duration if count else 0) if durations is None else max(durations, default=0)
    return _Sums(
        sums.samples + count, sums.ticks + ticks, max(sums.longest, longest),
        sums.size + (count * size if sizes is None else sum(sizes)),
    )  # fmt: skip


def _column(
    data: bytes, at: int, count: int, width: int, columns: list[int], flag: int
) -> tuple[int, ...] | None:
    """One column of a trun's table, or None when samples use the default."""
    if flag not in columns:
        return None
    per = width // 4
    return struct.unpack_from(f">{count * per}I", data, at)[columns.index(flag) :: per]
