"""The oracle: `wire.jsonl`, one line per chunk of bytes and per physical event, CLOCK_MONOTONIC µs, flushed each."""

import json
import time
from pathlib import Path
from typing import Any


class WireLog:
    """Appends lines. `rx` is what the device received (host → device), `tx` what it sent.

    Beyond `longest` bytes the file becomes `wire.1.jsonl` (replacing the one before) and a new one begins.
    """

    def __init__(self, path: Path, longest: int = 256 << 20) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self._longest = path, longest
        self._open()

    def bytes(self, wire: str, direction: str, data: bytes) -> None:
        """One chunk on one wire."""
        self._line({"wire": wire, "dir": direction, "hex": data.hex()})

    def event(self, event: str, **fields: Any) -> None:
        """One thing that happened in the simulated world."""
        self._line({"event": event, **fields})

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _line(self, fields: dict[str, Any]) -> None:
        line = {"t_us": time.monotonic_ns() // 1000, **fields}
        self._size += self._file.write(
            json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        )
        if self._size > self._longest:
            self._file.close()
            self.path.replace(self.path.with_suffix(".1.jsonl"))
            self._open()

    def _open(self) -> None:
        self._file = self.path.open("ab", buffering=0)
        self._size = self.path.stat().st_size
