"""Plays a Modbus RTU relay board and the doors wired to it: locks, contacts, exit buttons.

A lock is released while its coil is on or while the exit button is pressed: the button is wired to the lock and
needs no software (keeps I-3). A door opens only when its lock is released, or by force.
"""

import asyncio
import time
from typing import Any

from devices.sim.plan import SimDoor
from devices.sim.port import PtyPort
from devices.sim.wirelog import WireLog

_EXIT_S = 3.0
_FRAME_GAP_S = 0.1
_TABLE: list[int] = []
for _byte in range(256):
    _word = _byte
    for _ in range(8):
        _word = _word >> 1 ^ 0xA001 if _word & 1 else _word >> 1
    _TABLE.append(_word)


def crc16(data: bytes) -> bytes:
    """Modbus CRC by table, low byte first."""
    word = 0xFFFF
    for byte in data:
        word = word >> 8 ^ _TABLE[(word ^ byte) & 0xFF]
    return bytes([word & 0xFF, word >> 8])


class DoorSim:
    """One door. All of it on the loop."""

    def __init__(self, wiring: SimDoor, log: WireLog) -> None:
        self.wiring, self._log = wiring, log
        self.open = self.coil = self.pressed = False
        self._free = asyncio.Event()
        self._press: asyncio.TimerHandle | None = None

    @property
    def locked(self) -> bool:
        """Whether the lock holds."""
        return not (self.coil or self.pressed)

    def drive(self, coil: bool) -> None:
        """The board's relay switched."""
        self._change(coil=coil)

    def press(self, seconds: float = _EXIT_S) -> None:
        """Somebody presses the exit button."""
        self._log.event("exit_pressed", door=self.wiring.id)
        if self._press:
            self._press.cancel()
        self._change(pressed=True)
        self._press = asyncio.get_running_loop().call_later(seconds, self._let_go)

    def push(self, force: bool = False) -> bool:
        """Somebody pushes; whether the door is open now."""
        if not self.open and (force or not self.locked):
            self.open = True
            self._log.event("door_opened", door=self.wiring.id, forced=force and self.locked)
        return self.open

    def close(self) -> None:
        """The door falls shut."""
        if self.open:
            self.open = False
            self._log.event("door_closed", door=self.wiring.id)

    async def walk(self, patience: float, open_for: float) -> bool:
        """Wait for the lock, open, walk through, let it fall shut. False: it stayed locked."""
        try:
            await asyncio.wait_for(self._free.wait(), patience)
        except TimeoutError:
            self._log.event("walk_given_up", door=self.wiring.id)
            return False
        opened = self.push()
        await asyncio.sleep(open_for)
        self.close()
        return opened

    def _let_go(self) -> None:
        self._change(pressed=False)

    def _change(self, coil: bool | None = None, pressed: bool | None = None) -> None:
        before = self.locked
        self.coil = self.coil if coil is None else coil
        self.pressed = self.pressed if pressed is None else pressed
        if before is not self.locked:
            event = "lock_engaged" if self.locked else "lock_released"
            self._log.event(event, door=self.wiring.id, by="button" if self.pressed else "coil")
        if self.locked:
            self._free.clear()
        else:
            self._free.set()


class RelayBoardSim:
    """One board on its port."""

    def __init__(self, id: str, port: PtyPort, log: WireLog, settings: Any, doors: list[DoorSim]) -> None:  # noqa: A002
        self.id, self.port, self._log = id, port, log
        self._unit = settings.get("unit", 1)
        self.coils = [False] * settings.get("coils", 16)
        self._inputs = settings.get("inputs", 16)
        self._shut_level = settings.get("contact", "on_when_shut") == "on_when_shut"
        self._doors = doors
        self._pending, self._last = b"", 0.0
        port.listen(self._heard)

    def inputs(self) -> list[bool]:
        """The levels at the board's inputs now."""
        levels = [False] * self._inputs
        for door in self._doors:
            levels[door.wiring.contact_input] = door.open is not self._shut_level
            levels[door.wiring.exit_input] = door.pressed
        return levels

    def _heard(self, data: bytes) -> None:
        now = time.monotonic()
        self._pending = data if now - self._last > _FRAME_GAP_S else self._pending + data
        self._last = now
        while len(self._pending) >= 8:
            frame = self._pending[:8]
            sound = crc16(frame[:6]) == frame[6:]
            self._pending = self._pending[8 if sound else 1 :]
            if sound and frame[0] == self._unit:
                self._answer(frame[1], int.from_bytes(frame[2:4], "big"), frame[4:6])

    def _answer(self, function: int, address: int, rest: bytes) -> None:
        if function == 5:
            body = self._write(address, rest)
        elif function in (1, 2):
            levels = self.coils if function == 1 else self.inputs()
            body = self._read(function, levels, address, int.from_bytes(rest, "big"))
        else:
            body = bytes([function | 0x80, 1])
        frame = bytes([self._unit]) + body
        self.port.send(frame + crc16(frame))

    def _read(self, function: int, levels: list[bool], start: int, count: int) -> bytes:
        if not 0 < count <= len(levels) - start:
            return bytes([function | 0x80, 2])
        value = sum(on << n for n, on in enumerate(levels[start : start + count]))
        data = value.to_bytes((count + 7) // 8, "little")
        return bytes([function, len(data)]) + data

    def _write(self, coil: int, value: bytes) -> bytes:
        if coil >= len(self.coils):
            return b"\x85\x02"
        if value not in (b"\xff\x00", b"\x00\x00"):
            return b"\x85\x03"
        if not self.port.faults.jam:
            self._switch(coil, value == b"\xff\x00")
        shown = coil ^ 1 if self.port.faults.wrong else coil
        return b"\x05" + shown.to_bytes(2, "big") + value

    def _switch(self, coil: int, on: bool) -> None:
        if self.coils[coil] is on:
            return
        self.coils[coil] = on
        doors = [d for d in self._doors if d.wiring.coil == coil]
        for door in doors:
            door.drive(on)
        if not doors:
            self._log.event("facility_switched", board=self.id, coil=coil, on=on)
