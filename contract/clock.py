"""Time as an argument: the one place that reads the machine's clocks (keeps I-17)."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Wall time for people and documents, monotonic time for durations."""

    def now(self) -> datetime:
        """Aware UTC wall time."""
        ...

    def mono_us(self) -> int:
        """Microseconds since boot; never steps back within one boot."""
        ...


class SystemClock:
    """The machine's clocks; built in composition roots only."""

    def now(self) -> datetime:
        """Aware UTC wall time."""
        return datetime.now(UTC)  # noqa: TID251 - the one reader of the wall clock

    def mono_us(self) -> int:
        """CLOCK_BOOTTIME in microseconds."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class FakeClock:
    """A clock that moves only when told to; for tests and replays."""

    def __init__(self, start: datetime = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)) -> None:
        self._now = start
        self._mono_us = 1_000_000

    def now(self) -> datetime:
        """Aware UTC wall time as last set."""
        return self._now

    def mono_us(self) -> int:
        """Microseconds as last set."""
        return self._mono_us

    def advance(self, seconds: float) -> None:
        """Move both clocks on."""
        self._now += timedelta(seconds=seconds)
        self._mono_us += round(seconds * 1_000_000)


def stamp(instant: datetime) -> str:
    """RFC 3339 UTC with six decimals and `Z`; a naive instant is a programming error."""
    if instant.tzinfo is None:
        raise ValueError("naive datetime")
    return instant.astimezone(UTC).strftime(_FORMAT)


def parse_stamp(text: str) -> datetime:
    """Inverse of `stamp`; raises ValueError on anything else."""
    return datetime.strptime(text, _FORMAT).replace(tzinfo=UTC)


def to_us(instant: datetime) -> int:
    """Microseconds since 1970."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def from_us(micros: int) -> datetime:
    """Aware UTC instant from microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=micros)
