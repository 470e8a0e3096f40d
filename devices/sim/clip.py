"""Clips that the camera simulator loops: moving pictures with a frame counter readable from the pixels, and sound.

`python -m devices.sim.clip OUT_DIR [--camera ID ...]` writes `pcma.mov` and `aac.mp4`, and one labelled pair for
each camera named. Every clip is `SECONDS` long, `FPS` frames a second, H.264 High without B-frames, one keyframe a
second. Sound: a 440 Hz tone in the first 200 ms of each second, so onsets fall on frames whose number is a
multiple of `FPS`.

The counter (number of the frame within the loop, 0..LOOP_FRAMES-1) is drawn as `COUNTER_BITS` squares of
`COUNTER_CELL` pixels, left to right from `COUNTER_X`, top at `COUNTER_Y`, bit 0 leftmost, white = 1 and black = 0:
read the luma at the middle of each square and compare it with 128.
"""

import argparse
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, FPS, SECONDS = 640, 360, 15, 48
LOOP_FRAMES = FPS * SECONDS
COUNTER_X, COUNTER_Y, COUNTER_CELL, COUNTER_BITS = 16, 328, 24, 16
VIDEO_BITS_PER_SECOND = 400_000
TONE_HZ, TONE_SECONDS, TONE_LEVEL = 440, 0.2, 8000
SOUNDS = {"pcma": ("mov", "pcm_alaw", 8000), "aac": ("mp4", "aac", 16000)}
"""Clip name -> (container, encoder, samples a second); the file is `NAME.CONTAINER`."""

Image = NDArray[np.uint8]


def draw_frame(number: int, label: str) -> Image:
    """One BGR picture: drifting background, a ball, the label, the number and the counter squares."""
    x = (np.arange(WIDTH, dtype=np.int32) + number * 3) % 256
    y = np.arange(HEIGHT, dtype=np.int32)[:, None] // 3
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    picture[..., 0], picture[..., 1], picture[..., 2] = 90 + x // 4, 60 + y // 2, 40 + (x + y) % 256 // 4
    turn = 2 * math.pi * number / (FPS * 4)
    ball = (int(WIDTH * 0.5 + 200 * math.cos(turn)), int(150 + 90 * math.sin(turn)))
    cv2.circle(picture, ball, 28, (60, 200, 240), -1)
    white = (255, 255, 255)
    cv2.putText(picture, f"{number:05d}", (190, 190), cv2.FONT_HERSHEY_SIMPLEX, 3.0, white, 6)
    cv2.putText(picture, f"SIMULATED {label}", (16, 36), cv2.FONT_HERSHEY_SIMPLEX, 0.9, white, 2)
    _draw_counter(picture, number)
    return picture


def _draw_counter(picture: Image, number: int) -> None:
    picture[COUNTER_Y - 4 :, :] = 0
    for bit in range(COUNTER_BITS):
        if number >> bit & 1:
            left = COUNTER_X + bit * COUNTER_CELL
            picture[COUNTER_Y : COUNTER_Y + COUNTER_CELL, left : left + COUNTER_CELL] = 255


def tone(rate: int) -> NDArray[np.int16]:
    """`SECONDS` of mono sound: the tone in the first `TONE_SECONDS` of each second, silence after."""
    moment = np.arange(rate * SECONDS) / rate
    wave = TONE_LEVEL * np.sin(2 * np.pi * TONE_HZ * moment)
    return np.where(moment % 1.0 < TONE_SECONDS, wave, 0).astype(np.int16)


def _video_stream(container: Any) -> Any:
    stream = container.add_stream("libx264", rate=FPS)
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    stream.bit_rate = VIDEO_BITS_PER_SECOND
    stream.options = {
        "preset": "superfast",
        "profile": "high",
        "x264-params": f"keyint={FPS}:min-keyint={FPS}:scenecut=0:bframes=0:threads=1",
    }
    return stream


def _encode_video(container: Any, stream: Any, label: str) -> None:
    for number in range(LOOP_FRAMES):
        frame = av.VideoFrame.from_ndarray(draw_frame(number, label), format="bgr24")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def _encode_sound(container: Any, stream: Any, rate: int) -> None:
    samples = tone(rate)
    for start in range(0, len(samples), 1024):
        frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def make_clip(folder: Path, name: str, sound: str, label: str) -> Path:
    """Write one clip `NAME.CONTAINER` and answer its path; `sound` is a key of `SOUNDS`."""
    kind, encoder, rate = SOUNDS[sound]
    path = folder / f"{name}.{kind}"
    partial = path.with_name(f".{path.name}.part")
    with av.open(str(partial), "w", format=kind) as container:
        video = _video_stream(container)
        audio = container.add_stream(encoder, rate=rate, layout="mono")
        _encode_video(container, video, label)
        _encode_sound(container, audio, rate)
    partial.rename(path)
    return path


def make_clips(folder: Path, cameras: list[tuple[str, str]] | None = None) -> list[Path]:
    """Make the two plain clips and one for each (camera id, sound) given; clips already there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [("pcma", "pcma"), ("aac", "aac"), *(cameras or [])]
    made = []
    for name, sound in wanted:
        path = folder / f"{name}.{SOUNDS[sound][0]}"
        made.append(path if path.exists() else make_clip(folder, name, sound, name))
    return made


def main() -> None:
    """Command line: `OUT_DIR [--camera ID[=SOUND] ...]`."""
    parser = argparse.ArgumentParser(description="Make the clips that simulated cameras play.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--camera", action="append", default=[], metavar="ID[=pcma|aac]")
    chosen = parser.parse_args()
    pairs = [(text.partition("=")[0], text.partition("=")[2] or "pcma") for text in chosen.camera]
    make_clips(chosen.folder, pairs)


if __name__ == "__main__":
    main()
