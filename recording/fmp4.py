"""Boxes of our fragmented MP4/MOV (ISO/IEC 14496-12, 14496-15; layout measured in `docs/design/segments.md`).

`header` is written once a file, `fragment_parts` for each fragment, `index_box` at a clean close. Times inside a
file start at `HEADROOM_MS` before the first keyframe, so late sound from before the keyframe is kept without negative
times. In MOV an edit list hides the head room; beside AAC there is none, because ffmpeg would take it for encoder delay
and throw as much sound away at the start of every file.
"""

import struct
from dataclasses import dataclass

from contract.media import CHAIN_UUID, FRAGMENT_BOX, FRAGMENT_BOX_SIZE
from recording.h264 import Sps
from recording.sdp import AudioTrack

VIDEO_CLOCK = 90_000
HEADROOM_MS = 200
_VIDEO, _AUDIO = 1, 2
_SYNC, _NOT_SYNC = 0x02000000, 0x01010000
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


@dataclass(frozen=True, slots=True)
class MediaForm:
    """What a file's header says: it changes only with a new file."""

    sps: bytes
    pps: bytes
    picture: Sps
    audio: AudioTrack | None

    @property
    def container(self) -> str:
        """`mov` for G.711 sound, else `mp4`."""
        return "mov" if self.audio is not None and self.audio.codec != "aac" else "mp4"


@dataclass(frozen=True, slots=True)
class Fragment:
    """Samples of one fragment; ticks count from the file's start, head room included."""

    video: bytes
    video_samples: tuple[tuple[int, int], ...]
    """(duration in ticks of 90 kHz, bytes) of each picture."""
    video_start: int
    key: bool
    audio: bytes
    audio_sizes: tuple[int, ...]
    """Bytes of each AAC frame; empty for G.711."""
    audio_samples: int
    audio_start: int
    lost: int
    first_video_us: int
    end_us: int


def box(kind: bytes, *parts: bytes) -> bytes:
    """A box with its 32-bit size."""
    size = 8 + sum(len(p) for p in parts)
    return struct.pack(">I4s", size, kind) + b"".join(parts)


def full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    """A box with version and flags."""
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def header(form: MediaForm) -> bytes:
    """`ftyp` and `moov`."""
    brand = b"qt  " if form.container == "mov" else b"iso6"
    ftyp = box(b"ftyp", brand, struct.pack(">I", 512), brand, *([] if brand == b"qt  " else [b"mp41"]))
    mvhd = (
        struct.pack(">IIIIIH10x", 0, 0, 1000, 0, 0x10000, 0x100) + _MATRIX + bytes(24) + struct.pack(">I", 3)
    )
    tracks = [_video_trak(form)]
    extends = [full(b"trex", 0, 0, struct.pack(">IIIII", _VIDEO, 1, 0, 0, _NOT_SYNC))]
    if form.audio is not None:
        tracks.append(_audio_trak(form.audio))
        extends.append(full(b"trex", 0, 0, struct.pack(">IIIII", _AUDIO, 1, 0, 0, _SYNC)))
    return ftyp + box(b"moov", full(b"mvhd", 0, 0, mvhd), *tracks, box(b"mvex", *extends))


def _trak(
    track: int,
    clock: int,
    size: tuple[int, int],
    handler: bytes,
    media_head: bytes,
    entry: bytes,
    edit: bytes,
) -> bytes:
    volume = 0x100 if handler == b"soun" else 0
    tkhd = struct.pack(">IIIII8xHHHH", 0, 0, track, 0, 0, 0, 0, volume, 0)
    tkhd += _MATRIX + struct.pack(">II", size[0] << 16, size[1] << 16)
    mdhd = struct.pack(">IIIIHH", 0, 0, clock, 0, 0x55C4, 0)
    hdlr = struct.pack(">4s4s12x", bytes(4), handler) + b"jianzheng\0"
    dinf = box(b"dinf", full(b"dref", 0, 0, struct.pack(">I", 1), full(b"url ", 0, 1)))
    empty = [full(k, 0, 0, bytes(4)) for k in (b"stts", b"stsc")]
    empty += [full(b"stsz", 0, 0, bytes(8)), full(b"stco", 0, 0, bytes(4))]
    stbl = box(b"stbl", full(b"stsd", 0, 0, struct.pack(">I", 1), entry), *empty)
    media = box(
        b"mdia", full(b"mdhd", 0, 0, mdhd), full(b"hdlr", 0, 0, hdlr), box(b"minf", media_head, dinf, stbl)
    )
    return box(b"trak", full(b"tkhd", 0, 3, tkhd), edit, media)


def _edit(audio: AudioTrack | None, clock: int) -> bytes:
    if audio is not None and audio.codec == "aac":
        return b""
    entry = struct.pack(">IQqHH", 1, 0, clock * HEADROOM_MS // 1000, 1, 0)
    return box(b"edts", full(b"elst", 1, 0, entry))


def _video_trak(form: MediaForm) -> bytes:
    sps, size = form.picture, (form.picture.width, form.picture.height)
    avcc = (
        struct.pack(">BBBBBBH", 1, sps.profile, sps.compatibility, sps.level, 0xFF, 0xE1, len(form.sps))
        + form.sps
    )
    avcc += struct.pack(">BH", 1, len(form.pps)) + form.pps
    if sps.high:
        tail = (0xFC | sps.chroma, 0xF8 | sps.depth_luma - 8, 0xF8 | sps.depth_chroma - 8, 0)
        avcc += struct.pack(">BBBB", *tail)
    entry = struct.pack(">6xH16xHHIIIH32xHh", 1, *size, 0x480000, 0x480000, 0, 1, 24, -1)
    head = full(b"vmhd", 0, 1, bytes(8))
    edit = _edit(form.audio, VIDEO_CLOCK)
    return _trak(_VIDEO, VIDEO_CLOCK, size, b"vide", head, box(b"avc1", entry, box(b"avcC", avcc)), edit)


def _audio_trak(audio: AudioTrack) -> bytes:
    kind = {"alaw": b"alaw", "ulaw": b"ulaw", "aac": b"mp4a"}[audio.codec]
    entry = struct.pack(">6xH8xHHHHI", 1, audio.channels, 16, 0, 0, audio.clock << 16 & 0xFFFFFFFF)
    extra = [_esds(audio.config)] if audio.codec == "aac" else []
    head = full(b"smhd", 0, 0, bytes(4))
    return _trak(
        _AUDIO, audio.clock, (0, 0), b"soun", head, box(kind, entry, *extra), _edit(audio, audio.clock)
    )


def _descriptor(tag: int, body: bytes) -> bytes:
    return struct.pack(">BB", tag, len(body)) + body


def _esds(config: bytes) -> bytes:
    decoder = struct.pack(">BBBHII", 0x40, 0x15, 0, 0, 0, 0) + _descriptor(5, config[:64])
    body = struct.pack(">HB", 1, 0) + _descriptor(4, decoder) + _descriptor(6, b"\x02")
    return full(b"esds", 0, 0, _descriptor(3, body))


def fragment_parts(
    fragment: Fragment, audio: AudioTrack | None, sequence: int, write_us: int, previous: bytes
) -> list[bytes]:
    """Bytes of one fragment in file order: uuid box, moof, mdat header, video, audio."""
    lengths = (len(fragment.video), len(fragment.audio))
    mfhd = full(b"mfhd", 0, 0, struct.pack(">I", sequence))
    size = 8 + len(mfhd) + sum(len(t) for t in _trafs(fragment, audio, 0))
    trafs = _trafs(fragment, audio, size + 8)
    uuid = FRAGMENT_BOX.pack(
        FRAGMENT_BOX_SIZE,
        b"uuid",
        CHAIN_UUID,
        fragment.lost,
        sequence,
        write_us,
        fragment.first_video_us,
        previous,
    )
    mdat = struct.pack(">I4s", 8 + sum(lengths), b"mdat")
    return [uuid, box(b"moof", mfhd, *trafs), mdat, fragment.video, fragment.audio]


def _trafs(fragment: Fragment, audio: AudioTrack | None, data_at: int) -> list[bytes]:
    """The track fragments that have samples; `data_at` is where the video begins, counted from the moof."""
    found = [_video_traf(fragment, data_at)] if fragment.video_samples else []
    if audio is not None and fragment.audio:
        found.append(_audio_traf(fragment, audio, data_at + len(fragment.video)))
    return found


def _video_traf(fragment: Fragment, offset: int) -> bytes:
    samples = fragment.video_samples
    flags = _SYNC if fragment.key else _NOT_SYNC
    table = struct.pack(f">{2 * len(samples)}I", *(value for sample in samples for value in sample))
    trun = full(b"trun", 0, 0x305, struct.pack(">III", len(samples), offset, flags), table)
    tfhd = full(b"tfhd", 0, 0x020020, struct.pack(">II", _VIDEO, _NOT_SYNC))
    return box(b"traf", tfhd, full(b"tfdt", 1, 0, struct.pack(">Q", fragment.video_start)), trun)


def _audio_traf(fragment: Fragment, audio: AudioTrack, offset: int) -> bytes:
    sizes = fragment.audio_sizes
    duration, size = (1024, 0) if audio.codec == "aac" else (1, audio.channels)
    tfhd = full(b"tfhd", 0, 0x020038, struct.pack(">IIII", _AUDIO, duration, size, _SYNC))
    tfdt = full(b"tfdt", 1, 0, struct.pack(">Q", fragment.audio_start))
    if audio.codec == "aac":
        table = struct.pack(f">{len(sizes)}I", *sizes)
        trun = full(b"trun", 0, 0x201, struct.pack(">II", len(sizes), offset), table)
    else:
        trun = full(b"trun", 0, 0x1, struct.pack(">II", fragment.audio_samples, offset))
    return box(b"traf", tfhd, tfdt, trun)


def index_box(keyframes: list[tuple[int, int]]) -> bytes:
    """`mfra`: (ticks, offset of the moof) of each fragment that starts with a keyframe."""
    rows = b"".join(struct.pack(">QQBBB", ticks, offset, 1, 1, 1) for ticks, offset in keyframes)
    tfra = full(b"tfra", 1, 0, struct.pack(">III", _VIDEO, 0, len(keyframes)), rows)
    size = 8 + len(tfra) + 16
    return box(b"mfra", tfra, full(b"mfro", 0, 0, struct.pack(">I", size)))
