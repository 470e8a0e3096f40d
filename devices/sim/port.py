"""A simulated serial port: a pty whose other end is linked at the endpoint's path, with faults of the wire."""

import asyncio
import os
import pty
import random
import tty
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from devices.sim.wirelog import WireLog


@dataclass
class Faults:
    """Knobs of one wire.

    `dead`: hears and says nothing; `mute`: acts, but its answers get lost (True, or how many); `garble`: share of
    answers with a damaged bit (True = all); `delay_ms`: answers come late; `chunk`: answers come in pieces of that
    many bytes; `jam`: the mechanism does not move; `wrong`: well-formed answers with a wrong content;
    `unplugged`: the port is not there.
    """

    dead: bool = False
    mute: int = 0
    garble: float = 0.0
    delay_ms: int = 0
    chunk: int = 0
    jam: bool = False
    wrong: bool = False
    unplugged: bool = False

    def set(self, knobs: dict[str, Any]) -> None:
        """Set knobs; ValueError for one that does not exist."""
        known = {f.name: f.type for f in fields(self)}
        if unknown := set(knobs) - set(known):
            raise ValueError(f"unknown fault {sorted(unknown)}; known: {sorted(known)}")
        for name, value in knobs.items():
            always = {"mute": 1_000_000_000, "garble": 1.0}.get(name)
            setattr(self, name, always if value is True and always is not None else value or False)


class PtyPort:
    """One wire, with one device or several on it; `send` answers."""

    def __init__(self, wire: str, path: Path, log: WireLog) -> None:
        self.wire, self.path, self._log = wire, path, log
        self.faults = Faults()
        self._ears: list[Callable[[bytes], None]] = []
        self._master = self._slave = -1
        self._random = random.Random(wire)  # noqa: S311 - repeatable noise

    def listen(self, heard: Callable[[bytes], None]) -> None:
        """Let a device hear every chunk that the host writes."""
        self._ears.append(heard)

    def plug(self) -> None:
        """Make the pty and link it at the path. Our own hold on the slave side outlives every reader."""
        if self._master >= 0:
            return
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(self.path)
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    def unplug(self) -> None:
        """Take the port away; whoever has it open is hung up."""
        if self._master < 0:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        self.path.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    def follow_faults(self) -> None:
        """Plug or unplug as the knobs say."""
        if self.faults.unplugged:
            self.unplug()
        else:
            self.plug()

    def send(self, data: bytes) -> None:
        """Answer, as far as the faults let it through."""
        if self.faults.dead:
            return
        if self.faults.mute:
            self.faults.mute -= 1
            return
        if self._random.random() < self.faults.garble:
            data = self._damaged(data)
        size = self.faults.chunk or len(data)
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        for number, piece in enumerate(pieces):
            seconds = self.faults.delay_ms / 1000 + number * 0.002
            if seconds:
                asyncio.get_running_loop().call_later(seconds, self._write, piece)
            else:
                self._write(piece)

    def _damaged(self, data: bytes) -> bytes:
        damaged = bytearray(data)
        damaged[self._random.randrange(len(damaged))] ^= 1 << self._random.randrange(8)
        return bytes(damaged)

    def _write(self, data: bytes) -> None:
        if self._master < 0:
            return
        try:
            sent = os.write(self._master, data)
        except BlockingIOError:
            sent = 0  # nobody reads: a real wire loses it too
        self._log.bytes(self.wire, "tx", data[:sent])

    def _readable(self) -> None:
        try:
            data = os.read(self._master, 4096)
        except BlockingIOError:
            return
        self._log.bytes(self.wire, "rx", data)
        if data and not self.faults.dead:
            for heard in self._ears:
                heard(data)
