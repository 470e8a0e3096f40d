"""From the tables of a venue file to running drivers, by registries of driver names.

A new driver is one file and one line here. A device that is not there starts offline and comes online when it
appears; a table that makes no sense is a BuildError that names it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from devices.bus import Bus
from devices.door_modbus import DoorWiring, RelayBoard
from devices.endpoint import EndpointError, UrlEndpoint, parse_endpoint
from devices.gate_serial import SerialGate
from devices.locker_8a import Locker8A
from devices.ports import (
    DetectionGate,
    Device,
    Door,
    Health,
    IdReader,
    Listener,
    LockerBank,
    MonoUs,
    Relay,
    TextMessages,
)
from devices.sam_reader import SamReader
from devices.sms_http import HttpTextMessages

T = TypeVar("T")
Table = Mapping[str, Any]


class BuildError(Exception):
    """A table of the venue file cannot be built; the text names the device and what to write."""


@dataclass
class DeviceSet:
    """All devices of a venue. `classes` is device id → class, as the venue file writes it."""

    readers: dict[str, IdReader] = field(default_factory=dict)
    banks: dict[str, LockerBank] = field(default_factory=dict)
    gates: dict[str, DetectionGate] = field(default_factory=dict)
    boards: dict[str, RelayBoard] = field(default_factory=dict)
    doors: dict[str, Door] = field(default_factory=dict)
    relays: dict[str, Relay] = field(default_factory=dict)
    messages: TextMessages | None = None
    classes: dict[str, str] = field(default_factory=dict)
    all: dict[str, Device] = field(default_factory=dict)
    listener: Listener = lambda event: None

    def start(self) -> None:
        """Start every driver; returns at once."""
        for device in self.all.values():
            device.start(self.listener)

    def stop(self) -> None:
        """Stop every driver; doors that stand unlocked are locked first."""
        for device in self.all.values():
            device.stop()

    def health(self) -> dict[str, Health]:
        """Device id → health now."""
        return {name: device.health() for name, device in self.all.items()}


def build_devices(
    specs: Sequence[Table],
    listener: Listener,
    *,
    mono_us: MonoUs,
    doors: Sequence[Table] = (),
    relays: Sequence[Table] = (),
    home: str = "",
) -> DeviceSet:
    """Build drivers from `[[devices]]`, `[[doors]]` and `[[relays]]`; `{home}` in endpoints is replaced.

    Nothing is opened before `start`. Events go to the listener on the drivers' threads. Raises BuildError.
    """
    made = DeviceSet(listener=listener)
    yard = _Yard(mono_us, home)
    for table in specs:
        _add(made, yard, table)
    for table in doors:
        wiring = DoorWiring(table["id"], table["coil"], table["contact_input"], table["exit_input"])
        made.doors[wiring.id] = _wired(table, _board_of(made, table).door, wiring)
    for table in relays:
        made.relays[table["id"]] = _wired(table, _board_of(made, table).relay, table["id"], table["coil"])
    return made


class _Yard:
    """Buses by endpoint: two devices on one port share its owner thread."""

    def __init__(self, mono_us: MonoUs, home: str) -> None:
        self.mono_us, self._home = mono_us, home
        self._buses: dict[str, Bus] = {}

    def endpoint(self, table: Table) -> str:
        return str(table["endpoint"]).replace("{home}", self._home)

    def bus(self, table: Table) -> Bus:
        text = self.endpoint(table)
        endpoint = parse_endpoint(text)
        if isinstance(endpoint, UrlEndpoint):
            raise EndpointError(f"{text!r}: write serial:PATH?baud=N or tcp:HOST:PORT")
        return self._buses.setdefault(text, Bus(table["id"], endpoint))


def _settings(table: Table, *names: str) -> dict[str, Any]:
    known = {"id", "class", "driver", "endpoint", *names}
    if unknown := set(table) - known:
        raise ValueError(f"unknown setting {sorted(unknown)}; known: {sorted(known)}")
    return {name: table[name] for name in names if name in table}


def _reader(table: Table, yard: _Yard) -> SamReader:
    _settings(table)
    return SamReader(table["id"], yard.bus(table), yard.mono_us)


def _bank(table: Table, yard: _Yard) -> Locker8A:
    settings = _settings(table, "board", "ways", "feedback")
    return Locker8A(table["id"], yard.bus(table), yard.mono_us, **settings)


def _gate(table: Table, yard: _Yard) -> SerialGate:
    settings = _settings(table, "address", "mode", "inward")
    return SerialGate(table["id"], yard.bus(table), yard.mono_us, **settings)


def _board(table: Table, yard: _Yard) -> RelayBoard:
    settings = _settings(table, "unit", "coils", "inputs", "contact")
    return RelayBoard(table["id"], yard.bus(table), yard.mono_us, **settings)


def _messages(table: Table, yard: _Yard) -> HttpTextMessages:
    settings = _settings(table, "timeout_s")
    return HttpTextMessages(table["id"], yard.endpoint(table), yard.mono_us, **settings)


_READERS: Mapping[str, Callable[[Table, _Yard], SamReader]] = {"sam_reader": _reader}
_BANKS: Mapping[str, Callable[[Table, _Yard], Locker8A]] = {"locker_8a": _bank}
_GATES: Mapping[str, Callable[[Table, _Yard], SerialGate]] = {"gate_serial": _gate}
_BOARDS: Mapping[str, Callable[[Table, _Yard], RelayBoard]] = {"modbus_relay": _board}
_GATEWAYS: Mapping[str, Callable[[Table, _Yard], HttpTextMessages]] = {"sms_http": _messages}


def _add(made: DeviceSet, yard: _Yard, table: Table) -> None:
    name, kind, driver = table["id"], table["class"], table["driver"]
    try:
        match kind:
            case "id_reader":
                made.all[name] = made.readers[name] = _READERS[driver](table, yard)
            case "locker_bank":
                made.all[name] = made.banks[name] = _BANKS[driver](table, yard)
            case "detection_gate":
                made.all[name] = made.gates[name] = _GATES[driver](table, yard)
            case "relay_board":
                made.all[name] = made.boards[name] = _BOARDS[driver](table, yard)
            case "text_messages":
                made.all[name] = made.messages = _GATEWAYS[driver](table, yard)
            case other:
                raise BuildError(f"device {name}: no class {other!r}")
    except KeyError as error:
        raise BuildError(f"device {name}: class {kind} has no driver {driver!r}") from error
    except (ValueError, TypeError) as error:
        raise BuildError(f"device {name}: {error}") from error
    made.classes[name] = kind


def _board_of(made: DeviceSet, table: Table) -> RelayBoard:
    board = made.boards.get(table["board"])
    if board is None:
        raise BuildError(f"{table['id']}: {table['board']!r} is not a relay board")
    return board


def _wired(table: Table, make: Callable[..., T], *terminals: Any) -> T:
    try:
        return make(*terminals)
    except ValueError as error:
        raise BuildError(f"{table['id']}: {error}") from error
