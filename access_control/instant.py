"""Now, as an argument: the two clocks and a seed for the ids born in one decision."""

import hashlib
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from contract.clock import stamp, to_us

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Instant:
    """`wall` aware UTC; `mono_us` of CLOCK_BOOTTIME; `seed` 16 fresh random bytes from the caller."""

    wall: datetime
    mono_us: int
    seed: bytes = field(repr=False)

    def new_id(self, label: str) -> str:
        """A UUIDv7 of this instant; the same label gives the same id again."""
        rand = int.from_bytes(hashlib.sha256(self.seed + label.encode()).digest()[:10], "big")
        millis = to_us(self.wall) // 1000 & ((1 << 48) - 1)
        value = millis << 80 | 0x7 << 76 | (rand >> 62 & 0xFFF) << 64 | 0b10 << 62 | rand & ((1 << 62) - 1)
        return str(uuid.UUID(int=value))

    def stamp_in(self, seconds: float) -> str:
        """The wall time that many seconds from now, as it travels."""
        return stamp(self.wall + timedelta(seconds=seconds))

    def since(self, mono_us: int) -> float:
        """Seconds of monotonic time from `mono_us` to now."""
        return (self.mono_us - mono_us) / MILLION

    def is_fresh(self, mono_us: int, limit_s: float) -> bool:
        """Whether a reading is neither of the future nor older than its limit (keeps I-4)."""
        return 0 < mono_us <= self.mono_us and self.since(mono_us) <= limit_s
