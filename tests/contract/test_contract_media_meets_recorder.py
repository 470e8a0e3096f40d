"""The reader of the contract on bytes of the recorder's own writer: two hands, one layout."""

import hashlib
import io

import pytest

from contract.media import NO_DIGEST, chain_start, scan
from recording.fmp4 import Fragment, MediaForm, fragment_parts, header, index_box
from recording.h264 import Sps
from recording.sdp import AudioTrack

pytestmark = pytest.mark.fast
START = 1_795_136_400_000_000
SPS = Sps(320, 240, 66, 0xC0, 30, 1, 8, 8)
ALAW = AudioTrack("a", 8, "alaw", 8000)
AAC = AudioTrack("a", 97, "aac", 16000, config=b"\x14\x08")


def a_fragment(n: int, audio: AudioTrack | None) -> Fragment:
    frames = aac = 0
    if audio is not None:
        frames, aac = (3200, 0) if audio.codec != "aac" else (0, 6)
    return Fragment(
        video=b"v" * 90, video_samples=((3600, 9),) * 10, video_start=18_000 + n * 36_000, key=n == 0,
        audio=b"a" * (frames or aac * 7), audio_sizes=(7,) * aac, audio_samples=frames or aac,
        audio_start=1600 + n * 3200, lost=n, first_video_us=START + n * 400_000, end_us=START + (n + 1) * 400_000,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("audio", "container", "samples"), [(ALAW, "mov", 9600), (AAC, "mp4", 18), (None, "mp4", 0)]
)
def test_what_the_recorder_writes_reads_back(audio: AudioTrack | None, container: str, samples: int) -> None:
    top = header(MediaForm(b"\x67\x42\xc0\x1e", b"\x68\xce", SPS, audio))
    digest = first = chain_start(NO_DIGEST, top)
    data = top
    for n in range(3):
        part = b"".join(fragment_parts(a_fragment(n, audio), audio, n + 1, START, digest))
        digest = hashlib.sha256(part).digest()
        data += part
    media = scan(io.BytesIO(data + index_box([(18_000, len(top) + 80)])))
    assert (media.faults, media.truncated, media.closed, media.container) == ((), 0, True, container)
    assert (media.video_samples, media.audio_samples, media.lost) == (30, samples, 3)
    assert (media.start_us, media.end_us) == (START, START + 1_200_000)
    assert (media.chain_first, media.chain_last) == (first.hex(), digest.hex())
    assert [f.video.longest_us for f in media.fragments] == [40_000] * 3
    if audio is not None:
        head = media.fragments[0]
        assert head.audio.start_us - head.video.start_us == (0 if audio.codec == "alaw" else -100_000)
