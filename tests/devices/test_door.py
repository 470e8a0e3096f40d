"""Doors and relays on one Modbus board over a real pty; judged by the simulated door and by the wire."""

import time
from pathlib import Path

import pytest
from pymodbus.client import ModbusSerialClient
from small_site import Site, drivers, eventually, write_plan

from devices.modbus import write_request
from devices.ports import DeviceEvent, DoorChanged, ExitPressed, Result
from tests.simulated import simulated_venue


def unlocks(site: Site, coil: int = 0) -> int:
    return site.sim.heard("board").count(write_request(1, coil, True))


@pytest.mark.req("C4")
def test_unlock_opens_this_door_only_and_locks_again(site: Site) -> None:
    assert site.sim.post("/doors/door-a/open") == {"opened": False}
    assert site.devices.doors["door-a"].unlock(1.0).result(5) is Result.DONE
    assert site.sim.post("/doors/door-b/open") == {"opened": False}
    assert site.sim.post("/doors/door-a/open") == {"opened": True}
    assert eventually(lambda: site.devices.doors["door-a"].is_open())
    site.sim.post("/doors/door-a/close")
    assert eventually(lambda: site.sim.get("/doors/door-a")["locked"], 2)
    assert eventually(lambda: site.devices.doors["door-a"].is_open() is False)
    assert pulse_us(site) < 0.5e6, (
        "one grant, one opening: the rest of the pulse is not left to whoever follows"
    )
    changes = [(e.door, e.open) for e in site.of(DoorChanged) if not e.initial]
    assert changes == [("door-a", True), ("door-a", False)]
    assert unlocks(site) == 1


def test_an_unused_unlock_ends_by_itself(site: Site) -> None:
    assert site.devices.doors["door-a"].unlock(1.0).result(5) is Result.DONE
    assert eventually(lambda: site.sim.get("/doors/door-a")["locked"], 3)
    assert 0.9e6 < pulse_us(site) < 1.4e6


def pulse_us(site: Site) -> int:
    """How long the lock was released, by the simulated lock itself."""
    released, engaged = (site.sim.events(e)[0]["t_us"] for e in ("lock_released", "lock_engaged"))
    return int(engaged - released)


def test_forced_door_is_seen_within_150_ms(site: Site) -> None:
    before = time.monotonic()
    site.sim.post("/doors/door-b/open", force=True)
    assert eventually(lambda: site.devices.doors["door-b"].is_open(), 1)
    assert time.monotonic() - before < 0.4


def test_exit_button_needs_no_software(site: Site) -> None:
    """The button is wired to the lock: it works with the board's line dead, and is seen when it is alive."""
    site.sim.post("/doors/door-a/exit", seconds=0.5)
    assert eventually(lambda: site.of(ExitPressed))
    assert eventually(lambda: site.sim.get("/doors/door-a")["locked"], 2)
    site.sim.fault("board", dead=True)
    site.sim.post("/doors/door-a/exit")
    assert site.sim.post("/doors/door-a/walk", timeout=1.0, open_for=0.1) == {"opened": True}


def test_the_button_is_told_before_the_door_it_opened(site: Site) -> None:
    """Pressed and opened within one scan: otherwise leaving would look like forcing."""

    def told() -> list[DeviceEvent]:
        changes = [e for e in site.events if isinstance(e, ExitPressed | DoorChanged)]
        return [e for e in changes if isinstance(e, ExitPressed) or not e.initial]

    for _ in range(5):
        before = len(told())
        site.sim.post("/doors/door-a/exit", seconds=1.0)
        site.sim.post("/doors/door-a/walk", timeout=0.5, open_for=0.2)
        assert eventually(lambda n=before: len(told()) - n == 3)
        assert isinstance(told()[before], ExitPressed)
        assert eventually(lambda: not site.sim.get("/relays/board")["inputs"][4])
        time.sleep(0.15)


def test_answer_lost_is_unknown_one_unlock_and_locked_again(site: Site) -> None:
    site.sim.fault("board", mute=True)
    assert site.devices.doors["door-a"].unlock(0.5).result(5) is Result.UNKNOWN
    site.sim.fault("board", mute=0)
    assert eventually(lambda: site.sim.get("/doors/door-a")["locked"], 5)
    assert unlocks(site) == 1


def test_only_the_echo_lost_is_decided_by_reading_back(site: Site) -> None:
    site.sim.fault("board", wrong=True)
    assert site.devices.doors["door-a"].unlock(0.5).result(5) is Result.DONE
    assert unlocks(site) == 1


def test_a_coil_that_does_not_move_is_refused(site: Site) -> None:
    site.sim.fault("board", jam=True)
    assert site.devices.doors["door-a"].unlock(0.5).result(5) is Result.REFUSED
    assert unlocks(site) == 1


def test_pulled_cable_during_a_pulse_locks_when_it_is_back(site: Site) -> None:
    assert site.devices.doors["door-a"].unlock(30.0).result(5) is Result.DONE
    site.sim.fault("board", unplugged=True)
    assert eventually(lambda: not site.online("board"))
    assert site.devices.doors["door-b"].unlock(1.0).result(5) is Result.REFUSED
    site.sim.fault("board", unplugged=False)
    assert eventually(lambda: site.sim.get("/doors/door-a")["locked"], 5)
    assert eventually(lambda: site.online("board"))
    assert (unlocks(site, 0), unlocks(site, 1)) == (1, 0)


def test_a_door_left_unlocked_by_a_crash_is_locked_at_start(tmp_path: Path) -> None:
    plan = write_plan(tmp_path)
    with simulated_venue(plan, tmp_path) as sim:
        client = ModbusSerialClient(str(tmp_path / "dev" / "board"), baudrate=9600, timeout=1)
        assert client.connect()
        assert not client.write_coil(1, True, device_id=1).isError()
        assert client.read_discrete_inputs(0, count=8, device_id=1).bits[:2] == [True, True]
        client.close()
        assert sim.get("/doors/door-b")["locked"] is False
        events: list[DeviceEvent] = []
        devices = drivers(plan, tmp_path, events)
        devices.start()
        assert eventually(lambda: sim.get("/doors/door-b")["locked"])
        devices.stop()


def test_stopping_locks_what_is_unlocked(tmp_path: Path) -> None:
    plan = write_plan(tmp_path)
    with simulated_venue(plan, tmp_path) as sim:
        devices = drivers(plan, tmp_path, [])
        devices.start()
        assert eventually(lambda: devices.doors["door-a"].is_open() is False)
        assert devices.doors["door-a"].unlock(30).result(5) is Result.DONE
        devices.stop()
        assert sim.get("/doors/door-a")["locked"] is True


def test_facility_relay(site: Site) -> None:
    power = site.devices.relays["power"]
    assert power.switch(True).result(5) is Result.DONE
    assert site.sim.get("/relays/board")["coils"][6] is True
    assert power.switch(False).result(5) is Result.DONE
    assert [e["on"] for e in site.sim.events("facility_switched")] == [True, False]


SECOND_BOARD = """
[[devices]]
id = "board-2"
class = "relay_board"
driver = "modbus_relay"
endpoint = "serial:{home}/dev/board?baud=9600"
unit = 2
coils = 4
inputs = 4

[[doors]]
id = "door-c"
board = "board-2"
coil = 0
contact_input = 0
exit_input = 1
"""


def test_two_boards_on_one_line(tmp_path: Path) -> None:
    """One owner of the port, two units; each answers for itself, and both lock when stopped."""
    plan = write_plan(tmp_path)
    plan.write_text(plan.read_text(encoding="utf-8") + SECOND_BOARD, encoding="utf-8")
    with simulated_venue(plan, tmp_path) as sim:
        devices = drivers(plan, tmp_path, [])
        devices.start()
        assert eventually(lambda: devices.doors["door-a"].is_open() is False)
        assert eventually(lambda: devices.doors["door-c"].is_open() is False)
        assert devices.doors["door-c"].unlock(30).result(5) is Result.DONE
        assert [sim.get(f"/doors/door-{n}")["locked"] for n in "ac"] == [True, False]
        assert devices.doors["door-a"].unlock(30).result(5) is Result.DONE
        devices.stop()
        assert [sim.get(f"/doors/door-{n}")["locked"] for n in "ac"] == [True, True]
