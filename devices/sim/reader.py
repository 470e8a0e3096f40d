"""Plays a SAM module: a card is found once a placement, selected, then read as often as asked while it lies there."""

import hashlib
from dataclasses import dataclass

from devices.sim.port import PtyPort
from devices.sim.wirelog import WireLog

_START = b"\xaa\xaa\xaa\x96\x69"


@dataclass(frozen=True, slots=True)
class SimCard:
    """A plainly sample card."""

    number: str
    name: str
    valid_from: str = "20200101"
    valid_to: str = "20400101"

    def block(self) -> bytes:
        """Lengths, 256 bytes of text in UTF-16LE, 1024 of a photo that is none."""
        columns = (
            (self.name, 15),
            ("1" if self.number[16:17] in set("13579") else "2", 1),
            ("01", 2),
            (self.number[6:14], 8),
            ("示例市示例区示例路1号", 35),
            (self.number, 18),
            ("示例机关", 15),
            (self.valid_from, 8),
            (self.valid_to, 8),
            ("", 18),
        )
        text = "".join(value[:width].ljust(width) for value, width in columns).encode("utf-16-le")
        return b"\x01\x00\x04\x00" + text + hashlib.sha256(self.number.encode()).digest() * 32


class SamReaderSim:
    """One reader on its port."""

    def __init__(self, id: str, port: PtyPort, log: WireLog) -> None:  # noqa: A002
        self.id, self.port, self._log = id, port, log
        self.card: SimCard | None = None
        self._found = self._selected = False
        self._pending = b""
        port.listen(self._heard)

    def place(self, card: SimCard) -> None:
        """Lay a card on the reader."""
        self.card, self._found, self._selected = card, False, False
        self._log.event("card_placed", reader=self.id)

    def take(self) -> bool:
        """Lift the card; whether there was one."""
        there, self.card = self.card is not None, None
        self._found = self._selected = False
        if there:
            self._log.event("card_taken", reader=self.id)
        return there

    def _heard(self, data: bytes) -> None:
        self._pending += data
        while True:
            start = self._pending.find(_START)
            if start < 0 or len(self._pending) < start + 7:
                self._pending = self._pending[max(start, 0) :][-64:]
                return
            end = start + 7 + int.from_bytes(self._pending[start + 5 : start + 7], "big")
            if len(self._pending) < end:
                return
            frame, self._pending = self._pending[start + 5 : end], self._pending[end:]
            self._answer(frame)

    def _answer(self, frame: bytes) -> None:
        total = 0
        for byte in frame:
            total ^= byte
        status, data = (0x10, b"") if total else self._do(frame[2:-1])
        body = bytes([0, 0, status]) + data
        body = (len(body) + 1).to_bytes(2, "big") + body
        total = 0
        for byte in body:
            total ^= byte
        self.port.send(_START + body + bytes([total]))

    def _do(self, command: bytes) -> tuple[int, bytes]:
        if command == b"\x20\x01":
            return (0x9F, bytes(4)) if self.card and not self._found else (0x80, b"")
        if command == b"\x20\x02":
            return self._select()
        if command == b"\x30\x01":
            return self._read()
        if command in (b"\x10\xff", b"\x11\xff"):
            return 0x90, b""
        if command == b"\x12\xff":
            return 0x90, bytes.fromhex("05030100" + "00" * 12)
        return (0x91, b"") if command == b"\x30\x03" else (0x21, b"")

    def _select(self) -> tuple[int, bytes]:
        if self.card is None or self._found:
            return 0x81, b""
        self._found = self._selected = True
        return 0x90, bytes(8)

    def _read(self) -> tuple[int, bytes]:
        if self.card is None or not self._selected:
            return 0x41, b""
        block = self.card.block()
        if self.port.faults.wrong:  # a well-formed answer whose number fails its check digit
            at = 4 + 122 + 2 * 17
            block = block[:at] + (b"0\0" if block[at : at + 1] != b"0" else b"1\0") + block[at + 2 :]
        return 0x90, block
