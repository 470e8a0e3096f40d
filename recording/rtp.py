"""RTP and RTCP headers, and frames of RTP interleaved in an RTSP connection (RFC 3550 §5.1, §6.4.1; RFC 2326 §10.12).

Input is untrusted: what is malformed is counted or skipped, never raised to the caller.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

_NTP_1970 = 2_208_988_800
_HEADER = struct.Struct(">BBHII")
_MAX_TEXT = 16_384


@dataclass(frozen=True, slots=True)
class Packet:
    """One RTP packet; `payload` has no padding and no header extension."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: memoryview


@dataclass(frozen=True, slots=True)
class SenderReport:
    """The camera's wall time (us since 1970) of an RTP timestamp."""

    ssrc: int
    wall_us: int
    timestamp: int


def parse_packet(data: memoryview) -> Packet | None:
    """The packet, or None when it is not well-formed RTP."""
    if len(data) < 12 or data[0] >> 6 != 2:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    start = 12 + 4 * (first & 15)
    if first & 0x10:
        if len(data) < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = len(data) - (data[-1] if first & 0x20 else 0)
    if start > end:
        return None
    return Packet(second & 127, bool(second & 128), sequence, timestamp, ssrc, data[start:end])


def parse_sender_report(data: memoryview) -> SenderReport | None:
    """The first sender report of a compound RTCP packet; None without one or without a wall clock."""
    while len(data) >= 4 and data[0] >> 6 == 2:
        size = 4 + 4 * int.from_bytes(data[2:4], "big")
        if data[1] == 200 and len(data) >= 28:
            ssrc, seconds, part, timestamp = struct.unpack_from(">IIII", data, 4)
            if seconds <= _NTP_1970:
                return None
            wall_us = (seconds - _NTP_1970) * 1_000_000 + (part * 1_000_000 >> 32)
            return SenderReport(ssrc, wall_us, timestamp)
        data = data[size:]
    return None


class Demultiplexer:
    """Splits the bytes of an RTSP connection into interleaved frames and RTSP text.

    `channels` are those the server named in its Transport replies. Between frames, anything that is neither a
    known channel nor RTSP text is skipped byte by byte to the next plausible frame and counted in `skipped`.
    """

    def __init__(self, on_frame: Callable[[int, memoryview], None], on_text: Callable[[str], None]) -> None:
        self.channels: set[int] = set()
        self.skipped = 0
        self._on_frame, self._on_text = on_frame, on_text
        self._tail = b""

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the stream."""
        view = memoryview(self._tail + data if self._tail else data)
        at = 0
        while at < len(view):
            used = self._frame(view, at) if view[at] == 0x24 else self._text(view, at)
            if used == 0:
                break
            at += used
        self._tail = bytes(view[at:])

    def _frame(self, view: memoryview, at: int) -> int:
        """Bytes used by the frame at `at`; 0 when it is not complete."""
        if len(view) - at < 5:
            return 0
        size = int.from_bytes(view[at + 2 : at + 4], "big")
        if view[at + 1] not in self.channels or (size and view[at + 4] >> 6 != 2):
            return self._skip(view, at)
        if len(view) - at < 4 + size:
            return 0
        self._on_frame(view[at + 1], view[at + 4 : at + 4 + size])
        return 4 + size

    def _text(self, view: memoryview, at: int) -> int:
        head = bytes(view[at : at + 5])
        if head != b"RTSP/"[: len(head)]:
            return self._skip(view, at)
        text = bytes(view[at : at + _MAX_TEXT])
        end = text.find(b"\r\n\r\n")
        if end < 0:
            return self._skip(view, at) if len(text) == _MAX_TEXT else 0
        size = end + 4 + content_length(text[:end])
        if len(view) - at < size:
            return 0
        self._on_text(bytes(view[at : at + size]).decode("utf-8", "replace"))
        return size

    def _skip(self, view: memoryview, at: int) -> int:
        rest = bytes(view[at + 1 :])
        found = [i for i in (rest.find(b"$"), rest.find(b"RTSP/")) if i >= 0]
        used = 1 + (min(found) if found else len(rest))
        self.skipped += used
        return used


def content_length(head: bytes) -> int:
    """The Content-Length of an RTSP message head, 0 when absent or not a sane number."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return min(int(value.strip()), _MAX_TEXT)
    return 0
