"""Doors (C4): grants in the order of I-2, what the contacts say, exits that never wait (I-3)."""

from datetime import timedelta

from access_control import custody
from access_control.acts import NOTHING, Decision, Unlock
from access_control.context import (
    Context,
    Owner,
    admits,
    cleared,
    draft,
    exit_runs,
    facts,
    is_held,
    owner_of,
    presented,
    raised,
    withdrawn,
)
from access_control.observations import DoorResult, LaneCleared
from access_control.settings import RULE_VERSION
from access_control.shapes import Pending, Visit
from access_control.site import DoorSite
from access_control.states import IN_LANE, VisitState
from devices.ports import CardPlaced, DoorChanged, ExitPressed, Result

# ---- grants ---------------------------------------------------------------------------------------


def lane_cleared(ctx: Context, seen: LaneCleared) -> Decision:
    """The clean passage is durable: the main door opens by itself."""
    visit, lane = ctx.area.visits.get(seen.visit), ctx.site.lanes.get(seen.lane)
    if visit is None or lane is None or ctx.area.lane(lane.id).holder != visit.id:
        return NOTHING
    return _main_door(ctx, ctx.site.doors[lane.door], visit)


def card_at_door(ctx: Context, door: DoorSite, event: CardPlaced) -> Decision:
    """A fresh card at a door's own reader."""
    owner = owner_of(ctx, event.card)
    if owner is None or owner.visit is None or not owner.person.has_name_of(event.card):
        return _not_here(ctx, door, None, "not_expected")
    if door.guards == "other":
        return _not_here(ctx, door, owner.visit, "staff_only")
    decided = _main_door(ctx, door, owner.visit) if door.kind == "main" else _room_door(ctx, door, owner)
    refusal = next((f.body["reason"] for f in decided.facts if f.kind == "admission_refused"), None)
    return facts(presented(door.reader, door.id, refusal or "expected", owner.visit)) + decided


def _not_here(ctx: Context, door: DoorSite, visit: Visit | None, reason: str) -> Decision:
    return facts(presented(door.reader, door.id, reason, visit)) + _refused(door, visit, reason)


def _refused(door: DoorSite, visit: Visit | None, reason: str) -> Decision:
    return facts(draft("admission_refused", visit, door=door.id, reason=reason))


def _main_door(ctx: Context, door: DoorSite, visit: Visit) -> Decision:
    pending = ctx.area.door(door.id).pending
    if pending and pending.visit == visit.id:
        return NOTHING  # granted already; it is unlocked once (keeps I-5)
    reason = _main_reason(ctx, door, visit)
    return _refused(door, visit, reason) if reason else _grant(ctx, door, visit)


def _main_reason(ctx: Context, door: DoorSite, visit: Visit) -> str | None:
    """What is missing for the main door, in the order of I-2; None when nothing is."""
    roster = ctx.rosters.of(visit.sitting)
    person = roster.person(visit.alias) if roster else None
    lane = ctx.site.lane_of_door(door.id)
    if roster is None or person is None or visit.identity_seq is None:
        return "identity_missing"
    if visit.state is VisitState.INSIDE:
        return "already_inside"
    if lane is None or visit.state not in IN_LANE or visit.lane != lane.id:
        return "not_in_lane"
    if not custody.is_sound(ctx, visit):
        return "custody_missing"
    if visit.state is not VisitState.CLEARED:
        return "gate_missing"
    if not ctx.now.is_fresh(visit.gate_us, ctx.settings.gate_fresh_s):
        return "gate_stale"
    if reason := admits(ctx, roster):
        return reason
    return "held" if is_held(ctx, person.rooms) else _door_in_use(ctx, door)


def _door_in_use(ctx: Context, door: DoorSite) -> str | None:
    now = ctx.area.door(door.id)
    return "door_in_use" if now.open or now.pending or exit_runs(ctx, door.id) else None


def _room_door(ctx: Context, door: DoorSite, owner: Owner) -> Decision:
    visit = owner.visit
    assert visit is not None
    pending = ctx.area.door(door.id).pending
    if pending and pending.visit == visit.id:
        return NOTHING
    reason = _room_reason(ctx, door, owner, visit)
    if reason == "wrong_room":
        return _refused(door, visit, reason) + raised(ctx, "wrong_room", door.id, visit)
    return _refused(door, visit, reason) if reason else _grant(ctx, door, visit)


def _room_reason(ctx: Context, door: DoorSite, owner: Owner, visit: Visit) -> str | None:
    """What is missing for a room's door; its grounds are those on which the visit came in (keeps I-2)."""
    sitting = ctx.area.sittings.get(visit.sitting)
    if visit.state is not VisitState.INSIDE or visit.identity_seq is None or visit.entered_at is None:
        return "not_inside"
    if door.room not in owner.person.rooms:
        return "wrong_room"
    if sitting is None or not sitting.opened or sitting.closed:
        return "closed"
    if door.room in ctx.area.held:
        return "held"
    limit = timedelta(minutes=ctx.settings.room_minutes)
    if not visit.rooms_entered and ctx.now.wall > visit.entered_at + limit:
        return "window_over"
    return _door_in_use(ctx, door)


def _grant(ctx: Context, door: DoorSite, visit: Visit) -> Decision:
    """The granting fact, then one unlock that names it (keeps I-1, I-5)."""
    admission = ctx.now.new_id(f"admission {door.id}")
    grounds = {
        "identity_seq": visit.identity_seq,
        "custody_seq": visit.custody_seq,
        "gate_seq": visit.gate_seq,
    }
    fact = draft(
        "admission_granted", visit, admission=admission, door=door.id, rule_version=RULE_VERSION,
        valid_until=ctx.now.stamp_in(door.unlock_seconds + ctx.settings.unlock_grace_s), grounds=grounds,
    )  # fmt: skip
    return Decision((fact,), (Unlock(door.id, admission, door.unlock_seconds),))


# ---- answers --------------------------------------------------------------------------------------


def door_result(ctx: Context, seen: DoorResult) -> Decision:
    """The answer to `Unlock`; one that nobody waits for is dropped."""
    if seen.door not in ctx.site.doors:
        return NOTHING
    now = ctx.area.door(seen.door)
    if seen.admission is None:
        return exit_answered(ctx, seen.door, seen.result) if now.exit_waiting else NOTHING
    pending = now.pending
    if pending is None or pending.admission != seen.admission or pending.answered_us is not None:
        return NOTHING
    return entry_answered(ctx, seen.door, pending, seen.result)


def exit_answered(ctx: Context, door: str, result: Result) -> Decision:
    """State what became of an exit's unlock; anything but done is shown to staff."""
    stated = facts(draft("door_unlocked", None, **{"door": door, "result": result.value, "for": "exit"}))
    if result is Result.DONE:
        return stated + cleared(ctx, "exit_not_released", door)
    return stated + raised(ctx, "exit_not_released", door, result=result.value)


def entry_answered(ctx: Context, door: str, pending: Pending, result: Result) -> Decision:
    """State what became of an entry's unlock. Refused takes the admission back, unknown is shown (keeps I-5)."""
    visit = ctx.area.visits.get(pending.visit)
    body = {"door": door, "result": result.value, "for": "entry", "admission": pending.admission}
    stated = facts(draft("door_unlocked", visit, **body))
    if result is Result.REFUSED:
        refused = raised(ctx, "door_refused", door, visit)
        return stated + withdrawn(ctx, door, pending, "door_refused", lock=False) + refused
    if result is Result.UNKNOWN:
        return stated + raised(ctx, "door_result_unknown", door, visit)
    return stated + cleared(ctx, "door_refused", door) + cleared(ctx, "door_result_unknown", door)


# ---- contacts and exits ---------------------------------------------------------------------------


def door_changed(ctx: Context, event: DoorChanged) -> Decision:
    """The contact changed. A report that is stale, or of what is known, changes nothing (keeps I-4)."""
    door = ctx.site.doors.get(event.door)
    if door is None or event.open == ctx.area.door(event.door).open:
        return NOTHING
    if not ctx.now.is_fresh(event.mono_us, ctx.settings.door_event_fresh_s):
        return NOTHING
    if not event.open:
        calm = [cleared(ctx, name, door.id) for name in ("door_held_open", "door_forced", "door_found_open")]
        return sum(calm, facts(draft("door_closed", None, door=door.id)))
    return _opened(ctx, door, event)


def _opened(ctx: Context, door: DoorSite, event: DoorChanged) -> Decision:
    pending = ctx.area.door(door.id).pending
    if pending and is_in_time(ctx, door, pending):
        return _entered(ctx, door, pending)
    opened = facts(draft("door_opened", None, door=door.id))
    if exit_runs(ctx, door.id):
        return opened
    if event.initial:
        return opened + raised(ctx, "door_found_open", door.id)
    return opened + facts(draft("door_forced", None, door=door.id)) + raised(ctx, "door_forced", door.id)


def is_in_time(ctx: Context, door: DoorSite, pending: Pending) -> bool:
    """Whether an opening now still belongs to the admission."""
    limits = ctx.settings
    if pending.answered_us is None:
        return ctx.now.since(pending.granted_us) <= limits.result_timeout_s + limits.unlock_grace_s
    return ctx.now.since(pending.answered_us) <= door.unlock_seconds + limits.unlock_grace_s


def _entered(ctx: Context, door: DoorSite, pending: Pending) -> Decision:
    visit = ctx.area.visits.get(pending.visit)
    opened = facts(draft("door_opened", visit, door=door.id))
    if visit is None:
        return opened
    if visit.room and visit.room != door.place:
        opened += facts(draft("person_left", visit, place=visit.room))
    opened += facts(draft("person_entered", visit, door=door.id, place=door.place))
    if door.kind == "main" and visit.lane:
        opened += facts(draft("lane_left", visit, lane=visit.lane, reason="passed"))
    return opened


def exit_pressed(ctx: Context, event: ExitPressed) -> Decision:
    """Leaving is never refused (keeps I-3): no hold, no state, no roster is asked. Only a press that is older than
    any hand on a button opens nothing (keeps I-4); the wired release is not ours.
    """
    door = ctx.site.doors.get(event.door)
    if door is None:
        return NOTHING
    asked = facts(draft("exit_requested", None, door=door.id))
    if not ctx.now.is_fresh(event.mono_us, ctx.settings.exit_fresh_s):
        return raised(ctx, "exit_press_stale", door.id)
    # two people at one door cannot be told apart: who wants in shows the card again
    pending = ctx.area.door(door.id).pending
    taken = withdrawn(ctx, door.id, pending, "exit_in_use", lock=False) if pending else NOTHING
    return asked + taken + Decision(acts=(Unlock(door.id, None, door.unlock_seconds),))
