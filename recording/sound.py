"""Sound over RTP into chunks: G.711 (RFC 3551 §4.5.14) and AAC-hbr (RFC 3640 §3.3.6). Input is untrusted."""

from dataclasses import dataclass

from recording.rtp import Packet
from recording.sdp import AudioTrack

_AAC_FRAME = 1024


@dataclass(frozen=True, slots=True)
class SoundChunk:
    """Consecutive sound: `sizes` holds the bytes of each AAC frame and is empty for G.711 (one byte a sample)."""

    timestamp: int
    data: bytes
    sizes: tuple[int, ...]
    duration: int
    """In samples, which are ticks of the track's clock."""


def depacketise(packet: Packet, track: AudioTrack) -> SoundChunk | None:
    """The sound of a packet; None when it holds none or is malformed (fragmented AAC frames are not taken)."""
    if track.codec != "aac":
        data = bytes(packet.payload)
        return SoundChunk(packet.timestamp, data, (), len(data) // track.channels) if data else None
    return _aac(packet, track)


def _aac(packet: Packet, track: AudioTrack) -> SoundChunk | None:
    payload = packet.payload
    width = track.size_bits + track.index_bits
    if width != 16 or len(payload) < 4:
        return None
    count = int.from_bytes(payload[:2], "big") // width
    at = 2 + 2 * count
    sizes = tuple(int.from_bytes(payload[i : i + 2], "big") >> track.index_bits for i in range(2, at, 2))
    if not sizes or len(payload) < at or 0 in sizes or at + sum(sizes) != len(payload):
        return None
    return SoundChunk(packet.timestamp, bytes(payload[at:]), sizes, _AAC_FRAME * count)


def _alaw_level(code: int) -> int:
    """Loudness 0..100 of one A-law byte: its segment and step, which are already logarithmic."""
    return ((code ^ 0x55) & 0x7F) * 100 // 127


def _ulaw_level(code: int) -> int:
    return (~code & 0x7F) * 100 // 127


_LEVELS = {
    "alaw": bytes(_alaw_level(code) for code in range(256)),
    "ulaw": bytes(_ulaw_level(code) for code in range(256)),
}


def loudness(chunk: SoundChunk, codec: str) -> int | None:
    """Peak loudness 0..100 of a G.711 chunk; None for AAC, which is not decoded."""
    table = _LEVELS.get(codec)
    return max(chunk.data.translate(table)) if table else None
