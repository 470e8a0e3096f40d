"""Locker boards of the `8A` family: RS-485, 9600 8N1, frames of 5 bytes (7 for all states), XOR last.

The meaning of a state byte depends on the lock's feedback contact: `closed_on_lock` (contact shorted while
the door is shut: 11 = closed) or `closed_on_open` (the other way round). It is a setting per board and is
checked when the board is commissioned.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import reduce
from operator import xor
from typing import Literal

from devices.bus import Bus, NoAnswerError, Wire
from devices.health import HealthKeeper
from devices.ports import Health, Listener, LockerChanged, MonoUs, Result

Feedback = Literal["closed_on_lock", "closed_on_open"]
_OPEN, _STATE = 0x8A, 0x80
_DO_OPEN, _DO_READ = 0x11, 0x33
_POLL_EVERY_S, _POLL_WHEN_OFFLINE_S = 0.35, 2.0
_STATE_ANSWER_S, _OPEN_ANSWER_S = 0.25, 1.5
_GAP_BETWEEN_OPENINGS_S = 0.3
_VERIFY_READS = 3


# ---- codec ----------------------------------------------------------------------------------------


def _sealed(*body: int) -> bytes:
    return bytes(body) + bytes([reduce(xor, body)])


def open_request(board: int, lock: int) -> bytes:
    """Release one lock."""
    return _sealed(_OPEN, board, lock, _DO_OPEN)


def state_request(board: int, lock: int) -> bytes:
    """Ask for one state; lock 0 asks for all."""
    return _sealed(_STATE, board, lock, _DO_READ)


def take_frame(buffer: bytearray, start: bytes, size: int) -> bytes | None:
    """Take the first sound frame of that size that begins with `start`; drops all before it."""
    while (at := buffer.find(start)) >= 0:
        del buffer[:at]
        if len(buffer) < size:
            return None
        frame = bytes(buffer[:size])
        if reduce(xor, frame) == 0:
            del buffer[:size]
            return frame
        del buffer[0]
    return None


def one_state(board: int, lock: int, head: int = _STATE) -> Callable[[bytearray], int | None]:
    """Taker of the state byte (00 or 11) in the answer for one lock."""

    def take(buffer: bytearray) -> int | None:
        frame = take_frame(buffer, bytes([head, board, lock]), 5)
        return frame[3] if frame and frame[3] in (0x00, 0x11) else None

    return take


def all_states(board: int) -> Callable[[bytearray], int | None]:
    """Taker of the 24 state bits: bit 0 is lock 1; a set bit is contact shorted."""

    def take(buffer: bytearray) -> int | None:
        frame = take_frame(buffer, bytes([_STATE, board]), 7)
        return int.from_bytes(frame[2:5], "big") if frame and frame[5] == _DO_READ else None

    return take


# ---- driver ---------------------------------------------------------------------------------------


class Locker8A:
    """A LockerBank: one board on its bus."""

    listens = False

    def __init__(
        self,
        id: str,  # noqa: A002 - the port's word
        bus: Bus,
        mono_us: MonoUs,
        *,
        board: int = 1,
        ways: int = 24,
        feedback: Feedback = "closed_on_lock",
    ) -> None:
        if not 1 <= ways <= 24:
            raise ValueError("an 8A board has 1 to 24 ways")
        self.id, self._bus, self._mono_us = id, bus, mono_us
        self._board, self._ways, self._shorted_is_closed = board, ways, feedback == "closed_on_lock"
        self._listener: Listener = lambda event: None
        self._health = HealthKeeper(id, mono_us, self._listener)
        self._states: dict[int, bool] = {}
        self._candidate: int | None = None
        self._last_opening = 0.0
        bus.add(self)

    def start(self, listener: Listener) -> None:
        """See Device."""
        self._listener = listener
        self._health = HealthKeeper(self.id, self._mono_us, listener)
        self._bus.start()

    def stop(self) -> None:
        """See Device."""
        self._bus.stop()

    def health(self) -> Health:
        """See Device."""
        return self._health.now()

    def open(self, locker: int) -> Future[Result]:
        """Release one lock once, then read its state. Refused: still shut; unknown: nobody can say."""
        if not 1 <= locker <= self._ways:
            raise ValueError(f"{self.id} has lockers 1 to {self._ways}")
        return self._bus.act(lambda wire: self._open(wire, locker))

    def states(self) -> Mapping[int, bool]:
        """See LockerBank."""
        return {} if self._health.offline else dict(self._states)

    # ---- on the bus thread ----

    def connected(self, wire: Wire) -> None:
        """States are found anew."""
        self._states, self._candidate = {}, None

    def lost(self, reason: str) -> None:
        """See Rider."""
        self._health.lost(reason)

    def heard(self, wire: Wire, data: bytes) -> None:
        """Unasked state frames are left to the next poll, which confirms them."""

    def poll(self, wire: Wire) -> float:
        """Read all states; a change counts when two polls agree, since an XOR is a weak seal."""
        try:
            bits = wire.ask(state_request(self._board, 0), all_states(self._board), _STATE_ANSWER_S)
        except NoAnswerError as error:
            self._health.missed(error.reason)
            return _POLL_WHEN_OFFLINE_S if self._health.offline else _POLL_EVERY_S
        self._health.answered()
        if bits == self._candidate:
            self._believe(bits)
            return _POLL_EVERY_S
        self._candidate = bits
        return _POLL_EVERY_S / 4

    def _believe(self, bits: int) -> None:
        for locker in range(1, self._ways + 1):
            self._found(locker, bool(bits >> (locker - 1) & 1) == self._shorted_is_closed)

    def _found(self, locker: int, closed: bool) -> None:
        before = self._states.get(locker)
        if before is not closed:
            self._states[locker] = closed
            self._listener(LockerChanged(self.id, locker, closed, before is None, self._mono_us()))

    def _open(self, wire: Wire, locker: int) -> Result:
        time.sleep(max(0.0, self._last_opening + _GAP_BETWEEN_OPENINGS_S - time.monotonic()))
        self._last_opening = time.monotonic()
        try:
            request = open_request(self._board, locker)
            wire.ask(request, one_state(self._board, locker, _OPEN), _OPEN_ANSWER_S, gap=_OPEN_ANSWER_S)
            answered = True
        except NoAnswerError as error:
            self._health.missed(error.reason)
            answered = False  # never sent again (keeps I-5): only the state may be read
        closed = self._verify(wire, locker)
        if closed is None:
            return Result.UNKNOWN
        self._found(locker, closed)
        if not closed:
            return Result.DONE
        return Result.REFUSED if answered else Result.UNKNOWN

    def _verify(self, wire: Wire, locker: int) -> bool | None:
        """Whether the locker is closed; None when it cannot be read."""
        request, take = state_request(self._board, locker), one_state(self._board, locker)
        for _ in range(_VERIFY_READS):
            try:
                shorted = wire.ask(request, take, _STATE_ANSWER_S) == 0x11
            except NoAnswerError as error:
                self._health.missed(error.reason)
                continue
            self._candidate = None
            return shorted == self._shorted_is_closed
        return None
