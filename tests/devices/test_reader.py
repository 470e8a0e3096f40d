"""The ID-card reader over a real pty."""

import pytest
from small_site import Site, eventually

from devices.ports import CardPlaced, CardRemoved, CardUnreadable, HealthState

NUMBER, OTHER = "110101199003071233", "000000196601010034"


@pytest.mark.req("C1")
def test_a_card_is_told_once_a_placement(site: Site) -> None:
    site.sim.place("reader", NUMBER)
    assert eventually(lambda: site.of(CardPlaced))
    assert eventually(lambda: site.of(CardRemoved))
    site.sim.place("reader", NUMBER)
    assert eventually(lambda: len(site.of(CardPlaced)) == 2)
    card = site.of(CardPlaced)[0].card
    assert (card.number, card.name) == (NUMBER, "示例专家 01")
    assert card.valid_to is not None
    assert site.of(CardPlaced)[0].mono_us > 0
    assert NUMBER not in repr(site.of(CardPlaced)[0])


def test_a_card_without_end(site: Site) -> None:
    site.sim.post("/readers/reader/card", number=NUMBER, name="示例专家 01", valid_to="长期")
    assert eventually(lambda: site.of(CardPlaced))
    assert site.of(CardPlaced)[0].card.valid_to is None


def test_garbled_bytes_are_unreadable_never_a_wrong_card(site: Site) -> None:
    site.sim.fault("reader", garble=0.5)
    for _ in range(6):
        before = len(site.events)
        site.sim.place("reader", NUMBER)
        told = eventually(
            lambda n=before: [e for e in site.events[n:] if isinstance(e, CardPlaced | CardUnreadable)], 3.0
        )
        assert told
    assert {e.card.number for e in site.of(CardPlaced)} <= {NUMBER}


def test_a_wrong_check_digit_is_refused(site: Site) -> None:
    site.sim.fault("reader", wrong=True)
    site.sim.place("reader", NUMBER)
    assert eventually(lambda: site.of(CardUnreadable))
    assert site.of(CardUnreadable)[0].reason == "check_digit"
    assert not site.of(CardPlaced)


def test_pieces_of_64_bytes_and_late_answers(site: Site) -> None:
    site.sim.fault("reader", chunk=64, delay_ms=40)
    site.sim.place("reader", NUMBER)
    assert eventually(lambda: site.of(CardPlaced))


def test_silence_is_offline_and_speech_online(site: Site) -> None:
    site.sim.fault("reader", dead=True)
    assert eventually(lambda: site.devices.health()["reader"].state is HealthState.OFFLINE, 6)
    assert site.devices.health()["reader"].reason == "silent"
    site.sim.fault("reader", dead=False)
    assert eventually(lambda: site.online("reader"), 6)


def test_cable_pulled_and_put_back(site: Site) -> None:
    site.sim.place("reader", NUMBER)
    assert eventually(lambda: site.of(CardPlaced))
    site.sim.fault("reader", unplugged=True)
    assert eventually(lambda: not site.online("reader"))
    assert site.devices.health()["reader"].reason in ("port_lost", "port_missing")
    site.sim.fault("reader", unplugged=False)
    assert eventually(lambda: site.online("reader"))
    site.sim.place("reader", OTHER)
    assert eventually(lambda: len(site.of(CardPlaced)) == 2)
    assert site.of(CardPlaced)[1].card.number == OTHER
