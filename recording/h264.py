"""H.264 over RTP into access units (RFC 6184: single NAL, STAP-A, FU-A), and the few SPS fields we write.

An access unit is the picture slices that share one timestamp; parameter sets and delimiters are taken out of it,
so a camera that stamps them wrongly or marks them as a frame's end does no harm. Input is untrusted.
"""

from dataclasses import dataclass

from recording.rtp import Packet

_FU_A, _STAP_A, _IDR, _SEI, _SPS, _PPS, _AUD = 28, 24, 5, 6, 7, 8, 9
_MAX_UNIT = 8 << 20
_HIGH = {100, 110, 122, 244, 44, 83, 86, 118, 128}


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One picture: `data` is length-prefixed NAL units; `timestamp` as on the wire."""

    timestamp: int
    data: bytes
    key: bool


class Depacketiser:
    """Feeds on RTP packets of one video track; `sps`/`pps` are the sets last seen."""

    def __init__(self, sps: bytes, pps: bytes) -> None:
        self.sps, self.pps = sps, pps
        self.lost = 0
        self.damaged = 0
        self._next: int | None = None
        self._unit = bytearray()
        self._stamp = 0
        self._key = self._slices = False
        self._open: bytearray | None = None

    def feed(self, packet: Packet) -> list[AccessUnit]:
        """Access units that this packet completes (by marker or by a new timestamp)."""
        done: list[AccessUnit] = []
        if not self._in_sequence(packet.sequence):
            return done
        if self._slices and packet.timestamp != self._stamp and _has_slice(packet.payload):
            done += self._finish()
        self._take(packet)
        if packet.marker:
            done += self._finish()
        return done

    def take_lost(self) -> int:
        """Packets lost since the last call."""
        lost, self.lost = self.lost, 0
        return lost

    def _in_sequence(self, sequence: int) -> bool:
        """Count what is missing; False for a late or repeated packet."""
        if self._next is not None:
            step = sequence - self._next & 0xFFFF
            if step >= 0x8000:
                return False
            if step:
                self.lost += step
                self._drop_open()
        self._next = sequence + 1 & 0xFFFF
        return True

    def _drop_open(self) -> None:
        if self._open is not None:
            self._open = None
            self.damaged += 1

    def _take(self, packet: Packet) -> None:
        payload = packet.payload
        if not len(payload):
            return
        kind = payload[0] & 31
        if kind == _FU_A:
            self._fragment(payload, packet.timestamp)
        elif kind == _STAP_A:
            self._aggregate(payload, packet.timestamp)
        elif 1 <= kind <= 23:
            self._add(bytes(payload), packet.timestamp)
        else:
            self.damaged += 1

    def _aggregate(self, payload: memoryview, stamp: int) -> None:
        at = 1
        while at + 2 <= len(payload):
            size = int.from_bytes(payload[at : at + 2], "big")
            if size == 0 or at + 2 + size > len(payload):
                self.damaged += 1
                return
            self._add(bytes(payload[at + 2 : at + 2 + size]), stamp)
            at += 2 + size

    def _fragment(self, payload: memoryview, stamp: int) -> None:
        if len(payload) < 3:
            self.damaged += 1
            return
        if payload[1] & 0x80:
            self._drop_open()
            self._open = bytearray((payload[0] & 0xE0 | payload[1] & 31,))
        if self._open is None:
            return
        self._open += payload[2:]
        if payload[1] & 0x40 or len(self._open) > _MAX_UNIT:
            nal, self._open = bytes(self._open), None
            self._add(nal, stamp)

    def _add(self, nal: bytes, stamp: int) -> None:
        kind = nal[0] & 31
        if kind == _SPS and len(nal) > 4:
            self.sps = nal
        elif kind == _PPS and len(nal) > 1:
            self.pps = nal
        elif kind in {1, 2, 3, 4, _IDR, _SEI} and len(self._unit) + len(nal) <= _MAX_UNIT:
            self._unit += len(nal).to_bytes(4, "big") + nal
            self._stamp = stamp
            self._slices |= kind != _SEI
            self._key |= kind == _IDR

    def _finish(self) -> list[AccessUnit]:
        if not self._slices:
            return []
        unit = AccessUnit(self._stamp, bytes(self._unit), self._key)
        self._unit.clear()
        self._slices = self._key = False
        return [unit]


def _has_slice(payload: memoryview) -> bool:
    """Whether the packet begins or continues a picture slice (sets and SEI alone do not)."""
    if len(payload) < 2:
        return False
    kind = payload[0] & 31
    if kind == _FU_A:
        kind = payload[1] & 31
    elif kind == _STAP_A and len(payload) > 3:
        kind = payload[3] & 31
    return 1 <= kind <= _IDR


class SpsError(Exception):
    """The sequence parameter set cannot be read."""


@dataclass(frozen=True, slots=True)
class Sps:
    """Picture size in pixels after cropping, and the tail fields of avcC."""

    width: int
    height: int
    profile: int
    compatibility: int
    level: int
    chroma: int
    depth_luma: int
    depth_chroma: int

    @property
    def high(self) -> bool:
        """Whether avcC carries chroma and depths."""
        return self.profile in _HIGH


class _Bits:
    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), len(data) * 8

    def take(self, count: int) -> int:
        if count > self._left:
            raise SpsError("SPS too short")
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def ue(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise SpsError("bad Exp-Golomb code")
        return (1 << zeros) - 1 + self.take(zeros)

    def se(self) -> int:
        code = self.ue()
        return (code + 1) // 2 if code & 1 else -(code // 2)


def parse_sps(nal: bytes) -> Sps:
    """Read a sequence parameter set NAL unit (H.264 §7.3.2.1.1). Raises SpsError."""
    if len(nal) < 5 or nal[0] & 31 != _SPS:
        raise SpsError("not an SPS")
    bits = _Bits(nal[4:].replace(b"\0\0\3", b"\0\0"))
    profile, compatibility, level = nal[1], nal[2], nal[3]
    bits.ue()
    chroma, luma, colour, separate = _chroma_fields(bits) if profile in _HIGH else (1, 8, 8, 0)
    _picture_order(bits)
    bits.ue()
    bits.take(1)
    width = (bits.ue() + 1) * 16
    rows = bits.ue() + 1
    frames_only = bits.take(1)
    height = rows * 16 * (2 - frames_only)
    if not frames_only:
        bits.take(1)
    bits.take(1)
    if bits.take(1):
        left, right, top, bottom = (bits.ue() for _ in range(4))
        step_x = 2 if chroma in {1, 2} and not separate else 1
        step_y = (2 if chroma == 1 and not separate else 1) * (2 - frames_only)
        width, height = width - (left + right) * step_x, height - (top + bottom) * step_y
    if not (0 < width <= 0xFFFF and 0 < height <= 0xFFFF):
        raise SpsError("impossible size")
    return Sps(width, height, profile, compatibility, level, chroma, luma, colour)


def _chroma_fields(bits: _Bits) -> tuple[int, int, int, int]:
    chroma = bits.ue()
    separate = bits.take(1) if chroma == 3 else 0
    luma, colour = bits.ue() + 8, bits.ue() + 8
    bits.take(1)
    if bits.take(1):
        for index in range(8 if chroma != 3 else 12):
            if bits.take(1):
                _scaling_list(bits, 16 if index < 6 else 64)
    if chroma > 3 or luma > 14 or colour > 14:
        raise SpsError("impossible chroma or depth")
    return chroma, luma, colour, separate


def _scaling_list(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _picture_order(bits: _Bits) -> None:
    bits.ue()
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.take(1)
        bits.se()
        bits.se()
        count = bits.ue()
        if count > 255:
            raise SpsError("impossible picture order cycle")
        for _ in range(count):
            bits.se()
