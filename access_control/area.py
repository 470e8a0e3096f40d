"""`evolve`: one fact record more is known. `Area` is a fold of it over the journal, from the first fact on.

Unknown kinds, and facts of other subjects, change nothing. Monotonic times do not outlive a boot: the first
fact of another boot voids what hangs on them (keeps I-4).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from access_control.shapes import Area, DoorNow, Locker, Pending, SittingNow, Visit
from access_control.site import EVALUATION, SitePlan
from access_control.states import LockerState, VisitState, locker_event, next_locker, next_visit, visit_event
from contract.clock import parse_stamp

Record = Mapping[str, Any]
"""A fact record as an object: the envelope with its `body`."""

__all__ = ["Area", "Record", "empty", "evolve"]


def empty(site: SitePlan) -> Area:
    """Nothing known yet."""
    return Area(site)


def evolve(area: Area, record: Record) -> Area:
    """The area after one more fact."""
    if record["boot"] != area.boot:
        area = _new_boot(area, record)
    area = _turn_visit(area, record)
    area = _turn_locker(area, record)
    fold = _FOLDS.get(record["kind"])
    return fold(area, record, record["body"]) if fold else area


def _new_boot(area: Area, record: Record) -> Area:
    mono = record["mono_us"]
    return replace(
        area,
        boot=record["boot"],
        readers={},
        away=frozenset(area.site.banks) if area.boot else area.away,
        visits={k: replace(v, gate_us=0, started_us=0) for k, v in area.visits.items()},
        lanes={k: replace(v, entered_us=mono, gate_us=0) for k, v in area.lanes.items()},
        lockers={k: replace(v, since_us=mono) for k, v in area.lockers.items()},
        kiosks={k: replace(v, answer=None, last_us=mono) for k, v in area.kiosks.items()},
        doors={k: _door_after_boot(v, mono) for k, v in area.doors.items()},
    )


def _door_after_boot(door: DoorNow, mono: int) -> DoorNow:
    pending = replace(door.pending, granted_us=mono) if door.pending else None
    if pending and pending.answered_us is not None:
        pending = replace(pending, answered_us=mono)
    return replace(door, opened_us=mono, pending=pending, exit_us=None if door.exit_us is None else mono)


def _turn_visit(area: Area, record: Record) -> Area:
    visit = area.visits.get(record["visit"] or "")
    if visit is None:
        return area
    event = visit_event(record["kind"], record["body"], area.place_is_main(record["body"]))
    return area.with_visit(replace(visit, state=next_visit(visit.state, event)))


def _turn_locker(area: Area, record: Record) -> Area:
    body = record["body"]
    if not record["kind"].startswith(("locker_", "custody_")) or body.get("locker") is None:
        return area
    key = (body["bank"], body["locker"])
    state = next_locker(area.locker(key).state, locker_event(record["kind"], body))
    changes: dict[str, Any] = {"state": state, "since_us": record["mono_us"]}
    return area.with_locker(key, **changes)


def _checkin_opened(area: Area, record: Record, body: Record) -> Area:
    sitting = SittingNow(record["session"] or "", opened=False)
    return replace(area, sittings={**area.sittings, body["sitting"]: sitting})


def _roster_opened(area: Area, record: Record, body: Record) -> Area:
    """Opened again after its sitting closed, it serves those who leave; the sitting stays closed."""
    before = area.sittings.get(body["sitting"], SittingNow(record["session"] or ""))
    sitting = replace(before, opened=True, expected=body["expected"])
    return replace(area, sittings={**area.sittings, body["sitting"]: sitting})


def _sitting_closed(area: Area, record: Record, body: Record) -> Area:
    before = area.sittings.get(body["sitting"], SittingNow(record["session"] or "", opened=False))
    kept = {
        k: v
        for k, v in area.visits.items()
        if v.sitting != body["sitting"] or v.state is not VisitState.ENDED
    }
    misses = {k: n for k, n in area.misses.items() if k[0] != body["sitting"]}
    needed = {v.sitting for v in kept.values()}
    sittings = {k: s for k, s in area.sittings.items() if not s.closed or k in needed}
    sittings[body["sitting"]] = replace(before, closed=True)
    return replace(area, sittings=sittings, visits=kept, misses=misses)


def _card_presented(area: Area, record: Record, body: Record) -> Area:
    mono, result, visit = record["mono_us"], body["result"], area.visits.get(body.get("visit") or "")
    area = replace(area, readers={**area.readers, body["reader"]: mono})
    if body["place"] in area.site.kiosks and result not in {"busy", "stale"}:
        serves = body.get("visit")
        area = _free_kiosks(area, serves)
        area = area.with_kiosk(body["place"], visit=serves, answer=result, answer_us=mono, last_us=mono)
        if visit:
            area = area.with_visit(replace(visit, kiosk=body["place"]))
    if result == "leaving" and visit and visit.locker:
        locker = area.locker(visit.locker)
        if locker.state is LockerState.HOLDING:
            area = area.with_locker(visit.locker, purpose="return", waiting=True, since_us=mono)
    return area


def _free_kiosks(area: Area, visit: str | None) -> Area:
    """One visit stands at one kiosk."""
    kiosks = {
        k: replace(v, visit=None, answer=None) if visit and v.visit == visit else v
        for k, v in area.kiosks.items()
    }
    return replace(area, kiosks=kiosks)


def _visit_started(area: Area, record: Record, body: Record) -> Area:
    visit = Visit(
        id=record["visit"], session=record["session"], sitting=body["sitting"], alias=body["alias"],
        role=body["role"], kiosk=body["kiosk"], started_us=record["mono_us"],
    )  # fmt: skip
    return area.with_visit(visit)


def _identity_checked(area: Area, record: Record, body: Record) -> Area:
    visit = area.visits.get(record["visit"] or "")
    if visit is None:
        return area
    missed = int(body["result"] == "not_matched")
    if missed:
        key = (visit.sitting, visit.alias)
        area = replace(area, misses={**area.misses, key: area.misses.get(key, 0) + 1})
    if body["method"] == "face":
        visit = replace(visit, face=body["result"], face_misses=visit.face_misses + missed)
    if body["method"] == "pin":
        visit = replace(visit, pin_misses=visit.pin_misses + missed)
    return _touch(area.with_visit(visit), record, body["kiosk"])


def _touch(area: Area, record: Record, kiosk: str) -> Area:
    return area.with_kiosk(kiosk, last_us=record["mono_us"]) if kiosk in area.site.kiosks else area


def _of_visit(change: Callable[[Visit, Record, Record], Visit]) -> Callable[[Area, Record, Record], Area]:
    """A fold that changes the visit of the fact and touches its kiosk."""

    def fold(area: Area, record: Record, body: Record) -> Area:
        visit = area.visits.get(record["visit"] or "")
        return (
            area
            if visit is None
            else _touch(area.with_visit(change(visit, record, body)), record, visit.kiosk)
        )

    return fold


def _pin_sent(visit: Visit, record: Record, body: Record) -> Visit:
    return replace(visit, pin_sends=visit.pin_sends + 1, pin_result=body["result"])


def _identity_confirmed(visit: Visit, record: Record, body: Record) -> Visit:
    return replace(visit, identity_seq=record["seq"])


def _custody_settled(area: Area, record: Record, body: Record) -> Area:
    visit = area.visits.get(record["visit"] or "")
    if visit is None:
        return area
    if body["declared_empty"] and visit.locker:
        area = area.with_locker(visit.locker, visit=None, used=False, purpose=None, waiting=False)
    locker = None if body["declared_empty"] else visit.locker
    settled = replace(
        visit,
        custody_seq=record["seq"],
        gate_seq=None,
        gate_us=0,
        alarms=0,
        locker=locker,
        declared_empty=body["declared_empty"],
    )
    return _touch(area.with_visit(settled), record, visit.kiosk)


def _locker_assigned(area: Area, record: Record, body: Record) -> Area:
    key, mono = (body["bank"], body["locker"]), record["mono_us"]
    area = area.with_locker(key, visit=record["visit"], purpose="deposit", waiting=True, since_us=mono)
    visit = area.visits.get(record["visit"] or "")
    if visit is None:
        return area
    # custody is open again until it is settled anew (keeps I-2)
    visit = replace(visit, locker=key, declared_empty=False, custody_seq=None, gate_seq=None, gate_us=0)
    return _touch(area.with_visit(visit), record, visit.kiosk)


def _locker_opened(area: Area, record: Record, body: Record) -> Area:
    key = (body["bank"], body["locker"])
    used = area.locker(key).used or body["result"] == "done"
    return area.with_locker(key, waiting=False, used=used, purpose=body["purpose"])


def _locker_jammed(area: Area, record: Record, body: Record) -> Area:
    key = (body["bank"], body["locker"])
    visit = area.visits.get(record["visit"] or "")
    if visit and visit.locker == key:
        area = area.with_visit(replace(visit, locker=None))
    return area.with_locker(key, visit=None, waiting=False, used=False)


def _custody_returned(area: Area, record: Record, body: Record) -> Area:
    area = replace(area, lockers={**area.lockers, (body["bank"], body["locker"]): Locker()})
    visit = area.visits.get(record["visit"] or "")
    return area.with_visit(replace(visit, locker=None)) if visit else area


def _lane_entered(area: Area, record: Record, body: Record) -> Area:
    visit = area.visits.get(record["visit"] or "")
    area = area.with_lane(body["lane"], holder=record["visit"], entered_us=record["mono_us"], persons=0)
    return area.with_visit(replace(visit, lane=body["lane"], gate_seq=None, gate_us=0)) if visit else area


def _lane_left(area: Area, record: Record, body: Record) -> Area:
    visit = area.visits.get(record["visit"] or "")
    area = area.with_lane(body["lane"], holder=None)
    return area.with_visit(replace(visit, lane=None, gate_us=0)) if visit else area


def _gate_passed(area: Area, record: Record, body: Record) -> Area:
    step = -1 if body.get("direction") == "out" else 1
    persons = max(0, area.lane(body["lane"]).persons + step)
    area = area.with_lane(body["lane"], gate_us=record["mono_us"], persons=persons)
    visit = area.visits.get(record["visit"] or "")
    if visit is None:
        return area
    clear = body["clear"] and not body["doubtful"]
    alarm = not body["clear"] and not body["doubtful"]
    return area.with_visit(
        replace(
            visit,
            gate_seq=record["seq"] if clear else None,
            gate_us=record["mono_us"] if clear else 0,
            alarms=visit.alarms + int(alarm),
        )
    )


def _admission_granted(area: Area, record: Record, body: Record) -> Area:
    pending = Pending(body["admission"], record["visit"], record["mono_us"])
    return area.with_door(body["door"], pending=pending)


def _admission_withdrawn(area: Area, record: Record, body: Record) -> Area:
    pending = area.door(body["door"]).pending
    gone = pending is not None and pending.admission == body["admission"]
    return area.with_door(body["door"], pending=None) if gone else area


def _door_unlocked(area: Area, record: Record, body: Record) -> Area:
    door = area.door(body["door"])
    if body["for"] == "exit":
        return area.with_door(body["door"], exit_waiting=False, exit_us=record["mono_us"])
    if door.pending and door.pending.admission == body.get("admission"):
        return area.with_door(body["door"], pending=replace(door.pending, answered_us=record["mono_us"]))
    return area


def _door_opened(area: Area, record: Record, body: Record) -> Area:
    return area.with_door(body["door"], open=True, opened_us=record["mono_us"])


def _door_closed(area: Area, record: Record, body: Record) -> Area:
    return area.with_door(body["door"], open=False, held_open=False, exit_us=None)


def _door_held_open(area: Area, record: Record, body: Record) -> Area:
    return area.with_door(body["door"], held_open=True)


def _exit_requested(area: Area, record: Record, body: Record) -> Area:
    return area.with_door(body["door"], exit_us=record["mono_us"], exit_waiting=True)


def _person_entered(area: Area, record: Record, body: Record) -> Area:
    visit = area.visits.get(record["visit"] or "")
    area = area.with_door(body["door"], pending=None)
    if visit is None:
        return area
    if body["place"] == EVALUATION:
        return area.with_visit(replace(visit, entered_at=parse_stamp(record["wall"])))
    return area.with_visit(replace(visit, room=body["place"], rooms_entered=visit.rooms_entered + 1))


def _person_left(area: Area, record: Record, body: Record) -> Area:
    visit = area.visits.get(record["visit"] or "")
    if visit and visit.room == body["place"]:
        return area.with_visit(replace(visit, room=None))
    return area


def _visit_ended(area: Area, record: Record, body: Record) -> Area:
    visit = area.visits.get(record["visit"] or "")
    if visit is None:
        return area
    kiosk = area.kiosk(visit.kiosk)
    if kiosk.visit == visit.id and body["outcome"] == "cancelled":
        area = area.with_kiosk(visit.kiosk, visit=None, answer=None)
    ended = area.with_visit(replace(visit, outcome=body["outcome"]))
    sitting = area.sittings.get(visit.sitting)
    if sitting and not sitting.closed:
        return ended
    # the sitting is over: nothing asks for this visit again
    return replace(ended, visits={k: v for k, v in ended.visits.items() if k != visit.id})


def _help_requested(area: Area, record: Record, body: Record) -> Area:
    return _touch(area.with_kiosk(body["kiosk"], help_since=record["wall"]), record, body["kiosk"])


def _help_answered(area: Area, record: Record, body: Record) -> Area:
    return area.with_kiosk(body["kiosk"], help_since=None)


def _entry_held(area: Area, record: Record, body: Record) -> Area:
    return replace(area, held=area.held | set(body["rooms"]))


def _entry_resumed(area: Area, record: Record, body: Record) -> Area:
    return replace(area, held=area.held - set(body["rooms"]))


def _device_changed(area: Area, record: Record, body: Record) -> Area:
    """A bank that comes back has its settling time again before anything is concluded from its silence."""
    bank = body["device"]
    if bank not in area.site.banks:
        return area
    if body["state"] == "offline":
        return replace(area, away=area.away | {bank})
    mono = record["mono_us"]
    lockers = {k: replace(v, since_us=mono) if k[0] == bank else v for k, v in area.lockers.items()}
    return replace(area, away=area.away - {bank}, lockers=lockers if bank in area.away else area.lockers)


def _alarm_raised(area: Area, record: Record, body: Record) -> Area:
    return replace(area, alarms=area.alarms | {(body["alarm"], body["subject"])})


def _alarm_cleared(area: Area, record: Record, body: Record) -> Area:
    return replace(area, alarms=area.alarms - {(body["alarm"], body["subject"])})


_FOLDS: Mapping[str, Callable[[Area, Record, Record], Area]] = {
    "checkin_opened": _checkin_opened, "roster_opened": _roster_opened, "sitting_closed": _sitting_closed,
    "card_presented": _card_presented, "visit_started": _visit_started, "visit_ended": _visit_ended,
    "identity_checked": _identity_checked, "identity_confirmed": _of_visit(_identity_confirmed),
    "pin_sent": _of_visit(_pin_sent), "promise_signed": _of_visit(lambda visit, record, body: visit),
    "custody_settled": _custody_settled, "custody_returned": _custody_returned,
    "locker_assigned": _locker_assigned, "locker_opened": _locker_opened, "locker_jammed": _locker_jammed,
    "lane_entered": _lane_entered, "lane_left": _lane_left, "gate_passed": _gate_passed,
    "admission_granted": _admission_granted, "admission_withdrawn": _admission_withdrawn,
    "door_unlocked": _door_unlocked, "door_opened": _door_opened, "door_closed": _door_closed,
    "door_held_open": _door_held_open, "exit_requested": _exit_requested,
    "person_entered": _person_entered, "person_left": _person_left,
    "help_requested": _help_requested, "help_answered": _help_answered,
    "entry_held": _entry_held, "entry_resumed": _entry_resumed,
    "device_changed": _device_changed,
    "alarm_raised": _alarm_raised, "alarm_cleared": _alarm_cleared,
}  # fmt: skip
