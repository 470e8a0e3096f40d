"""Reader of our fragmented MP4/MOV: boxes, the uuid chain, times and sample counts. Standard library only.

A file is `ftyp moov` and then fragments `uuid moof mdat`; at a clean close an `mfra` follows. The uuid box
carries the digest of the fragment before it, so the chain is inside the file, survives kill -9 and needs no
sidecar. Reading goes forward only (a file inside a zip is as good), is bounded in memory, and ends in a
`Scan` for every input: what is wrong with the bytes is a `Fault` in it, never an exception.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from contract.boxes import (
    BadBox,
    Run,
    Track,
    parse_moof,
    parse_moov,
)

CHAIN_UUID = b"jianzheng.chain\x01"
"""User type of the fragment box."""

FRAGMENT_BOX = struct.Struct(">I4s16sIIQQ32s")
"""size=80, 'uuid', CHAIN_UUID, lost packets since the fragment before, sequence 1.., wall time of writing (us
since 1970), wall time of the first video sample (us since 1970; of the first audio sample when there is no
video), digest of the fragment before. digest_n = SHA256(uuid_n, moof_n, mdat_n), whole boxes with their
headers; the first fragment's previous digest is SHA256(digest of the camera's file before, ftyp, moov), 32
zero bytes standing for the digest when the camera has no file before."""

FRAGMENT_BOX_SIZE = FRAGMENT_BOX.size
NO_DIGEST = bytes(32)

MAX_HEADER = 1 << 20
"""Largest ftyp, moov or moof that is read; ours are a few kB."""
MAX_FRAGMENTS = 1 << 20
_CHUNK = 1 << 18


class Source(Protocol):
    """What is read from: any binary file."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, empty at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong at a byte: `key` is `media.…`; `at_us` the wall time of the fragment before, if any."""

    offset: int
    key: str
    detail: str
    at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Fragment:
    """One `uuid moof mdat`; offset and size cover all three. Instants are microseconds since 1970."""

    offset: int
    size: int
    lost: int
    sequence: int
    write_us: int
    first_video_us: int
    previous: bytes
    digest: bytes
    video: Run
    audio: Run

    @property
    def end_us(self) -> int:
        """Where its pictures end (its sound, when it has no picture)."""
        run = self.video if self.video.samples else self.audio
        return self.first_video_us + run.duration_us


@dataclass(frozen=True, slots=True)
class Scan:
    """A file read to its end. `truncated` counts bytes after the last whole fragment."""

    container: str | None = None
    tracks: tuple[Track, ...] = ()
    header: bytes = b""
    """ftyp and moov as they stand."""
    fragments: tuple[Fragment, ...] = ()
    truncated: int = 0
    closed: bool = False
    """True when an mfra ends the file."""
    faults: tuple[Fault, ...] = ()

    @property
    def start_us(self) -> int | None:
        """Wall time of the first picture."""
        return self.fragments[0].first_video_us if self.fragments else None

    @property
    def end_us(self) -> int | None:
        """Wall time at which the last picture's duration ends."""
        return self.fragments[-1].end_us if self.fragments else None

    @property
    def chain_first(self) -> str | None:
        """Hex of the first fragment's previous digest."""
        return self.fragments[0].previous.hex() if self.fragments else None

    @property
    def chain_last(self) -> str | None:
        """Hex of the last fragment's digest."""
        return self.fragments[-1].digest.hex() if self.fragments else None

    @property
    def video_samples(self) -> int:
        """Pictures in the file."""
        return sum(f.video.samples for f in self.fragments)

    @property
    def audio_samples(self) -> int:
        """Sound samples in the file (frames, for AAC)."""
        return sum(f.audio.samples for f in self.fragments)

    @property
    def lost(self) -> int:
        """Packets the recorder knew to be lost."""
        return sum(f.lost for f in self.fragments)

    def follows(self, digest: bytes) -> bool:
        """True when this file's chain starts from `digest`, the last digest of the camera's file before."""
        return bool(self.fragments) and self.fragments[0].previous == chain_start(digest, self.header)


def chain_start(digest: bytes, header: bytes) -> bytes:
    """Previous digest of a file's first fragment: SHA-256 over the earlier file's digest, ftyp and moov."""
    return hashlib.sha256(digest + header).digest()


def scan(source: Source) -> Scan:
    """Read one of our files from its first byte. No bytes make it raise; an OSError of the source passes."""
    reader = _Reader(source)
    try:
        reader.header()
        for _ in range(MAX_FRAGMENTS):
            if not reader.fragment():
                break
    except _Truncated:
        pass
    except BadBox as error:
        reader.fault(error.key, error.detail)
    reader.drain()
    return reader.result()


def fragments(source: Source) -> Iterator[Fragment]:
    """The whole fragments of a file, in order."""
    yield from scan(source).fragments


class _Truncated(Exception):
    """The bytes end inside a box."""


@dataclass
class _Reader:
    source: Source
    offset: int = 0
    whole: int = 0
    """Offset up to which everything was whole."""
    container: str | None = None
    tracks: tuple[Track, ...] = ()
    head: bytes = b""
    closed: bool = False
    found: list[Fragment] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def result(self) -> Scan:
        return Scan(self.container, self.tracks, self.head, tuple(self.found),
                    self.offset - self.whole, self.closed, tuple(self.faults))  # fmt: skip

    def fault(self, key: str, detail: str) -> None:
        at = self.found[-1].end_us if self.found else None
        self.faults.append(Fault(self.whole, key, detail, at))

    def header(self) -> None:
        ftyp = self._box(b"ftyp")
        brand = ftyp[8:12]
        self.container = "mov" if brand == b"qt  " else "mp4"
        moov = self._box(b"moov")
        self.tracks = parse_moov(moov[8:])
        self.head = ftyp + moov
        self.whole = self.offset

    def fragment(self) -> bool:
        """Read the next fragment; False at the end of the file."""
        first = self._read(8, may_end=True)
        if not first:
            return False
        size, kind = struct.unpack(">I4s", first)
        if kind == b"mfra":
            self._close(size)
            return False
        if kind != b"uuid" or size != FRAGMENT_BOX_SIZE:
            raise BadBox("media.not_a_fragment", f"box {kind!r} of {size} bytes")
        uuid = first + self._read(FRAGMENT_BOX_SIZE - 8)
        moof = self._box(b"moof")
        video, audio, total = parse_moof(moof[8:], self.tracks)
        digest = hashlib.sha256(uuid + moof)
        payload = self._mdat(digest)
        self._keep(uuid, digest.digest(), video, audio)
        if payload != total:
            self.fault("media.sizes", f"samples of {total} bytes, mdat of {payload}")
        self.whole = self.offset
        return True

    def _keep(self, uuid: bytes, digest: bytes, video: Run, audio: Run) -> None:
        _, _, usertype, lost, sequence, write_us, first_us, previous = FRAGMENT_BOX.unpack(uuid)
        if usertype != CHAIN_UUID:
            raise BadBox("media.not_a_fragment", "foreign uuid box")
        if self.found and previous != self.found[-1].digest:
            self.fault("media.chain", f"fragment {sequence} does not continue the chain")
        if self.found and sequence != self.found[-1].sequence + 1:
            self.fault("media.sequence", f"fragment {sequence} after {self.found[-1].sequence}")
        self.found.append(
            Fragment(self.whole, self.offset - self.whole, lost, sequence, write_us, first_us, previous,
                     digest, video, audio)
        )  # fmt: skip

    def _close(self, size: int) -> None:
        if not 16 <= size <= MAX_HEADER:
            raise BadBox("media.size", f"mfra of {size} bytes")
        self._read(size - 8)
        self.whole, self.closed = self.offset, True
        if self._read(1, may_end=True):
            raise BadBox("media.after_end", "bytes after the mfra")

    def _box(self, kind: bytes) -> bytes:
        first = self._read(8)
        size, found = struct.unpack(">I4s", first)
        if found != kind:
            raise BadBox("media.box", f"{found!r} where {kind!r} must stand")
        if not 8 <= size <= MAX_HEADER:
            raise BadBox("media.size", f"{kind!r} of {size} bytes")
        return first + self._read(size - 8)

    def _mdat(self, digest: "hashlib._Hash") -> int:
        first = self._read(8)
        size, kind = struct.unpack(">I4s", first)
        if kind != b"mdat" or size < 8:
            raise BadBox("media.box", f"{kind!r} of {size} bytes where mdat must stand")
        digest.update(first)
        left = size - 8
        while left:
            part = self._read(min(left, _CHUNK))
            digest.update(part)
            left -= len(part)
        return int(size - 8)

    def _read(self, size: int, *, may_end: bool = False) -> bytes:
        """Exactly `size` bytes; empty at a clean end when `may_end`; else _Truncated."""
        parts, left = [], size
        while left and (part := self.source.read(left)):
            parts.append(part)
            left -= len(part)
        data = b"".join(parts)
        self.offset += len(data)
        if left and not (may_end and not data):
            raise _Truncated
        return data

    def drain(self) -> None:
        """Count what follows the last usable byte."""
        while part := self.source.read(_CHUNK):
            self.offset += len(part)
