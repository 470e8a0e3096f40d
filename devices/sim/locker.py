"""Plays an `8A` locker board: locks that spring open, doors that stay open until somebody shuts them."""

import asyncio
from typing import Any

from devices.sim.port import PtyPort
from devices.sim.wirelog import WireLog

_PULSE_S = 0.06


class LockerSim:
    """One board; `closed[n]` and `jammed[n]` with n from 1."""

    def __init__(self, id: str, port: PtyPort, log: WireLog, settings: Any) -> None:  # noqa: A002
        self.id, self.port, self._log = id, port, log
        self._board, ways = settings.get("board", 1), settings.get("ways", 24)
        self._closed_is_shorted = settings.get("feedback", "closed_on_lock") == "closed_on_lock"
        self.closed = dict.fromkeys(range(1, ways + 1), True)
        self.jammed = dict.fromkeys(range(1, ways + 1), False)
        self._pending = b""
        port.listen(self._heard)

    def shut(self, locker: int) -> None:
        """Somebody shuts a locker's door."""
        if not self.closed[locker]:
            self.closed[locker] = True
            self._log.event("locker_closed", bank=self.id, locker=locker)

    def states(self) -> dict[str, dict[str, bool]]:
        """What the control API tells."""
        return {str(n): {"closed": c, "jammed": self.jammed[n]} for n, c in self.closed.items()}

    def _heard(self, data: bytes) -> None:
        self._pending += data
        while len(self._pending) >= 5:
            frame = self._pending[:5]
            sound = frame[0] ^ frame[1] ^ frame[2] ^ frame[3] == frame[4] and frame[0] in (0x8A, 0x80)
            self._pending = self._pending[5 if sound else 1 :]
            if sound and frame[1] == self._board:
                self._do(frame[0], frame[2], frame[3])

    def _do(self, head: int, lock: int, order: int) -> None:
        if (head, order) == (0x8A, 0x11):
            for number in [lock] if lock else list(self.closed):
                self._spring(number)
            answer = [0x8A, self._board, lock, self._level(lock) if lock else 0x11]
            asyncio.get_running_loop().call_later(_PULSE_S, self._send, answer)
        elif (head, order) == (0x80, 0x33) and lock:
            self._send([0x80, self._board, lock, self._level(lock)])
        elif (head, order) == (0x80, 0x33):
            bits = sum(1 << n - 1 for n in self.closed if self._level(n) == 0x11)
            self._send([0x80, self._board, *bits.to_bytes(3, "big"), 0x33])

    def _spring(self, locker: int) -> None:
        if locker not in self.closed or self.jammed[locker] or self.port.faults.jam:
            self._log.event("locker_stuck", bank=self.id, locker=locker)
        elif self.closed[locker]:
            self.closed[locker] = False
            self._log.event("locker_opened", bank=self.id, locker=locker)

    def _level(self, locker: int) -> int:
        shorted = self.closed.get(locker, True) == self._closed_is_shorted
        return 0x11 if shorted != self.port.faults.wrong else 0x00

    def _send(self, body: list[int]) -> None:
        total = 0
        for byte in body:
            total ^= byte
        self.port.send(bytes([*body, total]))
