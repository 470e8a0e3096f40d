"""Parsers of untrusted input: what is right comes out, what is wrong is counted and never raised."""

import base64
import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recording.h264 import Depacketiser, SpsError, parse_sps
from recording.rtp import Demultiplexer, parse_packet, parse_sender_report
from recording.rtsp import authorise, choose_challenge, parse_reply
from recording.sdp import AudioTrack, SdpError, join_url, parse
from recording.sound import depacketise, loudness
from recording.timeline import Drift, Timeline, unwrap

AAC = AudioTrack("", 97, "aac", 16000, 1, b"\x14\x08")
SPS_360P = bytes.fromhex("6764001eacd940a02ff970110000030001000003001e0f162d96")


def rtp(payload: bytes, sequence: int = 1, stamp: int = 0, marker: bool = True, first: int = 0x80) -> bytes:
    return struct.pack(">BBHII", first, (0x80 if marker else 0) | 96, sequence, stamp, 7) + payload


def feed(depacketiser: Depacketiser, *packets: bytes):
    found = []
    for packet in packets:
        parsed = parse_packet(memoryview(packet))
        assert parsed is not None
        found += depacketiser.feed(parsed)
    return found


@given(st.binary(max_size=200))
def test_any_datagram_is_survived(data: bytes) -> None:
    packet = parse_packet(memoryview(data))
    parse_sender_report(memoryview(data))
    if packet is not None:
        Depacketiser(b"", b"").feed(packet)
        depacketise(packet, AAC)


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=12))
def test_any_payloads_make_well_formed_units(payloads: list[bytes]) -> None:
    depacketiser = Depacketiser(b"", b"")
    packets = [rtp(p, n, n // 3 * 3000, n % 3 == 2) for n, p in enumerate(payloads)]
    for unit in feed(depacketiser, *packets):
        at = 0
        while at < len(unit.data):
            at += 4 + int.from_bytes(unit.data[at : at + 4], "big")
        assert at == len(unit.data)


@given(st.lists(st.binary(min_size=0, max_size=40), max_size=10), st.integers(1, 30), st.binary(max_size=20))
def test_frames_come_out_whole_however_the_stream_is_cut(bodies: list[bytes], step: int, text: bytes) -> None:
    frames, texts = [], []
    demultiplexer = Demultiplexer(lambda c, d: frames.append((c, bytes(d))), texts.append)
    demultiplexer.channels = {0, 1}
    wire = b"".join(struct.pack(">BBH", 0x24, n % 2, len(b) + 1) + b"\x80" + b for n, b in enumerate(bodies))
    wire += b"RTSP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text
    for at in range(0, len(wire), step):
        demultiplexer.feed(wire[at : at + step])
    assert frames == [(n % 2, b"\x80" + b) for n, b in enumerate(bodies)]
    assert len(texts) == 1
    assert demultiplexer.skipped == 0


@given(st.binary(max_size=300), st.integers(1, 50))
def test_garbage_between_frames_is_skipped(data: bytes, step: int) -> None:
    demultiplexer = Demultiplexer(lambda c, d: None, lambda t: None)
    demultiplexer.channels = {0}
    for at in range(0, len(data), step):
        demultiplexer.feed(data[at : at + step])


def test_single_aggregate_and_fragmented_units() -> None:
    depacketiser = Depacketiser(b"", b"")
    sets = b"\x78" + b"".join(len(n).to_bytes(2, "big") + n for n in (SPS_360P, b"\x68\xee\x3c"))
    parts = [b"\x7c\x85AB", b"\x7c\x05CD", b"\x7c\x45EF"]
    found = feed(
        depacketiser,
        rtp(sets, 1, 0, marker=True),
        *[rtp(p, 2 + i, 0, marker=i == 2) for i, p in enumerate(parts)],
        rtp(b"\x41next", 5, 6000),
    )
    assert [(u.timestamp, u.key) for u in found] == [(0, True), (6000, False)]
    assert found[0].data == b"\0\0\0\x07\x65ABCDEF"
    assert (depacketiser.sps, depacketiser.pps) == (SPS_360P, b"\x68\xee\x3c")


def test_a_lost_fragment_drops_its_unit_and_is_counted() -> None:
    depacketiser = Depacketiser(b"", b"")
    found = feed(depacketiser, rtp(b"\x7c\x85AB", 1), rtp(b"\x7c\x45EF", 4), rtp(b"\x41x", 5, 6000))
    assert [u.data[4:] for u in found] == [b"\x41x"]
    assert depacketiser.take_lost() == 2
    assert depacketiser.damaged == 1


def test_a_late_packet_is_no_loss() -> None:
    depacketiser = Depacketiser(b"", b"")
    feed(depacketiser, rtp(b"\x41a", 65535), rtp(b"\x41b", 0, 6000), rtp(b"\x41a", 65535))
    assert depacketiser.take_lost() == 0


@given(st.binary(max_size=40))
def test_any_sps_is_read_or_refused(data: bytes) -> None:
    try:
        sps = parse_sps(b"\x67" + data)
    except SpsError:
        return
    assert 0 < sps.width <= 0xFFFF


def test_picture_size_after_cropping() -> None:
    sps = parse_sps(SPS_360P)
    assert (sps.width, sps.height, sps.profile, sps.chroma) == (640, 360, 100, 1)


def test_aac_frames() -> None:
    payload = struct.pack(">HHH", 32, 3 << 3, 2 << 3) + b"abcde"
    packet = parse_packet(memoryview(rtp(payload, stamp=1024)))
    assert packet is not None
    chunk = depacketise(packet, AAC)
    assert chunk is not None
    assert (chunk.sizes, chunk.data, chunk.duration) == ((3, 2), b"abcde", 2048)
    assert loudness(chunk, "aac") is None


def test_padding_and_extension_are_taken_off() -> None:
    body = rtp(b"\0\0\0\x01ABCDpayload\0\0\3", first=0xB0)
    packet = parse_packet(memoryview(body))
    assert packet is not None
    assert bytes(packet.payload) == b"payload"


def test_sender_report_names_wall_time() -> None:
    data = struct.pack(">BBHIIIIII", 0x80, 200, 6, 9, 2_208_988_800 + 100, 1 << 31, 4500, 0, 0)
    report = parse_sender_report(memoryview(data))
    assert report is not None
    assert (report.wall_us, report.timestamp) == (100_500_000, 4500)
    assert parse_sender_report(memoryview(struct.pack(">BBHIIIIII", 0x80, 200, 6, 9, 0, 0, 1, 0, 0))) is None


@given(st.integers(0, 1 << 40), st.integers(-(1 << 30), 1 << 30))
def test_timestamps_unwrap_to_the_nearest(near: int, step: int) -> None:
    assert unwrap((near + step) & 0xFFFFFFFF, near) == near + step


def test_a_foreign_camera_clock_is_not_believed() -> None:
    line = Timeline(90_000, 8000)
    now = 1_800_000_000_000_000
    early = now - 86_400_000_000
    for track, stamp in ((line.video, 900_000), (line.audio, 4000)):
        assert track is not None
        line.report(track, type("R", (), {"timestamp": stamp, "wall_us": early})(), now)
    ticks = line.arrived(line.video, 900_000, now)
    assert line.try_fix(now)
    assert line.video.wall_us(ticks) == now
    assert line.audio is not None
    assert line.audio.wall_us(4000) == now


def test_slew_keeps_the_border_and_takes_back_the_error() -> None:
    line = Timeline(90_000, 8000)
    line.arrived(line.video, 0, 1_000_000)
    line.try_fix(3_000_000)
    before = line.video.wall_us(900_000)
    line.slew(900_000, 30_000, 60_000_000)
    assert line.video.wall_us(900_000) == before
    assert line.video.wall_us(900_000 + 60 * 90_000) - before == 60_030_000


def test_drift_is_seen_through_jitter() -> None:
    drift = Drift()
    for second in range(100):
        drift.note(50_000 + second * 100 + second % 7 * 9000, second * 1_000_000)
    assert 4000 < drift.error_us() < 10_000


SDP = (
    "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 sprop-parameter-sets={},aO48\r\n"
    "a=control:trackID=0\r\nm=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\n"
)


def test_description_of_a_camera() -> None:
    session = parse(SDP.format(base64.b64encode(SPS_360P).decode()), "rtsp://h/x")
    assert session.video.sps == SPS_360P
    assert session.video.control == "rtsp://h/x/trackID=0"
    assert session.audio is not None
    assert (session.audio.codec, session.audio.clock) == ("alaw", 8000)


@given(st.text(max_size=300))
def test_any_description_is_read_or_refused(text: str) -> None:
    for body in (text, SDP.format(text), "m=video 0 RTP/AVP 96\r\na=" + text):
        with contextlib.suppress(SdpError):
            parse(body, "rtsp://h/x")


@given(st.text(max_size=200))
@settings(max_examples=50)
def test_any_reply_is_read_or_refused(text: str) -> None:
    parse_reply(text)
    choose_challenge((text,))
    authorise("Digest " + text, "PLAY", "rtsp://h", "u", "p")


def test_digest_answers_as_the_rfc_example() -> None:
    challenge = 'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"'
    answer = authorise(challenge, "GET", "/dir/index.html", "Mufasa", "Circle Of Life")
    assert 'response="670fd8c2df070c60b045671b8b24ff02"' in answer
    assert choose_challenge(("Basic realm=x", challenge)) == challenge


@pytest.mark.parametrize(
    ("control", "url"), [("*", "rtsp://h/a?x=1"), ("t1", "rtsp://h/a/t1?x=1"), ("rtsp://o/b", "rtsp://o/b")]
)
def test_control_urls(control: str, url: str) -> None:
    assert join_url("rtsp://h/a?x=1", control) == url
