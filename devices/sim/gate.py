"""Plays a detection gate with the published serial protocol: beams, signal levels, results, counters."""

import asyncio
from typing import Any

from devices.sim.port import PtyPort
from devices.sim.wirelog import WireLog

CLASSES = {
    "knife": 1, "thermos": 2, "contraband": 3, "copper": 4, "can": 5, "phone": 6, "everyday": 7,
    "umbrella": 8, "mixed": 9, "iron": 10, "earphone": 11,
}  # fmt: skip
_BEAM_GAP_S = 0.09
_ZONE = 7


class GateSim:
    """One phone gate (62-byte results). Counters: forward, backward, forward alarms, backward alarms."""

    def __init__(self, id: str, port: PtyPort, log: WireLog, settings: Any) -> None:  # noqa: A002
        self.id, self.port, self._log = id, port, log
        self._address = settings.get("address", 1)
        self.counts = [122, 123, 103, 104]
        self._auto = False
        self._news: bytes | None = None
        self._pending = b""
        self._passing = asyncio.Lock()
        port.listen(self._heard)

    async def walk(self, carrying: list[str], direction: str) -> dict[str, Any]:
        """One person walks through. KeyError: no such thing to carry; ValueError: no such direction."""
        classes = [CLASSES[thing] for thing in carrying]
        beams = {"in": (1, 3, 2, 4), "out": (11, 13, 12, 14)}.get(direction)
        if beams is None:
            raise ValueError("direction is in or out")
        async with self._passing:
            for beam in beams:
                if self._auto:
                    self._say(102, bytes([beam]))
                    self._say(101, bytes([5, 20] if classes else [0, 30]))
                await asyncio.sleep(_BEAM_GAP_S)
            self._passed(classes, direction)
        return {"alarm": bool(classes), "passages": self.counts[0] + self.counts[1]}

    def _passed(self, classes: list[int], direction: str) -> None:
        way = 0 if direction == "in" else 1
        self.counts[way] += 1
        if classes:
            self.counts[way + 2] += 1
        self._log.event("gate_walked", gate=self.id, direction=direction, alarm=bool(classes))
        result = self._result(classes)
        if self._auto:
            self._say(1, result)
        else:
            self._news = result

    def _result(self, classes: list[int]) -> bytes:
        counts = list(self.counts)
        if self.port.faults.wrong:  # a well-formed frame that does not agree with the gate's own counters
            counts[0] += 1
        data = bytearray(58)
        data[:12] = _digits(counts)
        data[12] = 0
        if classes:
            data[13 + (_ZONE - 1) // 2] = 0o05
            data[37 + (_ZONE - 1) // 7] |= 1 << (_ZONE - 1) % 7
            for offset, number in enumerate(classes[:8]):
                data[42 + _ZONE + offset] = number
        return bytes(data)

    def _heard(self, data: bytes) -> None:
        self._pending += data
        while self._pending:
            size = self._pending[1] if len(self._pending) > 1 else 4
            if not self._pending[0] & 0x80 or size < 4:
                self._pending = self._pending[1:]
            elif len(self._pending) < size:
                return
            else:
                frame, self._pending = self._pending[:size], self._pending[size:]
                if frame[0] & 0x7F in (0, self._address) and frame[-1] == 0x7F:
                    self._do(frame[2], frame[3:-1])

    def _do(self, tag: int, data: bytes) -> None:
        if tag == 1:
            news, self._news = self._news, None
            self._say(1, news or b"")
        elif tag in (4, 5):
            self._auto = tag == 4
            self._say(tag, b"")
        elif tag == 96:
            for bit in range(4):
                if data and data[0] >> bit & 1:
                    self.counts[bit] = 0
            self._say(96, _digits(self.counts) + bytes(6))
        elif tag == 78:
            self._say(78, bytes([0x7F, 0x7F]))
        elif tag in (0, 6):
            self._say(tag, data)

    def _say(self, tag: int, data: bytes) -> None:
        self.port.send(bytes([0x80 | self._address, len(data) + 4, tag]) + data + b"\x7f")


def _digits(counts: list[int]) -> bytes:
    return b"".join(bytes([c >> 14 & 0x7F, c >> 7 & 0x7F, c & 0x7F]) for c in counts)
