"""What somebody tries who means it badly, and where an honest visitor would be stuck: every visit can end."""

import passage_journey as way
from passage_world import World, person, roster

from access_control.acts import Lock, OpenLocker, Unlock
from access_control.observations import KioskAction, LockerResult, RosterOpened, SittingClosed
from access_control.rosters import Rosters
from access_control.states import LockerState, VisitState
from devices.ports import LockerChanged, Result

P1, P2 = person(1), person(2)


def world():
    it = World(Rosters((roster(P1, P2),)))
    it.open_roster()
    return it


def in_the_lane(it, who=P1):
    way.check_in(it, who)
    it.card("r-lane", who)


def unlocks(it):
    return [act for act in it.acts if isinstance(act, Unlock)]


# ---- the lane is for one person --------------------------------------------------------------------------


def test_somebody_else_walks_clean_after_the_phone():
    it = world()
    in_the_lane(it)
    it.walk(clear=False)
    it.walk()
    assert not unlocks(it), "the one with the phone never walked back out"
    it.walk(direction="out")
    it.walk()
    assert not unlocks(it), "there are two again"


def test_a_second_person_through_the_gate_takes_the_grant_back():
    it = world()
    in_the_lane(it)
    it.walk()
    assert len(unlocks(it)) == 1
    it.walk()
    assert it.records[-1]["kind"] == "admission_withdrawn"
    assert isinstance(it.acts[-1], Lock)
    assert way.visit_of(it, P1).state is VisitState.IN_LANE


def test_who_walks_back_out_with_the_phone_passes_clean_afterwards():
    it = world()
    in_the_lane(it)
    it.walk(clear=False)
    it.walk(direction="out")
    it.walk()
    assert len(unlocks(it)) == 1


def test_a_lane_taken_anew_counts_anew():
    it = world()
    in_the_lane(it)
    it.walk(doubtful=True)
    it.card("r-kiosk", P1)
    way.leave(it, P1)
    in_the_lane(it, P2)
    it.walk()
    assert len(unlocks(it)) == 1


# ---- the lockers' bank is unplugged ----------------------------------------------------------------------


def test_an_unplugged_bank_costs_no_locker():
    it = world()
    way.identify(it, P1)
    it.bank_goes("bank", "offline")
    way.sign(it)
    assert not [act for act in it.acts if isinstance(act, OpenLocker)], "it waits for the bank"
    for _ in range(100):
        it.tick(1)
        it.see(KioskAction("kiosk", "continue"))
    assert "locker_jammed" not in it.kinds()


def test_a_bank_unplugged_in_the_moment_of_opening_costs_no_locker():
    it = world()
    way.identify(it, P1)
    way.sign(it)
    it.bank_goes("bank", "offline")
    way.open_locker(it, Result.REFUSED)
    it.tick(20)
    assert "locker_jammed" not in it.kinds()
    it.bank_goes("bank", "online")
    it.tick(5)
    way.deposit(it)
    assert way.visit_of(it, P1).state is VisitState.SETTLED


def test_a_jammed_locker_serves_again_once_staff_opened_and_shut_it():
    it = world()
    way.identify(it, P1)
    way.sign(it)
    way.open_locker(it, Result.REFUSED)
    assert it.area.locker(("bank", 1)).state is LockerState.JAMMED
    it.see(LockerChanged("bank", 1, True, True, it.mono))
    assert it.area.locker(("bank", 1)).state is LockerState.JAMMED, "found shut after a reconnect: no repair"
    it.clock.advance(600)
    it.see(LockerChanged("bank", 1, False, False, it.mono))
    it.clock.advance(5)
    it.see(LockerChanged("bank", 1, True, False, it.mono))
    assert it.area.locker(("bank", 1)).state is LockerState.FREE
    assert ("locker_jammed", "bank/1") not in it.area.alarms


# ---- the sitting closes while people are inside ----------------------------------------------------------


def test_a_roster_opened_again_does_not_reopen_a_closed_sitting():
    it = world()
    way.enter_area(it, P1)
    it.see(SittingClosed("ses-1", "sit-1"))
    it.see(SittingClosed("ses-2", "sit-2"))
    it.restart()
    it.see(RosterOpened("ses-1", "sit-1", 3, "V01.witness"))
    it.card("r-kiosk", P2)
    assert it.area.visit_of("sit-1", P2.alias) is None, "nobody arrives any more"
    way.exit_by(it, "main")
    way.leave(it, P1)
    assert it.kinds()[-2:] == ["custody_returned", "visit_ended"]


def test_who_settled_without_a_locker_and_never_came_in_is_done_when_the_sitting_closes():
    it = world()
    way.identify(it, P1)
    way.sign(it)
    act = way.last_opening(it)
    it.see(LockerResult(act.bank, act.locker, act.visit, "deposit", Result.DONE))
    way.locker(it, act, closed=False)
    way.locker(it, act, closed=True)
    it.see(KioskAction("kiosk", "nothing_to_store"))
    it.card("r-lane", P1)
    it.see(SittingClosed("ses-1", "sit-1"))
    it.tick(130)
    it.tick(1)
    assert it.kinds()[-2:] == ["lane_left", "visit_ended"]
