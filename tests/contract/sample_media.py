"""A hand-made fragmented file in the layout of docs/design/proof.md: tiny, byte by byte, no writer of ours."""

import hashlib
import struct

FRAME, RATE, FPS = 20, 8000, 25
CHAIN = b"jianzheng.chain\x01"


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind: bytes, flags: int, *parts: bytes, version: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def track(number: int, handler: bytes, scale: int, codec: bytes) -> bytes:
    tkhd = full(b"tkhd", 3, struct.pack(">IIIII", 0, 0, number, 0, 0), bytes(60))
    mdhd = full(b"mdhd", 0, struct.pack(">IIIIHH", 0, 0, scale, 0, 0x55C4, 0))
    hdlr = full(b"hdlr", 0, struct.pack(">4s4s12x", bytes(4), handler), b"\0")
    stsd = full(b"stsd", 0, struct.pack(">I", 1), box(codec, bytes(28)))
    return box(b"trak", tkhd, box(b"mdia", mdhd, hdlr, box(b"minf", box(b"stbl", stsd))))


def header(*, audio: bool = True, brand: bytes = b"qt  ") -> bytes:
    traks = [track(1, b"vide", 90_000, b"avc1")] + ([track(2, b"soun", RATE, b"alaw")] if audio else [])
    trex = [full(b"trex", 0, struct.pack(">IIIII", n, 1, 0, 0, 0)) for n in (1, 2)]
    moov = box(b"moov", full(b"mvhd", 0, bytes(96)), *traks, box(b"mvex", *trex))
    return box(b"ftyp", brand, struct.pack(">I", 512), brand) + moov


def fragment(
    sequence: int, first_us: int, previous: bytes, *, frames: int = 10, start: int = 0, audio: bool = True,
    lost: int = 0, frame_ticks: int = 3600, scene: int = 0,
) -> bytes:  # fmt: skip
    """`uuid moof mdat`: `frames` pictures and as much G.711; `start` counts frames since the file's first."""
    rows = b"".join(struct.pack(">II", frame_ticks, FRAME) for _ in range(frames))
    trafs = [
        full(b"tfhd", 0x020020, struct.pack(">II", 1, 0))
        + full(b"tfdt", 0, struct.pack(">Q", start * 3600), version=1)
        + full(b"trun", 0x305, struct.pack(">III", frames, 0, 0), rows)
    ]
    samples = frames * RATE // FPS if audio else 0
    if audio:
        trafs.append(
            full(b"tfhd", 0x020038, struct.pack(">IIII", 2, 1, 1, 0))
            + full(b"tfdt", 0, struct.pack(">Q", start * RATE // FPS), version=1)
            + full(b"trun", 0x1, struct.pack(">II", samples, 0))
        )
    moof = box(b"moof", full(b"mfhd", 0, struct.pack(">I", sequence)), *(box(b"traf", t) for t in trafs))
    uuid = struct.pack(
        ">I4s16sIIQQ32s", 80, b"uuid", CHAIN, lost, sequence, first_us + 400_000, first_us, previous
    )
    picture = bytes((scene + sequence + n) % 251 for n in range(frames * FRAME))
    return uuid + moof + box(b"mdat", picture + b"\xd5" * samples)


def recording(
    start_us: int,
    fragments: int,
    *,
    before: bytes = bytes(32),
    audio: bool = True,
    closed: bool = True,
    scene: int = 0,
) -> tuple[bytes, bytes, bytes]:
    """(file, first previous digest, last digest); fragments of 0.4 s."""
    head = header(audio=audio)
    first = previous = hashlib.sha256(before + head).digest()
    parts = [head]
    for n in range(fragments):
        part = fragment(n + 1, start_us + n * 400_000, previous, start=n * 10, audio=audio, scene=scene)
        previous = hashlib.sha256(part).digest()
        parts.append(part)
    if closed:
        parts.append(box(b"mfra", full(b"mfro", 0, struct.pack(">I", 24))))
    return b"".join(parts), first, previous
