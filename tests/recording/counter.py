"""Reads the frame counter that `devices.sim.clip` draws, from any picture of the clip's shape (scaled or not).

`read_counter(luma)` takes a 2-D array (height x width) of luma. A browser reads the same squares from a canvas: the
middle of square k is at x = COUNTER_X + (k + 0.5) * COUNTER_CELL, y = COUNTER_Y + 0.5 * COUNTER_CELL, of 640 x 360.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np

from devices.sim.clip import COUNTER_BITS, COUNTER_CELL, COUNTER_X, COUNTER_Y, HEIGHT, WIDTH


def read_counter(luma: Any) -> int:
    """The number drawn in the picture."""
    height, width = luma.shape[:2]
    value = 0
    for bit in range(COUNTER_BITS):
        x = round((COUNTER_X + (bit + 0.5) * COUNTER_CELL) * width / WIDTH)
        y = round((COUNTER_Y + 0.5 * COUNTER_CELL) * height / HEIGHT)
        value |= int(luma[y, x] > 128) << bit
    return value


@dataclass
class Decoded:
    """What a player gets out of a file."""

    counters: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    sound: Any = None
    rate: int = 0


def frames(path: Path) -> Iterator[Any]:
    with av.open(str(path)) as container:
        yield from container.decode(container.streams.video[0])


def decode(path: Path) -> Decoded:
    """Every counter with its time, and all sound samples (decoded without the edit list's cut)."""
    result = Decoded()
    for frame in frames(path):
        result.counters.append(read_counter(frame.to_ndarray(format="gray")))
        result.times.append(frame.time)
    with av.open(str(path)) as container:
        if container.streams.audio:
            parts = [f.to_ndarray().reshape(-1) for f in container.decode(container.streams.audio[0])]
            result.sound = np.concatenate(parts) if parts else np.zeros(0)
            result.rate = container.streams.audio[0].rate
    return result
