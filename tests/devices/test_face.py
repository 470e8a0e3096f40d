"""Faces with the pinned models and the public test pictures that set-up fetched."""

import os
import resource
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from devices.face_sface import DETECTOR, EMBEDDER, SFaceMatcher
from devices.jpeg_size import jpeg_size
from devices.ports import FaceResult

CACHE = Path(os.environ.get("JIANZHENG_CACHE", Path(__file__).parents[2] / "var" / "cache"))
MODELS, PICTURES = CACHE / "models", CACHE / "pictures"
needs_models = pytest.mark.skipif(
    not (MODELS / EMBEDDER).exists(), reason="face models are not here: run scripts/setup"
)
needs_pictures = pytest.mark.skipif(
    not PICTURES.exists(), reason="test pictures are not here: run scripts/setup"
)


def picture(subject: int, number: int) -> np.ndarray:
    """A test subject on a frame of a camera's size."""
    face = cv2.imread(str(PICTURES / f"s{subject}" / f"{number}.pgm"))
    frame = np.full((480, 640, 3), int(face[:4].mean()), np.uint8)
    frame[44:436, 159:481] = cv2.resize(face, (322, 392), interpolation=cv2.INTER_CUBIC)
    return frame


def jpeg(image: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", image)[1].tobytes()


def frames(subject: int) -> list[bytes]:
    return [jpeg(picture(subject, n)) for n in (2, 3, 5)]


@pytest.fixture(scope="module")
def matcher() -> SFaceMatcher:
    return SFaceMatcher(MODELS)


@needs_models
@needs_pictures
@pytest.mark.req("C1")
def test_same_and_other_person(matcher: SFaceMatcher) -> None:
    reference = jpeg(picture(1, 1))
    same, other = matcher.compare(reference, frames(1)), matcher.compare(reference, frames(2))
    assert (same.result, other.result) == (FaceResult.MATCHED, FaceResult.NOT_MATCHED)
    assert same.score_milli is not None
    assert same.score_milli > 450
    assert same.model is not None


@needs_models
@needs_pictures
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda image: np.full_like(image, 128), "no_face"),
        (lambda image: np.hstack([image, image]), "two_faces"),
        (lambda image: image // 6, "too_dark"),
        (lambda image: cv2.GaussianBlur(image, (0, 0), 6), "blurred"),
        (lambda image: cv2.copyMakeBorder(image, 900, 900, 1200, 1200, cv2.BORDER_REPLICATE), "too_small"),
    ],
    ids=["nobody", "two", "dark", "blurred", "far"],
)
def test_bad_frames_are_unavailable_with_a_reason(matcher: SFaceMatcher, spoil, reason: str) -> None:
    bad = [jpeg(spoil(picture(1, n))) for n in (2, 3, 5)]
    judged = matcher.compare(jpeg(picture(1, 1)), bad)
    assert (judged.result, judged.score_milli) == (FaceResult.UNAVAILABLE, None)
    if reason == "too_dark":  # the detector may not see a face in the dark at all
        assert judged.reason in ("too_dark", "no_face")
    else:
        assert judged.reason == reason


@needs_models
@needs_pictures
def test_frames_of_two_people_are_not_averaged(matcher: SFaceMatcher) -> None:
    mixed = [frames(1)[0], frames(2)[1], frames(1)[2]]
    judged = matcher.compare(jpeg(picture(1, 1)), mixed)
    assert (judged.result, judged.reason) == (FaceResult.UNAVAILABLE, "frames_differ")


@needs_models
@needs_pictures
def test_no_pictures_at_all(matcher: SFaceMatcher) -> None:
    assert matcher.compare(b"nonsense", frames(1)).reason == "reference_not_a_picture"
    assert matcher.compare(jpeg(picture(1, 1)), []).reason == "too_few_frames"
    assert matcher.compare(jpeg(picture(1, 1)), frames(1)[:1]).result is FaceResult.UNAVAILABLE


def test_unavailability_has_a_name(tmp_path: Path) -> None:
    assert SFaceMatcher(None).available() == "FACE_DISABLED"
    assert SFaceMatcher(tmp_path, enabled=False).available() == "FACE_DISABLED"
    missing = SFaceMatcher(tmp_path)
    assert missing.available() == "FACE_MODEL_MISSING"
    judged = missing.compare(b"", [b""])
    assert (judged.result, judged.reason) == (FaceResult.UNAVAILABLE, "FACE_MODEL_MISSING")
    for name in (DETECTOR, EMBEDDER):
        (tmp_path / name).write_bytes(b"not a model")
    assert missing.available() == "FACE_MODEL_HASH"
    assert missing.compare(b"", [b""]).result is FaceResult.UNAVAILABLE


@needs_models
@needs_pictures
def test_models_taken_away_while_running(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    shutil.copytree(MODELS, folder)
    matcher = SFaceMatcher(folder)
    assert matcher.compare(jpeg(picture(1, 1)), frames(1)).result is FaceResult.MATCHED
    (folder / EMBEDDER).unlink()
    assert matcher.available() == "FACE_MODEL_MISSING"
    assert matcher.compare(jpeg(picture(1, 1)), frames(1)).result is FaceResult.UNAVAILABLE
    data = bytearray((MODELS / EMBEDDER).read_bytes())
    data[1000] ^= 1
    (folder / EMBEDDER).write_bytes(data)
    assert matcher.available() == "FACE_MODEL_HASH"


def claiming(height: int, width: int) -> bytes:
    """A small JPEG whose head claims another size."""
    small = bytearray(jpeg(np.zeros((64, 64, 3), np.uint8)))
    at = small.find(b"\xff\xc0") + 5
    small[at : at + 4] = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes(small)


def test_the_size_is_read_from_the_head():
    assert jpeg_size(jpeg(np.zeros((48, 64, 3), np.uint8))) == (48, 64)
    assert jpeg_size(claiming(32_000, 32_000)) == (32_000, 32_000)
    assert jpeg_size(b"\xff\xd8\xff\xff\xff" + jpeg(np.zeros((48, 64, 3), np.uint8))[3:]) == (48, 64)
    png = cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    for odd in (b"", b"\xff\xd8", png, b"\xff\xd8\xff\xd8\xff\xc0", b"\xff\xd8\xff\xe0\x00\x00" + bytes(20)):
        assert jpeg_size(odd) is None


@needs_models
@pytest.mark.parametrize("size", [(32_000, 32_000), (0, 64), (65_535, 300)])
def test_a_picture_that_would_unfold_to_gigabytes_is_not_decoded(
    matcher: SFaceMatcher, size: tuple[int, int]
):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    judged = matcher.compare(claiming(*size), [claiming(*size)])
    assert judged.result is FaceResult.UNAVAILABLE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
