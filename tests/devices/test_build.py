"""From tables to drivers: what makes no sense is named; what is not there is offline."""

import tomllib
from pathlib import Path

import pytest
from small_site import drivers, eventually, mono_us, write_plan

from devices.build import BuildError, build_devices
from devices.bus import Bus, NotSentError
from devices.endpoint import EndpointError, SerialEndpoint, TcpEndpoint, parse_endpoint
from devices.ports import DeviceEvent, DeviceHealth, HealthState, Result
from tests.simulated import simulated_venue

EXAMPLE = Path(__file__).parents[2] / "config" / "example" / "venue.toml"


@pytest.mark.fast
def test_the_example_venue_builds() -> None:
    raw = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    made = build_devices(
        raw["devices"], print, mono_us=mono_us, doors=raw["doors"], relays=raw["relays"], home="nowhere"
    )
    assert (len(made.readers), len(made.banks), len(made.gates)) == (9, 1, 1)
    assert (len(made.doors), len(made.relays)) == (7, 6)
    assert made.messages is not None
    assert made.classes["relays-1"] == "relay_board"


@pytest.mark.fast
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"driver": "magic"}, "no driver 'magic'"),
        ({"class": "toaster"}, "no class 'toaster'"),
        ({"endpoint": "serial:"}, "serial:PATH"),
        ({"endpoint": "http://127.0.0.1/"}, "tcp:HOST:PORT"),
        ({"ways": 99}, "1 to 24 ways"),
        ({"colour": "red"}, r"unknown setting \['colour'\]"),
    ],
)
def test_bad_tables_are_named(change: dict[str, object], says: str) -> None:
    table = {"id": "bank", "class": "locker_bank", "driver": "locker_8a", "endpoint": "serial:/dev/null"}
    with pytest.raises(BuildError, match=f"bank.*{says}"):
        build_devices([{**table, **change}], print, mono_us=mono_us)


@pytest.mark.fast
def test_a_door_needs_a_board_with_its_terminals() -> None:
    board = {
        "id": "b",
        "class": "relay_board",
        "driver": "modbus_relay",
        "endpoint": "tcp:127.0.0.1:1",
        "coils": 4,
    }
    door = {"id": "d", "board": "b", "coil": 9, "contact_input": 0, "exit_input": 1}
    with pytest.raises(BuildError, match="d: b has 4 coils"):
        build_devices([board], print, mono_us=mono_us, doors=[door])
    with pytest.raises(BuildError, match="not a relay board"):
        build_devices([], print, mono_us=mono_us, doors=[door])


@pytest.mark.fast
def test_endpoints() -> None:
    assert parse_endpoint("serial:/dev/ttyS1?baud=115200") == SerialEndpoint(Path("/dev/ttyS1"), 115200)
    assert parse_endpoint("tcp:10.0.0.9:4001") == TcpEndpoint("10.0.0.9", 4001)
    for bad in ("serial:/dev/x?speed=9", "tcp:host", "tcp:host:99999", "ftp://x", "http://"):
        with pytest.raises(EndpointError):
            parse_endpoint(bad)


def test_absent_then_there(tmp_path: Path) -> None:
    plan = write_plan(tmp_path)
    events: list[DeviceEvent] = []
    devices = drivers(plan, tmp_path, events)
    devices.start()
    assert eventually(lambda: len([e for e in events if isinstance(e, DeviceHealth)]) >= 4)
    assert {h.state for h in devices.health().values()} == {HealthState.OFFLINE}
    assert devices.doors["door-a"].unlock(1).result(2) is Result.REFUSED
    assert devices.doors["door-a"].is_open() is None
    assert devices.banks["bank"].states() == {}
    with simulated_venue(plan, tmp_path):
        assert eventually(lambda: {h.state for h in devices.health().values()} == {HealthState.ONLINE}, 10)
        devices.stop()


def test_a_port_is_ours_alone(tmp_path: Path) -> None:
    plan = write_plan(tmp_path)
    with simulated_venue(plan, tmp_path):
        first, second = drivers(plan, tmp_path, []), drivers(plan, tmp_path, [])
        first.start()
        assert eventually(lambda: {h.state for h in first.health().values()} == {HealthState.ONLINE}, 10)
        second.start()
        assert eventually(lambda: {h.reason for h in second.health().values()} == {"port_busy"}, 5)
        first.stop()
        second.stop()


def test_a_job_on_a_closed_bus_is_not_sent() -> None:
    bus = Bus("none", parse_endpoint("serial:/nowhere/at/all"))
    with pytest.raises(NotSentError):
        bus.submit(lambda wire: wire.write(b"x")).result(1)
    assert bus.act(lambda wire: Result.DONE).result(1) is Result.REFUSED
