"""A small venue on real ptys: one reader, one locker bank, one gate, one relay board with two doors, a gateway."""

import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from devices.build import DeviceSet, build_devices
from devices.ports import DeviceEvent, HealthState
from tests.simulated import Simulated

PLAN = """
[venue]
id = "T01"
simulated = true

[[devices]]
id = "reader"
class = "id_reader"
driver = "sam_reader"
endpoint = "serial:{home}/dev/reader?baud=115200"

[[devices]]
id = "bank"
class = "locker_bank"
driver = "locker_8a"
endpoint = "serial:{home}/dev/bank?baud=9600"
board = 1
ways = 24
feedback = "FEEDBACK"

[[devices]]
id = "gate"
class = "detection_gate"
driver = "gate_serial"
endpoint = "serial:{home}/dev/gate?baud=115200"
address = 1
mode = "MODE"

[[devices]]
id = "board"
class = "relay_board"
driver = "modbus_relay"
endpoint = "serial:{home}/dev/board?baud=9600"
unit = 1
coils = 8
inputs = 8

[[doors]]
id = "door-a"
board = "board"
coil = 0
contact_input = 0
exit_input = 4

[[doors]]
id = "door-b"
board = "board"
coil = 1
contact_input = 1
exit_input = 5

[[relays]]
id = "power"
board = "board"
coil = 6
room = "room"
"""
T = TypeVar("T")


def mono_us() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


class Site:
    """Drivers and simulators of one small venue, and every event so far."""

    def __init__(self, sim: Simulated, devices: DeviceSet, events: list[DeviceEvent]) -> None:
        self.sim, self.devices, self.events = sim, devices, events

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    def online(self, *names: str) -> bool:
        health = self.devices.health()
        return all(health[name].state is HealthState.ONLINE for name in names)


def eventually(true: Callable[[], Any], seconds: float = 5.0) -> bool:
    """Whether it became true in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.01)
    return bool(true())


def write_plan(home: Path, **words: str) -> Path:
    text = PLAN.replace("FEEDBACK", words.get("feedback", "closed_on_lock"))
    path = home / "venue.toml"
    path.write_text(text.replace("MODE", words.get("mode", "auto")), encoding="utf-8")
    return path


def drivers(plan: Path, home: Path, events: list[DeviceEvent]) -> DeviceSet:
    raw = tomllib.loads(plan.read_text(encoding="utf-8"))
    return build_devices(
        raw["devices"],
        events.append,
        mono_us=mono_us,
        doors=raw["doors"],
        relays=raw["relays"],
        home=str(home),
    )
