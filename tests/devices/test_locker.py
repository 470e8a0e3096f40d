"""The locker bank over a real pty; unlock frames are counted on the wire."""

import pytest
from small_site import Site, eventually

from devices.locker_8a import open_request
from devices.ports import LockerChanged, Result


def unlocks(site: Site, locker: int) -> int:
    return site.sim.heard("bank").count(open_request(1, locker))


@pytest.mark.req("C2")
@pytest.mark.parametrize("words", [{}, {"feedback": "closed_on_open"}], ids=["on_lock", "on_open"])
def test_open_is_confirmed_by_the_state(site: Site) -> None:
    bank = site.devices.banks["bank"]
    assert eventually(lambda: len(bank.states()) == 24 and all(bank.states().values()))
    assert bank.open(5).result(5) is Result.DONE
    assert site.sim.events("locker_opened")[0]["locker"] == 5
    assert bank.states()[5] is False
    site.sim.post("/lockers/bank/5/shut")
    assert eventually(lambda: bank.states()[5])
    changes = [(e.locker, e.closed) for e in site.of(LockerChanged) if not e.initial]
    assert changes == [(5, False), (5, True)]


def test_a_jammed_lock_is_refused(site: Site) -> None:
    site.sim.post("/lockers/bank/4/jam", on=True)
    assert site.devices.banks["bank"].open(4).result(5) is Result.REFUSED
    assert unlocks(site, 4) == 1


def test_all_answers_lost_is_unknown_and_one_unlock_on_the_wire(site: Site) -> None:
    site.sim.fault("bank", mute=True)
    assert site.devices.banks["bank"].open(7).result(8) is Result.UNKNOWN
    assert site.sim.events("locker_opened")[0]["locker"] == 7
    site.sim.fault("bank", mute=0)
    assert eventually(lambda: site.devices.banks["bank"].states().get(7) is False, 6)
    assert unlocks(site, 7) == 1


def test_a_dead_board_is_unknown_and_asked_once(site: Site) -> None:
    site.sim.fault("bank", dead=True)
    assert site.devices.banks["bank"].open(7).result(8) is Result.UNKNOWN
    site.sim.fault("bank", dead=False)
    assert eventually(lambda: site.online("bank"), 6)
    assert unlocks(site, 7) == 1
    assert not site.sim.events("locker_opened")


def test_one_answer_lost_is_decided_by_reading(site: Site) -> None:
    bank = site.devices.banks["bank"]
    assert eventually(lambda: len(bank.states()) == 24)
    site.sim.fault("bank", garble=0.3)
    results = [bank.open(n).result(10) for n in (1, 2, 3)]
    site.sim.fault("bank", garble=0)
    opened = {e["locker"] for e in site.sim.events("locker_opened")}
    assert opened == {1, 2, 3}
    assert Result.REFUSED not in results
    assert [unlocks(site, n) for n in (1, 2, 3)] == [1, 1, 1]


def test_without_a_port_nothing_is_sent(site: Site) -> None:
    site.sim.fault("bank", unplugged=True)
    assert eventually(lambda: not site.online("bank"))
    assert site.devices.banks["bank"].open(9).result(5) is Result.REFUSED
    site.sim.fault("bank", unplugged=False)
    assert eventually(lambda: site.online("bank"))
    assert unlocks(site, 9) == 0


def test_no_such_locker(site: Site) -> None:
    with pytest.raises(ValueError, match="lockers 1 to 24"):
        site.devices.banks["bank"].open(25)
