"""Session descriptions of cameras: which tracks we can record (RFC 4566, 6184 §8, 3640 §4)."""

import base64
import binascii
import re
from dataclasses import dataclass, replace
from urllib.parse import urlsplit, urlunsplit


class SdpError(Exception):
    """The camera offers nothing that can be recorded."""


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """H.264 at 90 kHz; parameter sets may still be unknown (empty)."""

    control: str
    payload_type: int
    clock: int = 90_000
    sps: bytes = b""
    pps: bytes = b""


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """`codec` is `alaw`, `ulaw` or `aac`; `config` is the AudioSpecificConfig of AAC."""

    control: str
    payload_type: int
    codec: str
    clock: int
    channels: int = 1
    config: bytes = b""
    size_bits: int = 13
    index_bits: int = 3


@dataclass(frozen=True, slots=True)
class Session:
    """The first usable video track and the first usable sound track."""

    video: VideoTrack
    audio: AudioTrack | None


@dataclass(frozen=True, slots=True)
class _Media:
    kind: str
    payload_type: int
    attributes: tuple[tuple[str, str], ...]

    def value(self, name: str) -> str:
        return next((v for n, v in self.attributes if n == name), "")

    def encoding(self) -> tuple[str, int, int]:
        """(name in lower case, clock, channels) from rtpmap or the static table."""
        for name, value in self.attributes:
            if name == "rtpmap" and (
                found := re.match(rf"{self.payload_type}\s+([^/\s]+)/(\d+)(?:/(\d+))?", value)
            ):
                return found[1].lower(), int(found[2]), int(found[3] or 1)
        return {0: ("pcmu", 8000, 1), 8: ("pcma", 8000, 1)}.get(self.payload_type, ("", 0, 1))

    def format(self) -> dict[str, str]:
        """Parameters of this payload type's fmtp line, names in lower case."""
        for name, value in self.attributes:
            if name == "fmtp" and value.startswith(f"{self.payload_type} "):
                parts = value.partition(" ")[2].split(";")
                return {k.strip().lower(): v.strip() for k, _, v in (p.partition("=") for p in parts)}
        return {}


def parse(text: str, base: str) -> Session:
    """Tracks with absolute control URLs. Raises SdpError when there is no H.264 picture."""
    media = _media(text)
    video = next((t for m in media if (t := _video(m, base))), None)
    if video is None:
        raise SdpError("no H.264 track")
    return Session(video, next((a for m in media if (a := _audio(m, base))), None))


def _media(text: str) -> list[_Media]:
    found: list[_Media] = []
    for line in text.splitlines():
        if line.startswith("m="):
            words = line[2:].split()
            if len(words) >= 4 and words[3].isdigit():
                found.append(_Media(words[0], int(words[3]), ()))
        elif line.startswith("a=") and found:
            name, _, value = line[2:].strip().partition(":")
            found[-1] = replace(found[-1], attributes=(*found[-1].attributes, (name, value)))
    return found


def _video(media: _Media, base: str) -> VideoTrack | None:
    if media.kind != "video" or media.encoding()[0] != "h264":
        return None
    sets = [_unbase64(part) for part in media.format().get("sprop-parameter-sets", "").split(",")]
    sps = next((s for s in sets if s and s[0] & 31 == 7), b"")
    pps = next((s for s in sets if s and s[0] & 31 == 8), b"")
    return VideoTrack(join_url(base, media.value("control")), media.payload_type, 90_000, sps, pps)


def _audio(media: _Media, base: str) -> AudioTrack | None:
    name, clock, channels = media.encoding()
    if media.kind != "audio":
        return None
    control = join_url(base, media.value("control"))
    if name in {"pcma", "pcmu"}:
        return AudioTrack(control, media.payload_type, "alaw" if name == "pcma" else "ulaw", clock, channels)
    given = media.format()
    if name != "mpeg4-generic" or given.get("mode", "").lower() != "aac-hbr":
        return None
    try:
        config = bytes.fromhex(given.get("config", ""))
        bits = int(given.get("sizelength", "13")), int(given.get("indexlength", "3"))
    except ValueError:
        return None
    return AudioTrack(control, media.payload_type, "aac", clock, channels, config, *bits) if config else None


def _unbase64(text: str) -> bytes:
    """Bytes of a parameter set without an Annex-B start code; empty when it is not base64 (retina #42)."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return b""
    return data[4:] if data[:4] == b"\0\0\0\1" else data


def join_url(base: str, control: str) -> str:
    """The URL of SETUP: absolute controls as they are, `*` is the base, others below the base."""
    if control.startswith("rtsp://"):
        return control
    if control in {"", "*"}:
        return base
    parts = urlsplit(base)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + "/" + control, query=parts.query))
