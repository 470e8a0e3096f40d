"""UUIDv7 (RFC 9562 §5.7): ids that sort by time of birth."""

import secrets
import uuid

from contract.clock import Clock, to_us


def uuid7(clock: Clock) -> str:
    """A new id: 48 bits of milliseconds, then 74 random bits."""
    millis = to_us(clock.now()) // 1000 & ((1 << 48) - 1)
    rand = secrets.randbits(74)
    value = millis << 80 | 0x7 << 76 | (rand >> 62) << 64 | 0b10 << 62 | rand & ((1 << 62) - 1)
    return str(uuid.UUID(int=value))
