"""Reads the simulators' log: every byte on every wire and every physical event, with monotonic microseconds."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Frame:
    """A Modbus write of one coil, as seen on the wire from the host."""

    t_us: int
    coil: int
    on: bool


class WireLog:
    """The log as it stands; every call reads the file again, so it may still be growing."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def lines(self, since_us: int = 0) -> Iterator[dict[str, Any]]:
        """Log lines not older than the given monotonic time."""
        with self._path.open(encoding="utf-8") as log:
            for line in log:
                if line.endswith("\n"):
                    entry: dict[str, Any] = json.loads(line)
                    if entry["t_us"] >= since_us:
                        yield entry

    def events(self, name: str, since_us: int = 0, **wanted: Any) -> list[dict[str, Any]]:
        """Physical events of one name whose fields match."""
        return [
            e
            for e in self.lines(since_us)
            if e.get("event") == name and all(e.get(key) == value for key, value in wanted.items())
        ]

    def coil_writes(self, wire: str, since_us: int = 0) -> list[Frame]:
        """Function 05 requests on a relay board's wire (unit any), whole frames only."""
        found, tail = [], b""
        for entry in self.lines(since_us):
            if entry.get("wire") != wire or entry.get("dir") != "rx":
                continue
            tail = (tail + bytes.fromhex(entry["hex"]))[-64:]
            for at in range(max(0, len(tail) - 7)):
                frame = tail[at : at + 8]
                if (
                    frame[1] == 5
                    and frame[4:6] in (b"\xff\x00", b"\x00\x00")
                    and crc16(frame[:6]) == frame[6:]
                ):
                    found.append(Frame(entry["t_us"], int.from_bytes(frame[2:4]), frame[4] == 0xFF))
                    tail = tail[at + 8 :]
                    break
        return found

    def unlocks(self, wire: str, coil: int, since_us: int = 0) -> list[int]:
        """When the coil of a lock was energised, microseconds."""
        return [f.t_us for f in self.coil_writes(wire, since_us) if f.coil == coil and f.on]

    def last_answer_before(self, wire: str, t_us: int, longer_than: int) -> int | None:
        """When the device last sent a chunk of more than that many bytes before a moment."""
        times = [
            e["t_us"]
            for e in self.lines()
            if e.get("wire") == wire
            and e.get("dir") == "tx"
            and e["t_us"] < t_us
            and len(e["hex"]) > 2 * longer_than
        ]
        return times[-1] if times else None


def crc16(data: bytes) -> bytes:
    """Modbus CRC, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc.to_bytes(2, "little")
