"""Faces: YuNet finds, SFace compares (OpenCV), both pinned by sha256, loaded when first needed.

Three-way answer at calibrated thresholds, never a bare yes or no, and no default: whatever cannot be judged is
`unavailable`, which admits nobody (keeps I-19). Pictures live in memory during one call only. This says nothing
about liveness.
"""

import ctypes
import hashlib
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from devices.jpeg_size import jpeg_size
from devices.ports import FaceJudgement, FaceResult

_log = structlog.get_logger(__name__)
DETECTOR = "face_detection_yunet_2023mar.onnx"
EMBEDDER = "face_recognition_sface_2021dec.onnx"
PINNED = {
    DETECTOR: "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    EMBEDDER: "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
}
_LONGEST_JPEG, _LONGEST_SIDE = 8_000_000, 960
_MOST_PIXELS = 16_000_000
"""More than any camera of a kiosk gives; 48 MB when unfolded."""
_REFERENCE_WIDTH = 300


@dataclass(frozen=True, slots=True)
class FaceLimits:
    """Thresholds on the cosine, and what a usable frame is. Sizes in pixels, light in grey levels of the face."""

    accept: float = 0.45
    review: float = 0.36
    frames: int = 2
    smallest_face: int = 100
    darkest: float = 40.0
    brightest: float = 225.0
    sharpest_blur: float = 40.0
    """Variance of the Laplacian on the aligned 112 x 112 face; below it a frame is blurred."""
    turned: float = 0.45
    """Offset of the nose from the middle of the eyes, in eye distances."""


class UnusableError(Exception):
    """A picture cannot be used; `reason` is a word for the kiosk."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class SFaceMatcher:
    """A FaceMatcher. `compare` may be called from any thread, one call works at a time."""

    def __init__(
        self, models: Path | None, *, enabled: bool = True, limits: FaceLimits | None = None
    ) -> None:
        self._models, self._enabled = models, enabled
        self._limits = limits or FaceLimits()
        self._lock = threading.Lock()
        self._checked: dict[str, tuple[tuple[int, int, int], bool]] = {}
        self._eyes: _Eyes | None = None
        self._unreadable = False

    def available(self) -> str:
        """See FaceMatcher. Cheap: files are hashed again only when they changed."""
        if not self._enabled or self._models is None:
            return "FACE_DISABLED"
        for name, sha256 in PINNED.items():
            try:
                if not self._is_pinned(self._models / name, sha256):
                    return "FACE_MODEL_HASH"
            except OSError:
                return "FACE_MODEL_MISSING"
        return "FACE_MODEL_UNREADABLE" if self._unreadable else "ok"

    def compare(self, reference_jpeg: bytes, frames: Sequence[bytes]) -> FaceJudgement:
        """See FaceMatcher."""
        with self._lock:
            state = self.available()
            eyes = self._open() if state == "ok" else None
            if eyes is None:
                return _unavailable(self.available())
            try:
                return self._judge(eyes, reference_jpeg, frames)
            except UnusableError as error:
                return _unavailable(error.reason)
            finally:
                eyes.forget()
                _give_back()

    def _is_pinned(self, path: Path, sha256: str) -> bool:
        stat = path.stat()
        signature = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        known = self._checked.get(path.name)
        if known is None or known[0] != signature:
            with path.open("rb") as file:
                good = hashlib.file_digest(file, "sha256").hexdigest() == sha256
            self._checked[path.name] = known = (signature, good)
            self._eyes, self._unreadable = None, False
        return known[1]

    def _open(self) -> "_Eyes | None":
        if self._eyes is None and self._models is not None:
            try:
                self._eyes = _Eyes(self._models, self._limits)
            except Exception:  # OpenCV raises its own error type, loaded only here
                _log.exception("face_model_unreadable")
                self._unreadable = True
        return self._eyes

    def _judge(self, eyes: "_Eyes", reference_jpeg: bytes, frames: Sequence[bytes]) -> FaceJudgement:
        try:
            reference = eyes.reference(reference_jpeg)
        except UnusableError as error:
            raise UnusableError(f"reference_{error.reason}") from error
        live = self._usable(eyes, frames)
        if min(eyes.cosine(live[0], other) for other in live) < self._limits.review:
            raise UnusableError("frames_differ")
        score = eyes.cosine(sum(live), reference)
        return FaceJudgement(self._result(score), round(score * 1000), "ok", PINNED[EMBEDDER])

    def _usable(self, eyes: "_Eyes", frames: Sequence[bytes]) -> list[Any]:
        live, reasons = [], Counter[str]()
        for frame in frames:
            try:
                live.append(eyes.live(frame))
            except UnusableError as error:
                reasons[error.reason] += 1
        if len(live) < self._limits.frames:
            raise UnusableError(reasons.most_common(1)[0][0] if reasons else "too_few_frames")
        return live

    def _result(self, score: float) -> FaceResult:
        if score >= self._limits.accept:
            return FaceResult.MATCHED
        return FaceResult.REVIEW if score >= self._limits.review else FaceResult.NOT_MATCHED


def _give_back() -> None:
    """Return what loading and comparing needed only for a moment; glibc keeps it otherwise (tens of MB)."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def _unavailable(reason: str) -> FaceJudgement:
    return FaceJudgement(FaceResult.UNAVAILABLE, None, reason, None)


class _Eyes:
    """The two networks, loaded. Vectors are 128 numbers of length 1."""

    def __init__(self, models: Path, limits: FaceLimits) -> None:
        import cv2  # tens of MB: only where faces are compared
        import numpy as np

        cv2.setNumThreads(1)
        self._cv2, self._np, self._limits, self._models = cv2, np, limits, models
        self._detector = self._new_detector()
        self._embedder = cv2.FaceRecognizerSF.create(str(models / EMBEDDER), "")
        trial = self._vector(np.full((112, 112, 3), 127, np.uint8))
        if trial.shape != (128,) or not np.isfinite(trial).all():
            raise ValueError("the embedder does not give 128 numbers")

    def _new_detector(self) -> Any:
        return self._cv2.FaceDetectorYN.create(str(self._models / DETECTOR), "", (320, 320), 0.8)

    def forget(self) -> None:
        """Drop what the detector keeps of the last picture (22 MB at 640 x 480); a new one takes 7 ms."""
        self._detector = self._new_detector()

    def reference(self, jpeg: bytes) -> Any:
        """Vector of a register or card photo; small photos are enlarged."""
        image = self._picture(jpeg)
        return self._vector(self._aligned(image, self._one_face(image)))

    def live(self, jpeg: bytes) -> Any:
        """Vector of a camera frame that passes the quality gates."""
        image = self._picture(jpeg)
        face = self._one_face(image)
        if face[2] < self._limits.smallest_face:
            raise UnusableError("too_small")
        if _turn(face) > self._limits.turned:
            raise UnusableError("turned_away")
        aligned = self._aligned(image, face)
        self._gate_light(aligned)
        return self._vector(aligned)

    def cosine(self, one: Any, other: Any) -> float:
        """Cosine of two vectors of any length."""
        norm = self._np.linalg.norm
        return float(one @ other / (norm(one) * norm(other)))

    def _picture(self, jpeg: bytes) -> Any:
        cv2 = self._cv2
        claimed = jpeg_size(jpeg) if len(jpeg) <= _LONGEST_JPEG else None
        if claimed is None or not 0 < claimed[0] * claimed[1] <= _MOST_PIXELS:
            raise UnusableError("not_a_picture")
        image = cv2.imdecode(self._np.frombuffer(jpeg, self._np.uint8), cv2.IMREAD_COLOR)
        if image is None:
            raise UnusableError("not_a_picture")
        height, width = image.shape[:2]
        scale = min(_LONGEST_SIDE / max(height, width), max(1.0, _REFERENCE_WIDTH / width))
        if scale == 1.0:
            return image
        image = cv2.resize(
            image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
        )
        border = width // 4 if scale > 1 else 0
        return cv2.copyMakeBorder(image, border, border, border, border, cv2.BORDER_REPLICATE)

    def _one_face(self, image: Any) -> Any:
        height, width = image.shape[:2]
        self._detector.setInputSize((width, height))
        faces = self._detector.detect(image)[1]
        if faces is None or len(faces) == 0:
            raise UnusableError("no_face")
        largest = max(faces, key=lambda face: float(face[2]))
        if sum(face[2] > largest[2] / 2 for face in faces) > 1:
            raise UnusableError("two_faces")
        return largest

    def _aligned(self, image: Any, face: Any) -> Any:
        return self._embedder.alignCrop(image, face)

    def _gate_light(self, aligned: Any) -> None:
        grey = self._cv2.cvtColor(aligned, self._cv2.COLOR_BGR2GRAY)[16:96, 16:96]
        light = float(grey.mean())
        if light < self._limits.darkest:
            raise UnusableError("too_dark")
        if light > self._limits.brightest:
            raise UnusableError("too_bright")
        if float(self._cv2.Laplacian(grey, self._cv2.CV_64F).var()) < self._limits.sharpest_blur:
            raise UnusableError("blurred")

    def _vector(self, aligned: Any) -> Any:
        vector = self._embedder.feature(aligned).reshape(-1).astype("float64")
        return vector / max(float(self._np.linalg.norm(vector)), 1e-9)


def _turn(face: Any) -> float:
    """How far the nose is from the middle of the eyes, in eye distances. Columns 4..9: eyes, nose."""
    right_x, left_x, nose_x = float(face[4]), float(face[6]), float(face[8])
    return abs(nose_x - (right_x + left_x) / 2) / max(abs(left_x - right_x), 1.0)
