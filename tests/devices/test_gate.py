"""The detection gate over a real pty: passages, alarms, and doubt whenever something does not agree."""

import pytest
from small_site import Site, eventually

from devices.ports import GateCounters, GatePassage


def walk(site: Site, *carrying: str, direction: str = "in") -> None:
    site.sim.post("/gates/gate/walk", carrying=list(carrying), direction=direction)


@pytest.mark.req("C3")
def test_clean_alarm_and_way_out(site: Site) -> None:
    for carrying, direction in (((), "in"), (("phone",), "in"), ((), "out"), (("earphone",), "out")):
        walk(site, *carrying, direction=direction)
    assert eventually(lambda: len(site.of(GatePassage)) == 4)
    told = [(p.direction, p.clear, p.kinds, p.doubtful) for p in site.of(GatePassage)]
    assert told == [
        ("in", True, (), False),
        ("in", False, ("phone",), False),
        ("out", True, (), False),
        ("out", False, ("earphone",), False),
    ]
    first, second, *_ = site.of(GatePassage)
    assert second.passage_no == first.passage_no + 1
    assert 0 < first.started_mono_us < first.ended_mono_us <= second.started_mono_us
    assert site.devices.gates["gate"].counters() == GateCounters(124, 125, 104, 105)


@pytest.mark.parametrize("words", [{"mode": "poll"}])
def test_poll_mode(site: Site) -> None:
    walk(site)
    walk(site, "phone")
    assert eventually(lambda: len(site.of(GatePassage)) == 2)
    assert [(p.clear, p.doubtful) for p in site.of(GatePassage)] == [(True, False), (False, False)]


def test_a_frame_that_disagrees_with_the_counters_is_doubtful(site: Site) -> None:
    site.sim.fault("gate", wrong=True)
    walk(site)
    assert eventually(lambda: site.of(GatePassage))
    assert (site.of(GatePassage)[0].clear, site.of(GatePassage)[0].doubtful) == (False, True)


def test_lost_frames_are_found_by_the_counters_and_doubtful(site: Site) -> None:
    """Everything the gate says is lost while somebody walks; the counters tell afterwards."""
    site.sim.fault("gate", mute=True)
    walk(site)
    site.sim.fault("gate", mute=0)
    assert eventually(lambda: site.of(GatePassage), 8)
    assert (site.of(GatePassage)[0].clear, site.of(GatePassage)[0].doubtful) == (False, True)
    assert len(site.of(GatePassage)) == 1


def test_noise_never_clears_an_alarm(site: Site) -> None:
    site.sim.fault("gate", garble=0.3)
    for _ in range(5):
        walk(site, "phone")
    site.sim.fault("gate", garble=0)
    assert eventually(lambda: len(site.of(GatePassage)) >= 1, 8)
    assert not [p for p in site.of(GatePassage) if p.clear]


@pytest.mark.req("C3")
def test_what_passed_while_nobody_read_is_not_told_later(site: Site) -> None:
    site.sim.fault("gate", unplugged=True)
    assert eventually(lambda: not site.online("gate"))
    walk(site)
    site.sim.fault("gate", unplugged=False)
    assert eventually(lambda: site.online("gate"))
    walk(site, "phone")
    assert eventually(lambda: site.of(GatePassage))
    assert [p.kinds for p in site.of(GatePassage)] == [("phone",)]
