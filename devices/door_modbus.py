"""Doors and facility relays on a Modbus RTU relay board: lock coils, door contacts, exit buttons.

Several doors share one board and one RS-485 line, so the board is the rider on the bus and the doors are
views of it. The unlock pulse is timed here and ends early when the door has opened (one grant, one
opening); a coil that is on without a pulse (after a crash, or because a switch-off got lost) is switched
off until that is confirmed. Locking may be repeated, unlocking is not (keeps I-5). The exit button releases
the lock by wire; here it is only seen (keeps I-3).
"""

import time
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from typing import Literal

from devices import modbus
from devices.bus import Bus, NoAnswerError, Wire
from devices.health import HealthKeeper
from devices.ports import DoorChanged, ExitPressed, Health, InputChanged, Listener, MonoUs, Result

_POLL_EVERY_S, _POLL_WHEN_OFFLINE_S = 0.1, 1.0
_COILS_EVERY = 10
_ANSWER_S = 0.25
_READ_TRIES = 3
_STOP_WAITS_S = 2.0


@dataclass(frozen=True, slots=True)
class DoorWiring:
    """Where a door is connected on its board."""

    id: str
    coil: int
    contact_input: int
    exit_input: int


class RelayBoard:
    """One board: reads its inputs all the time, writes coils when asked.

    `contact`: `on_when_shut` (a cut wire looks like an open door) or `on_when_open`.
    """

    listens = False

    def __init__(
        self,
        id: str,  # noqa: A002 - the port's word
        bus: Bus,
        mono_us: MonoUs,
        *,
        unit: int = 1,
        coils: int = 16,
        inputs: int = 16,
        contact: Literal["on_when_shut", "on_when_open"] = "on_when_shut",
    ) -> None:
        self.id, self.bus, self._mono_us = id, bus, mono_us
        self._unit, self._coils, self._inputs = unit, coils, inputs
        self._open_level = contact == "on_when_open"
        self._listener: Listener = lambda event: None
        self._keeper = HealthKeeper(id, mono_us, self._listener)
        self._doors: list[DoorWiring] = []
        self._plain_inputs: dict[str, int] = {}
        self._pulses: dict[int, float] = {}
        self._unconfirmed: set[int] = set()
        self._seen: tuple[bool, ...] | None = None
        self._polls = 0
        bus.add(self)

    def door(self, wiring: DoorWiring) -> "BoardDoor":
        """A door on this board; before `start`."""
        if wiring.coil >= self._coils or max(wiring.contact_input, wiring.exit_input) >= self._inputs:
            raise ValueError(f"{self.id} has {self._coils} coils and {self._inputs} inputs")
        self._doors.append(wiring)
        return BoardDoor(wiring, self)

    def relay(self, id: str, coil: int) -> "BoardRelay":  # noqa: A002
        """A facility relay on this board."""
        if coil >= self._coils:
            raise ValueError(f"{self.id} has {self._coils} coils")
        return BoardRelay(id, coil, self)

    def input(self, id: str, number: int) -> "BoardInput":  # noqa: A002
        """A plain contact on this board; before `start`."""
        if number >= self._inputs:
            raise ValueError(f"{self.id} has {self._inputs} inputs")
        self._plain_inputs[id] = number
        return BoardInput(id, number, self)

    def start(self, listener: Listener) -> None:
        """See Device."""
        self._listener = listener
        self._keeper = HealthKeeper(self.id, self._mono_us, listener)
        self.bus.start()

    def stop(self) -> None:
        """Lock every door that stands unlocked, then end."""
        wait([self.bus.act(partial(self.lock_now, coil=c)) for c in tuple(self._pulses)], _STOP_WAITS_S)
        self.bus.stop()

    def health(self) -> Health:
        """See Device."""
        return self._keeper.now()

    def input_level(self, number: int) -> bool | None:
        """An input as last read; None while offline."""
        seen = self._seen
        return None if seen is None or self._keeper.offline else seen[number]

    def is_open(self, wiring: DoorWiring) -> bool | None:
        """A door's contact as last read."""
        level = self.input_level(wiring.contact_input)
        return None if level is None else level == self._open_level

    # ---- acts, on the bus thread ----

    def unlock_now(self, wire: Wire, coil: int, seconds: float) -> Result:
        """Switch a lock coil on, once, and read it back; the pulse ends whatever the answer was."""
        self._pulses[coil] = time.monotonic() + seconds
        self._unconfirmed.discard(coil)
        return self._write(wire, coil, on=True)

    def lock_now(self, wire: Wire, coil: int) -> Result:
        """Switch a lock coil off and read it back; unconfirmed ones are tried again with each poll."""
        self._pulses.pop(coil, None)
        self._unconfirmed.add(coil)
        result = self._write(wire, coil, on=False)
        if result is Result.DONE:
            self._unconfirmed.discard(coil)
        return result

    def switch_now(self, wire: Wire, coil: int, on: bool) -> Result:
        """Switch a facility and read it back."""
        return self._write(wire, coil, on)

    def _write(self, wire: Wire, coil: int, on: bool) -> Result:
        request = modbus.write_request(self._unit, coil, on)
        try:
            wire.ask(request, modbus.echo_answer(request), _ANSWER_S)
            answered = True
        except modbus.ModbusRefusalError:
            answered = True
        except NoAnswerError as error:
            self._keeper.missed(error.reason)
            answered = False  # never sent again from here (keeps I-5)
        coils = self._read_coils(wire)
        if coils is None:
            return Result.UNKNOWN
        if coils[coil] is on:
            return Result.DONE
        return Result.REFUSED if answered else Result.UNKNOWN

    def _read_coils(self, wire: Wire) -> tuple[bool, ...] | None:
        for _ in range(_READ_TRIES):
            try:
                return self._read(wire, modbus.READ_COILS, self._coils)
            except NoAnswerError as error:
                self._keeper.missed(error.reason)
            except modbus.ModbusRefusalError as error:
                self._keeper.missed(f"exception_{error.code}")
        return None

    def _read(self, wire: Wire, function: int, count: int) -> tuple[bool, ...]:
        request = modbus.read_request(self._unit, function, 0, count)
        return wire.ask(request, modbus.bits_answer(self._unit, function, count), _ANSWER_S)

    # ---- rider ----

    def connected(self, wire: Wire) -> None:
        """Contacts are found anew; running pulses end, since nobody knows what the board did meanwhile."""
        self._seen, self._polls = None, 0
        self._unconfirmed |= set(self._pulses)
        self._pulses.clear()

    def lost(self, reason: str) -> None:
        """See Rider."""
        self._seen = None
        self._keeper.lost(reason)

    def heard(self, wire: Wire, data: bytes) -> None:
        """A Modbus slave says nothing unasked."""

    def poll(self, wire: Wire) -> float:
        """Read the inputs (≤ 150 ms apart), now and then the coils; end pulses that are due."""
        self._end_pulses(wire)
        try:
            inputs = self._read(wire, modbus.READ_INPUTS, self._inputs)
            if self._polls % _COILS_EVERY == 0:
                self._lock_strays(self._read(wire, modbus.READ_COILS, self._coils))
        except NoAnswerError as error:
            return self._failed(error.reason)
        except modbus.ModbusRefusalError as error:
            return self._failed(f"exception_{error.code}")
        self._polls += 1
        self._compare(inputs)
        if self._unconfirmed:
            self._keeper.doubted("lock_not_confirmed")
        else:
            self._keeper.answered()
        return self._until_next()

    def _failed(self, reason: str) -> float:
        self._keeper.missed(reason)
        return _POLL_WHEN_OFFLINE_S if self._keeper.offline and not self._pulses else _POLL_EVERY_S

    def _lock_strays(self, coils: tuple[bool, ...]) -> None:
        lock_coils = {wiring.coil for wiring in self._doors}
        self._unconfirmed |= {c for c in lock_coils if coils[c] and c not in self._pulses}

    def _end_pulses(self, wire: Wire) -> None:
        now = time.monotonic()
        due = {coil for coil, until in self._pulses.items() if until <= now}
        for coil in due | self._unconfirmed:
            self.lock_now(wire, coil)

    def _until_next(self) -> float:
        soonest = min(self._pulses.values(), default=float("inf")) - time.monotonic()
        return max(0.0, min(_POLL_EVERY_S, soonest))

    def _compare(self, inputs: tuple[bool, ...]) -> None:
        before, self._seen = self._seen, inputs
        now = self._mono_us()
        for wiring in self._doors:
            contact, button = inputs[wiring.contact_input], inputs[wiring.exit_input]
            if button and (before is None or not before[wiring.exit_input]):
                self._listener(
                    ExitPressed(wiring.id, now)
                )  # before the door it opened, seen in the same scan
            if before is None or before[wiring.contact_input] is not contact:
                is_open = contact == self._open_level
                if is_open and wiring.coil in self._pulses:
                    self._pulses[wiring.coil] = 0.0  # one pulse, one opening: nobody follows on what is left
                self._listener(DoorChanged(wiring.id, is_open, before is None, now))
        for name, number in self._plain_inputs.items():
            if before is None or before[number] is not inputs[number]:
                self._listener(InputChanged(name, inputs[number], now))


class BoardDoor:
    """A Door on a relay board."""

    def __init__(self, wiring: DoorWiring, board: RelayBoard) -> None:
        self.id, self.board = wiring.id, board
        self._wiring = wiring

    def unlock(self, seconds: float) -> Future[Result]:
        """See Door."""
        coil = self._wiring.coil
        return self.board.bus.act(lambda wire: self.board.unlock_now(wire, coil, seconds))

    def lock(self) -> Future[Result]:
        """See Door."""
        return self.board.bus.act(lambda wire: self.board.lock_now(wire, self._wiring.coil))

    def is_open(self) -> bool | None:
        """See Door."""
        return self.board.is_open(self._wiring)

    def health(self) -> Health:
        """See Door."""
        return self.board.health()


class BoardRelay:
    """A Relay on a relay board."""

    def __init__(self, id: str, coil: int, board: RelayBoard) -> None:  # noqa: A002
        self.id, self.board, self._coil = id, board, coil

    def switch(self, on: bool) -> Future[Result]:
        """See Relay."""
        return self.board.bus.act(lambda wire: self.board.switch_now(wire, self._coil, on))

    def health(self) -> Health:
        """See Relay."""
        return self.board.health()


class BoardInput:
    """A DigitalInput on a relay board."""

    def __init__(self, id: str, number: int, board: RelayBoard) -> None:  # noqa: A002
        self.id, self.board, self._number = id, board, number

    def state(self) -> bool | None:
        """See DigitalInput."""
        return self.board.input_level(self._number)
