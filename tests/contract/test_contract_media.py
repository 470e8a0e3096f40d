"""The media reader: whole files, cut tails, broken chains, and garbage that must never crash it."""

import io
import struct
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_media import box, fragment, full, header, recording, track

from contract.media import (
    CHAIN_UUID,
    FRAGMENT_BOX,
    FRAGMENT_BOX_SIZE,
    NO_DIGEST,
    Scan,
    chain_start,
    fragments,
    scan,
)

pytestmark = pytest.mark.fast
START = 1_795_136_400_000_000
WHOLE, FIRST, LAST = recording(START, 5)


def read(data: bytes) -> Scan:
    return scan(io.BytesIO(data))


def keys(data: bytes) -> list[str]:
    return [fault.key for fault in read(data).faults]


def test_the_fragment_box_has_80_bytes() -> None:
    assert FRAGMENT_BOX_SIZE == 80
    assert len(CHAIN_UUID) == 16


def test_a_whole_file_is_read_to_its_end() -> None:
    media = read(WHOLE)
    assert (media.container, media.closed, media.truncated, media.faults) == ("mov", True, 0, ())
    assert [(t.medium, t.timescale, t.codec) for t in media.tracks] == [
        ("video", 90_000, "avc1"), ("audio", 8000, "alaw")]  # fmt: skip
    assert (media.start_us, media.end_us) == (START, START + 2_000_000)
    assert (media.video_samples, media.audio_samples, media.lost) == (50, 16_000, 0)
    assert (media.chain_first, media.chain_last) == (FIRST.hex(), LAST.hex())
    assert media.follows(NO_DIGEST)
    assert not media.follows(LAST)
    assert chain_start(NO_DIGEST, header()) == FIRST


def test_each_fragment_tells_place_time_and_samples() -> None:
    found = list(fragments(io.BytesIO(WHOLE)))
    assert [f.sequence for f in found] == [1, 2, 3, 4, 5]
    assert found[0].offset == len(header())
    assert all(a.offset + a.size == b.offset for a, b in pairwise(found))
    second = found[1]
    assert (second.first_video_us, second.end_us) == (START + 400_000, START + 800_000)
    assert (second.video.samples, second.video.duration_us, second.video.longest_us) == (10, 400_000, 40_000)
    assert (second.audio.samples, second.audio.start_us, second.audio.duration_us) == (3200, 400_000, 400_000)
    assert second.write_us == START + 800_000


def test_a_silent_file_has_no_audio_and_mp4_is_told_by_its_brand() -> None:
    media = read(recording(START, 2, audio=False)[0])
    assert (media.audio_samples, media.video_samples) == (0, 20)
    assert read(header(brand=b"iso6")).container == "mp4"


def test_a_fragment_of_sound_alone_ends_with_its_sound() -> None:
    part = fragment(1, START, bytes(32), frames=10)
    media = read(header() + part)
    only = replace(media.fragments[0], video=replace(media.fragments[0].video, samples=0, duration_us=0))
    assert only.end_us == START + 400_000


def test_every_cut_of_the_tail_keeps_the_fragments_before_it() -> None:
    whole = read(WHOLE)
    for end in range(len(header()), len(WHOLE) - 24, 97):
        cut = read(WHOLE[:end])
        want = [f for f in whole.fragments if f.offset + f.size <= end]
        assert list(cut.fragments) == want
        assert cut.truncated == end - (want[-1].offset + want[-1].size if want else len(header()))
        assert (cut.faults, cut.closed) == ((), False)


def test_one_changed_byte_of_a_picture_breaks_the_chain_at_the_next_fragment() -> None:
    third = read(WHOLE).fragments[2]
    data = bytearray(WHOLE)
    data[third.offset + third.size - 1] ^= 1
    (fault,) = read(bytes(data)).faults
    assert (fault.key, fault.offset) == ("media.chain", third.offset + third.size)
    assert fault.at_us == third.end_us


def test_a_removed_fragment_breaks_chain_and_sequence() -> None:
    third = read(WHOLE).fragments[2]
    assert keys(WHOLE[: third.offset] + WHOLE[third.offset + third.size :]) == [
        "media.chain",
        "media.sequence",
    ]


def _with_uuid(**changes: object) -> bytes:
    """A file whose first fragment has another uuid box."""
    part = fragment(1, START, bytes(32))
    names = ("size", "kind", "usertype", "lost", "sequence", "write", "first", "previous")
    values = dict(zip(names, FRAGMENT_BOX.unpack(part[:80]), strict=True))
    return header() + FRAGMENT_BOX.pack(*{**values, **changes}.values()) + part[80:]


def _traf(*parts: bytes) -> bytes:
    moof = box(b"moof", *(box(b"traf", part) for part in parts))
    return header() + fragment(1, START, bytes(32))[:80] + moof + box(b"mdat")


TFHD = full(b"tfhd", 0x020000, struct.pack(">I", 1))


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (box(b"moov"), "media.box"),
        (struct.pack(">I4s", 4, b"ftyp") + bytes(8), "media.size"),
        (struct.pack(">I4s", 1 << 30, b"ftyp") + bytes(8), "media.size"),
        (header()[:20] + box(b"free"), "media.box"),
        (box(b"ftyp", bytes(8)) + box(b"moov"), "media.tracks"),
        (box(b"ftyp", bytes(8)) + box(b"moov", *[track(1, b"vide", 9, b"avc1")] * 2), "media.tracks"),
        (box(b"ftyp", bytes(8)) + box(b"moov", track(1, b"vide", 0, b"avc1")), "media.tracks"),
        (box(b"ftyp", bytes(8)) + box(b"moov", box(b"trak")), "media.box"),
        (box(b"ftyp", bytes(8)) + box(b"moov", bytes(3)), "media.box"),
        (box(b"ftyp", bytes(8)) + box(b"moov", box(b"free") * 5000), "media.box"),
        (header() + box(b"free", bytes(80)), "media.not_a_fragment"),
        (_with_uuid(usertype=bytes(16)), "media.not_a_fragment"),
        (_with_uuid(kind=b"free"), "media.not_a_fragment"),
        (_traf(TFHD, TFHD), "media.tracks"),
        (_traf(full(b"tfhd", 0, struct.pack(">I", 9))), "media.tracks"),
        (_traf(full(b"tfhd", 0x8, struct.pack(">I", 1))), "media.box"),
        (_traf(TFHD + full(b"trun", 0x100, struct.pack(">I", 1 << 31))), "media.box"),
        (header() + fragment(1, START, bytes(32))[:-2] + b"", None),
        (WHOLE + b"x", "media.after_end"),
        (header() + struct.pack(">I4s", 9, b"mfra") + b"x", "media.size"),
        (header() + fragment(1, START, bytes(32))[:80] + box(b"moof") + box(b"free"), "media.box"),
        (header() + fragment(1, START, bytes(32))[:80] + box(b"moof") + box(b"mdat", b"more"), "media.sizes"),
    ],
)
def test_each_kind_of_damage_has_its_name(data: bytes, key: str | None) -> None:
    assert keys(data) == ([] if key is None else [key])


def test_defaults_of_trex_and_tfhd_and_several_truns_add_up() -> None:
    tfhd = full(b"tfhd", 0x01B, struct.pack(">IQIII", 1, 0, 1, 900, 7))
    trun = full(b"trun", 0x0, struct.pack(">I", 3))
    table = full(b"trun", 0x500, struct.pack(">I", 2) + struct.pack(">IIII", 100, 0, 5000, 0))
    run = read(_traf(tfhd + full(b"tfdt", 0, struct.pack(">I", 90)) + trun + table)).fragments[0].video
    assert (run.samples, run.bytes, run.start_us) == (5, 35, 1000)
    assert run.duration_us == (3 * 900 + 5100) * 1_000_000 // 90_000
    assert run.longest_us == 5000 * 1_000_000 // 90_000


class _Trickle:
    """Gives one byte a call."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int, /) -> bytes:
        return self._file.read(min(size, 1))


def test_a_source_that_gives_little_at_a_time_is_read_the_same() -> None:
    assert scan(_Trickle(WHOLE)) == read(WHOLE)


@given(st.binary(max_size=300))
def test_garbage_never_crashes(data: bytes) -> None:
    assert read(data).fragments == ()


@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_one_changed_byte_anywhere_never_crashes(place: int, flip: int) -> None:
    data = bytearray(WHOLE)
    data[place] ^= flip
    read(bytes(data))


@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=40))
@settings(max_examples=200)
def test_bytes_put_in_never_crash(place: int, more: bytes) -> None:
    read(WHOLE[:place] + more + WHOLE[place:])
