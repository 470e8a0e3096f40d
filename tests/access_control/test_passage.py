"""The way of one person, and each way in which it is refused."""

from datetime import date

import passage_journey as way
import pytest
from passage_world import World, card_of, coming, person, roster

from access_control.acts import CompareFace, Lock, OpenLocker, RingDesk, SendPin, Unlock
from access_control.observations import (
    DoorResult,
    FaceJudged,
    HelpAnswered,
    HoldLifted,
    HoldOrdered,
    KioskAction,
    LockerResult,
    PinSent,
    SittingClosed,
)
from access_control.occupancy import head_count, occupancy
from access_control.rosters import Rosters, seal_pin
from access_control.screens import kiosk_screen
from devices.ports import (
    CardPlaced,
    DoorChanged,
    ExitPressed,
    FaceJudgement,
    FaceResult,
    LockerChanged,
    Result,
)

P1, P2, P3 = person(1), person(2, "room-2", "room-3"), person(3, face=False)


def world(*persons):
    it = World(Rosters((roster(*(persons or (P1, P2, P3))),)))
    it.open_roster()
    return it


def screen(it, **more):
    return kiosk_screen(it.area, it.rosters, "kiosk", it.now, it.settings, **more)


def last(it, kind):
    return next(r for r in reversed(it.records) if r["kind"] == kind)


@pytest.mark.req("C4")
@pytest.mark.req("C7")
def test_the_whole_way_in_and_out():
    it = world()
    assert screen(it)["screen"] == "idle"
    it.card("r-kiosk", P1)
    assert (screen(it)["screen"], screen(it)["step"]) == ("face", 1)
    assert isinstance(it.acts[-1], CompareFace)
    it.face(way.visit_of(it, P1).id, "matched")
    assert screen(it) == {
        "screen": "promise",
        "params": {"name": P1.name},
        "step": 2,
        "expires_in": 60,
        "help_since": None,
    }
    way.sign(it)
    act = way.open_locker(it)
    assert screen(it)["params"] == {"bank": "bank", "locker": 1, "open": True}
    way.locker(it, act, closed=False)
    way.locker(it, act, closed=True)
    it.see(KioskAction("kiosk", "stored"))
    assert screen(it)["screen"] == "gate"
    it.card("r-lane", P1)
    it.walk()
    granted = last(it, "admission_granted")["body"]
    seqs = {r["kind"]: r["seq"] for r in it.records}
    assert granted["grounds"] == {
        "identity_seq": seqs["identity_confirmed"],
        "custody_seq": seqs["custody_settled"],
        "gate_seq": seqs["gate_passed"],
    }
    assert it.acts[-1] == Unlock("main", granted["admission"], 5)
    assert (screen(it)["screen"], screen(it)["params"]["room"]) == ("go", "room-1")
    way.through_door(it, "main")
    assert last(it, "person_entered")["body"] == {"door": "main", "place": "evaluation"}
    assert last(it, "lane_left")["body"]["reason"] == "passed"
    way.enter_room(it, P1)
    assert occupancy(it.area).rooms["room-1"] == (way.visit_of(it, P1).id,)
    way.exit_by(it, "d1")
    way.exit_by(it, "main")
    way.leave(it, P1)
    assert it.kinds()[-3:] == ["locker_closed", "custody_returned", "visit_ended"]
    assert last(it, "visit_ended")["body"]["outcome"] == "left"
    assert head_count(it.area, "sit-1").left == 1
    assert occupancy(it.area).lockers == {}
    assert not [r for r in it.records if r["kind"] in {"door_forced", "alarm_raised"}]


@pytest.mark.req("C1")
def test_by_code_instead_of_face():
    it = world()
    it.card("r-kiosk", P3)
    visit = way.visit_of(it, P3)
    assert it.acts[-1] == SendPin(visit.id, "kiosk")
    it.rosters = Rosters(it.rosters.open, (), {visit.id: seal_pin("482913", b"salt", it.mono + 300_000_000)})
    it.see(PinSent(visit.id, "kiosk", Result.DONE))
    assert screen(it)["screen"] == "pin"
    it.see(KioskAction("kiosk", "pin", "000000"))
    assert screen(it)["params"] == {"tries_left": 2, "wrong": True, "sent": True, "digits": 6}
    it.see(KioskAction("kiosk", "pin", "482913"))
    assert last(it, "identity_confirmed")["body"] == {"methods": ["card", "pin"]}
    assert "482913" not in str(it.records)


def test_a_code_is_no_use_after_its_minutes_or_a_restart():
    it = world()
    it.card("r-kiosk", P3)
    visit = way.visit_of(it, P3)
    it.rosters = Rosters(it.rosters.open, (), {visit.id: seal_pin("482913", b"salt", it.mono)})
    it.see(PinSent(visit.id, "kiosk", Result.DONE))
    it.clock.advance(1)
    assert it.see(KioskAction("kiosk", "pin", "482913")).notice == "code.expired"
    it.restart()
    assert it.see(KioskAction("kiosk", "pin", "482913")).notice == "code.expired"


@pytest.mark.req("C1")
@pytest.mark.parametrize("path", ["face", "pin"])
def test_a_stand_in_is_refused_and_locked_out(path):
    it = world()
    it.card("r-kiosk", P1)
    visit = way.visit_of(it, P1)
    if path == "pin":
        it.face(visit.id, "unavailable")
        it.rosters = Rosters(
            it.rosters.open, (), {visit.id: seal_pin("482913", b"salt", it.mono + 300_000_000)}
        )
        it.see(PinSent(visit.id, "kiosk", Result.DONE))
    for _ in range(3):
        it.face(visit.id, "not_matched") if path == "face" else it.see(KioskAction("kiosk", "pin", "111111"))
    assert last(it, "identity_refused")["body"]["reason"] == f"{path}_not_matched"
    assert screen(it)["screen"] == "refused"
    it.see(KioskAction("kiosk", "cancel"))
    decision = it.card("r-kiosk", P1)
    assert decision.facts[0].body["result"] == "too_many_tries"
    assert decision.acts == (RingDesk("kiosk", "too_many_tries"),)
    for reader in ("r-lane", "r-main", "r-1"):
        it.card(reader, P1)
    assert not [a for a in it.acts if isinstance(a, Unlock | OpenLocker)]


def test_a_face_that_differed_is_not_outvoted_by_a_code():
    it = world()
    it.card("r-kiosk", P1)
    it.face(way.visit_of(it, P1).id, "not_matched")
    assert it.see(KioskAction("kiosk", "use_code")).notice == "code.after_face"


def test_a_bad_picture_is_looked_at_again_and_states_nothing():
    it = world()
    it.card("r-kiosk", P1)
    visit = way.visit_of(it, P1)
    dark = FaceJudgement(FaceResult.UNAVAILABLE, None, "too_dark", None)
    decision = it.see(FaceJudged(visit.id, "kiosk", dark, it.mono))
    assert (decision.facts, decision.acts) == ((), (CompareFace(visit.id, "kiosk"),))


def test_a_second_touch_sends_no_second_code():
    it = world()
    it.card("r-kiosk", P3)
    visit = way.visit_of(it, P3)
    it.rosters = Rosters(it.rosters.open, (), {visit.id: seal_pin("1", b"salt", it.mono + 300_000_000)})
    assert it.see(KioskAction("kiosk", "use_code")).acts == ()
    it.clock.advance(21)
    assert it.see(KioskAction("kiosk", "use_code")).acts == (SendPin(visit.id, "kiosk"),)


def test_after_a_restart_the_camera_looks_again():
    it = world()
    it.card("r-kiosk", P1)
    it.restart()
    it.open_roster()
    assert it.acts[-1] == CompareFace(way.visit_of(it, P1).id, "kiosk")


@pytest.mark.req("C1")
def test_unavailable_never_admits():
    it = world()
    it.card("r-kiosk", P1)
    it.face(way.visit_of(it, P1).id, "unavailable")
    assert isinstance(it.acts[-1], SendPin)
    assert "identity_confirmed" not in it.kinds()
    it.face(way.visit_of(it, P1).id, "review")
    assert "identity_confirmed" not in it.kinds()


def test_an_old_picture_counts_for_nothing():
    it = world()
    before = it.mono
    it.clock.advance(2)
    it.card("r-kiosk", P1)
    good = FaceJudgement(FaceResult.MATCHED, 700, "ok", "0" * 64)
    it.see(FaceJudged(way.visit_of(it, P1).id, "kiosk", good, before))
    assert "identity_confirmed" not in it.kinds()


@pytest.mark.req("C1")
def test_not_drawn_too_early_and_no_roster():
    stranger = person(9)
    it = world()
    assert it.card("r-kiosk", stranger).acts == (RingDesk("kiosk", "not_expected"),)
    assert screen(it)["screen"] == "not_expected"
    assert screen(it)["params"] == {}
    it.tick(9)
    assert screen(it)["screen"] == "idle"
    early = World(Rosters((), (coming(1800),)))
    assert early.card("r-kiosk", P1).acts == ()
    assert screen(early) == {
        "screen": "too_early",
        "params": {"opens_at": "2026-11-20T01:30:00.000000Z"},
        "step": 0,
        "expires_in": 8,
        "help_since": None,
    }
    shut = World(Rosters((), (coming(-60),)))
    shut.card("r-kiosk", P1)
    assert screen(shut)["params"] == {"reason": "roster_unavailable"}


def test_card_that_is_out_of_date_or_of_another_name():
    it = world()
    it.clock.advance(1)
    assert (
        it.see(CardPlaced("r-kiosk", card_of(P1, date(2020, 1, 1)), it.mono)).facts[0].body["result"]
        == "card_expired"
    )
    it.clock.advance(1)
    other = card_of(P1)
    it.see(CardPlaced("r-kiosk", type(other)(other.number, "示例专家 99", other.valid_from, None), it.mono))
    assert last(it, "identity_refused")["body"] == {"reason": "name_differs"}


@pytest.mark.req("C3")
def test_a_phone_keeps_the_door_shut_until_a_clean_passage():
    it = world()
    way.check_in(it, P1)
    it.card("r-lane", P1)
    it.walk(clear=False)
    assert screen(it)["screen"] == "alarm"
    assert not [a for a in it.acts if isinstance(a, Unlock)]
    it.walk(direction="out")
    it.walk(doubtful=True)
    assert not [a for a in it.acts if isinstance(a, Unlock)]
    it.walk(direction="out")
    it.walk()
    way.through_door(it, "main")


@pytest.mark.req("C3")
def test_an_alarm_takes_an_unused_admission_back():
    it = world()
    way.check_in(it, P1)
    it.card("r-lane", P1)
    it.walk()
    admission = way.last_unlock(it).admission
    it.walk(clear=False)
    assert last(it, "admission_withdrawn")["body"] == {
        "admission": admission,
        "door": "main",
        "reason": "gate_alarm",
    }
    assert it.acts[-1] == Lock("main", admission)
    it.see(DoorChanged("main", True, False, it.mono))
    assert "person_entered" not in it.kinds()
    assert it.kinds()[-2:] == ["door_forced", "alarm_raised"]


def test_after_an_alarm_the_own_locker_takes_the_phone():
    it = world()
    way.check_in(it, P1)
    it.card("r-lane", P1)
    it.walk(clear=False)
    it.card("r-kiosk", P1)
    assert it.kinds()[-3:] == ["lane_left", "card_presented", "locker_assigned"]
    way.deposit(it)
    assert screen(it)["screen"] == "gate"
    it.card("r-lane", P1)
    it.walk()
    way.through_door(it, "main")


def test_no_gate_reading_of_before_the_lane():
    it = world()
    way.check_in(it, P1)
    it.walk()
    it.card("r-lane", P1)
    it.card("r-main", P1)
    assert last(it, "admission_refused")["body"]["reason"] == "gate_missing"
    assert not [a for a in it.acts if isinstance(a, Unlock)]


def test_one_visit_in_a_lane():
    it = world()
    way.check_in(it, P1)
    way.check_in(it, P2)
    it.card("r-lane", P1)
    it.card("r-lane", P2)
    assert last(it, "lane_refused")["body"] == {
        "lane": "lane",
        "reason": "occupied",
        "holder": way.visit_of(it, P1).id,
    }
    it.tick(121)
    assert last(it, "lane_left")["body"]["reason"] == "timeout"
    it.card("r-lane", P2)
    assert it.kinds()[-1] == "lane_entered"


@pytest.mark.req("C4")
def test_wrong_room_opens_nothing_and_says_why():
    it = world()
    way.enter_area(it, P1)
    unlocks = len([a for a in it.acts if isinstance(a, Unlock)])
    it.card("r-2", P1)
    assert last(it, "admission_refused")["body"] == {"door": "d2", "reason": "wrong_room"}
    assert len([a for a in it.acts if isinstance(a, Unlock)]) == unlocks
    it.card("r-open", P1)
    assert last(it, "admission_refused")["body"]["reason"] == "staff_only"


@pytest.mark.req("C4")
def test_several_rooms_and_back_into_the_own_room():
    it = world()
    way.enter_area(it, P2)
    way.enter_room(it, P2, "d2")
    way.exit_by(it, "d2")
    it.tick(3600)
    way.enter_room(it, P2, "d3")
    assert [r["body"]["place"] for r in it.records if r["kind"] == "person_left"] == ["room-2"]
    way.exit_by(it, "d3")
    way.enter_room(it, P2, "d2")


def test_five_minutes_to_the_room():
    it = world()
    way.enter_area(it, P1)
    it.tick(301)
    it.card("r-1", P1)
    assert last(it, "admission_refused")["body"]["reason"] == "window_over"


def test_a_hold_stops_entry_and_never_leaving():
    it = world()
    way.enter_area(it, P2)
    way.check_in(it, P1)
    it.card("r-lane", P1)
    it.walk()
    it.see(HoldOrdered("cmd-1", "ses-1", ()))
    assert last(it, "admission_withdrawn")["body"]["reason"] == "held"
    it.card("r-main", P1)
    assert last(it, "admission_refused")["body"]["reason"] == "held"
    it.card("r-2", P2)
    assert last(it, "admission_refused")["body"]["reason"] == "held"
    way.exit_by(it, "main")
    way.leave(it, P2)
    it.see(HoldLifted("cmd-2", "ses-1", ()))
    it.card("r-main", P1)
    way.through_door(it, "main")


@pytest.mark.req("C7")
def test_nobody_comes_back_after_leaving():
    it = world()
    way.enter_area(it, P1)
    way.exit_by(it, "main")
    way.leave(it, P1)
    for reader in ("r-lane", "r-main", "r-1"):
        it.card(reader, P1)
    assert it.card("r-kiosk", P1).facts[0].body["result"] == "left"
    assert len([r for r in it.records if r["kind"] == "admission_granted"]) == 1


def test_a_jammed_locker_is_replaced_at_once():
    it = world()
    way.identify(it, P1)
    way.sign(it)
    way.open_locker(it, Result.REFUSED)
    assert it.acts[-1] == OpenLocker("bank", 2, way.visit_of(it, P1).id, "deposit")
    assert screen(it)["screen"] == "jammed"
    assert screen(it)["params"] == {"bank": "bank", "locker": 1, "next": 2}
    way.deposit(it)
    assert last(it, "custody_settled")["body"] == {"bank": "bank", "locker": 2, "declared_empty": False}


def test_an_unknown_locker_is_shown_and_replaced_after_seconds():
    it = world()
    way.identify(it, P1)
    way.sign(it)
    way.open_locker(it, Result.UNKNOWN)
    assert last(it, "alarm_raised")["body"]["alarm"] == "locker_result_unknown"
    it.tick(4)
    assert it.acts[-1].locker == 2


def test_a_locker_that_will_not_give_back_is_tried_by_card_only():
    it = world()
    way.enter_area(it, P1)
    it.card("r-kiosk", P1)
    way.open_locker(it, Result.REFUSED)
    assert last(it, "alarm_raised")["body"]["alarm"] == "locker_stuck"
    assert it.see(KioskAction("kiosk", "collect")).notice == "leave.show_card"
    openings = len([a for a in it.acts if isinstance(a, OpenLocker)])
    it.tick(60)
    assert len([a for a in it.acts if isinstance(a, OpenLocker)]) == openings
    way.leave(it, P1)
    assert last(it, "visit_ended")["body"]["outcome"] == "left"


def test_nothing_to_store():
    it = world()
    way.identify(it, P1)
    way.sign(it)
    assert it.see(KioskAction("kiosk", "nothing_to_store")).notice == "store.shut_first"
    act = way.open_locker(it)
    way.locker(it, act, closed=False)
    way.locker(it, act, closed=True)
    it.see(KioskAction("kiosk", "nothing_to_store"))
    assert last(it, "custody_settled")["body"]["declared_empty"] is True
    assert occupancy(it.area).lockers == {}
    it.card("r-kiosk", P1)
    assert last(it, "visit_ended")["body"]["outcome"] == "left"


def test_stored_needs_a_shut_locker():
    it = world()
    way.identify(it, P1)
    way.sign(it)
    way.open_locker(it)
    assert it.see(KioskAction("kiosk", "stored")).notice == "store.shut_first"
    assert "custody_settled" not in it.kinds()


@pytest.mark.req("C2")
def test_one_locker_of_a_bank_at_a_time():
    it = world()
    way.identify(it, P1)
    way.sign(it)
    act = way.open_locker(it)
    it.tick(61)
    way.identify(it, P2)
    way.sign(it)
    assert len([a for a in it.acts if isinstance(a, OpenLocker)]) == 1
    assert screen(it)["params"] == {"waiting": True}
    way.locker(it, act, closed=True)
    it.tick()
    assert it.acts[-1] == OpenLocker("bank", 2, way.visit_of(it, P2).id, "deposit")


def test_stale_and_replayed_cards_open_nothing():
    it = world()
    way.enter_area(it, P1)
    before = [a for a in it.acts if isinstance(a, Unlock)]
    it.card("r-1", P1, age=6)
    assert last(it, "card_presented")["body"]["result"] == "stale"
    it.card("r-1", P1, age=-6)
    assert [a for a in it.acts if isinstance(a, Unlock)] == before
    it.clock.advance(1)
    event = CardPlaced("r-1", card_of(P1), it.mono)
    it.see(event)
    way.through_door(it, "d1")
    it.see(event)
    assert len([a for a in it.acts if isinstance(a, Unlock)]) == len(before) + 1
    records = len(it.records)
    it.see(DoorChanged("d1", False, False, it.mono))
    assert len(it.records) == records


def test_unknown_unlock_is_shown_and_never_repeated_after_a_restart():
    it = world()
    way.check_in(it, P1)
    it.card("r-lane", P1)
    it.walk()
    acts = len(it.acts)
    it.restart()
    assert last(it, "door_unlocked")["body"]["result"] == "unknown"
    assert last(it, "alarm_raised")["body"]["alarm"] == "door_result_unknown"
    it.tick(9)
    assert last(it, "admission_withdrawn")["body"]["reason"] == "not_used"
    assert len(it.acts) == acts
    it.card("r-main", P1)
    assert last(it, "admission_refused")["body"]["reason"] == "gate_stale"
    it.walk()
    way.through_door(it, "main")


def test_a_restart_voids_the_reading_of_the_gate():
    it = world()
    way.check_in(it, P1)
    it.card("r-lane", P1)
    it.restart(reboot=True)
    assert last(it, "lane_left")["body"]["reason"] == "cancelled"
    it.card("r-lane", P1)
    it.walk()
    way.through_door(it, "main")


@pytest.mark.req("C4")
def test_exit_always_releases():
    it = world()
    it.see(HoldOrdered("cmd-1", None, ()))
    it.see(SittingClosed("ses-1", "sit-1"))
    it.clock.advance(1)
    for door in it.site.doors:
        assert it.see(ExitPressed(door, it.mono)).acts == (Unlock(door, None, 5),)
        it.see(DoorResult(door, None, Result.DONE))
        it.see(DoorChanged(door, True, False, it.mono))
        assert it.kinds()[-1] == "door_opened"


def test_forced_and_held_open():
    it = world()
    it.see(DoorChanged("d1", True, False, it.mono))
    assert "door_forced" in it.kinds()
    it.tick(31)
    assert it.kinds()[-2:] == ["door_held_open", "alarm_raised"]
    assert it.tick(31).facts == ()
    it.see(DoorChanged("d1", False, False, it.mono))
    assert it.kinds()[-3:] == ["door_closed", "alarm_cleared", "alarm_cleared"]


def test_a_forced_locker_breaks_custody():
    it = world()
    way.check_in(it, P1)
    it.see(LockerChanged("bank", 1, False, False, it.mono))
    it.card("r-lane", P1)
    assert last(it, "lane_refused")["body"]["reason"] == "custody_missing"


@pytest.mark.req("C2")
def test_who_asked_for_the_things_back_does_not_enter():
    it = world()
    way.check_in(it, P1)
    it.tick(11)
    it.card("r-kiosk", P1)
    it.card("r-lane", P1)
    assert last(it, "lane_refused")["body"]["reason"] == "custody_missing"


def test_an_idle_kiosk_is_wiped_and_another_is_busy_meanwhile():
    it = world()
    it.card("r-kiosk", P1)
    assert it.card("r-kiosk", P2).facts[0].body["result"] == "busy"
    assert screen(it)["screen"] == "face"
    it.tick(61)
    assert last(it, "visit_ended")["body"]["outcome"] == "cancelled"
    assert screen(it)["screen"] == "idle"
    it.card("r-kiosk", P2)
    assert screen(it)["screen"] == "face"


def test_help_rings_and_is_answered():
    it = world()
    assert it.see(KioskAction("kiosk", "help")).acts == (RingDesk("kiosk", "help"),)
    assert screen(it)["screen"] == "help"
    assert screen(it)["help_since"] is not None
    it.see(HelpAnswered("kiosk"))
    assert screen(it)["screen"] == "idle"


@pytest.mark.req("C2")
def test_things_come_back_after_the_sitting_closed():
    it = world()
    way.enter_area(it, P1)
    it.see(SittingClosed("ses-1", "sit-1"))
    it.card("r-1", P1)
    assert last(it, "admission_refused")["body"]["reason"] == "closed"
    way.exit_by(it, "main")
    way.leave(it, P1)
    assert last(it, "visit_ended")["body"]["outcome"] == "left"
    assert it.area.visits == {}


def test_an_answer_that_does_not_come_is_unknown():
    it = world()
    way.enter_area(it, P1)
    it.card("r-1", P1)
    it.tick(11)
    assert last(it, "door_unlocked")["body"]["result"] == "unknown"
    late = it.see(DoorResult("d1", way.last_unlock(it).admission, Result.DONE))
    assert late.facts == ()
    assert LockerResult  # the same rule for lockers is in test_machine
