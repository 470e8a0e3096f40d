"""The lane (C3): identity read again at its entrance, one visit at a time, the gate's reading for this visit."""

from access_control import custody
from access_control.acts import NOTHING, Decision, RingDesk
from access_control.context import (
    Context,
    admits,
    draft,
    facts,
    is_held,
    owner_of,
    presented,
    raised,
    withdrawn,
)
from access_control.observations import LaneCleared
from access_control.shapes import LaneNow, Visit
from access_control.site import LaneSite
from access_control.states import IN_LANE, VisitState
from contract.envelope import FactDraft
from devices.ports import CardPlaced, GatePassage

_NOT_READY = {
    VisitState.ARRIVED: "identity_missing",
    VisitState.REFUSED: "identity_missing",
    VisitState.IDENTIFIED: "custody_missing",
    VisitState.PROMISED: "custody_missing",
    VisitState.INSIDE: "already_inside",
    VisitState.OUTSIDE: "left",
    VisitState.RETURNED: "left",
    VisitState.ENDED: "left",
}


def card_at_lane(ctx: Context, lane: LaneSite, event: CardPlaced) -> Decision:
    """A fresh card at the lane's entrance."""
    owner = owner_of(ctx, event.card)
    if owner is None or not owner.person.has_name_of(event.card):
        return _refused(ctx, lane, "not_expected")
    visit = owner.visit
    if visit is None:
        return _refused(ctx, lane, "identity_missing")
    if visit.state in IN_LANE and visit.lane == lane.id:
        return facts(presented(lane.reader, lane.id, "expected", visit))
    if reason := _NOT_READY.get(visit.state) or admits(ctx, owner.roster):
        return _refused(ctx, lane, reason, visit)
    if is_held(ctx, owner.person.rooms):
        return _refused(ctx, lane, "held", visit)
    if not custody.is_sound(ctx, visit):
        return _refused(ctx, lane, "custody_missing", visit)
    if visit.state in IN_LANE or ctx.area.lane(lane.id).holder:
        return _refused(ctx, lane, "occupied", visit)
    return facts(
        presented(lane.reader, lane.id, "expected", visit), draft("lane_entered", visit, lane=lane.id)
    )


def _refused(ctx: Context, lane: LaneSite, reason: str, visit: Visit | None = None) -> Decision:
    holder = ctx.area.lane(lane.id).holder
    more = {"holder": holder} if reason == "occupied" and holder else {}
    return facts(
        presented(lane.reader, lane.id, reason, visit),
        draft("lane_refused", visit, lane=lane.id, reason=reason, **more),
    )


def step_out(ctx: Context, visit: Visit, reason: str = "cancelled") -> Decision:
    """The visit leaves its lane again, and an unused admission goes with it."""
    if visit.state not in IN_LANE or visit.lane is None:
        return NOTHING
    door = ctx.site.lanes[visit.lane].door
    pending = ctx.area.door(door).pending
    taken = withdrawn(ctx, door, pending, "lane_left") if pending and pending.visit == visit.id else NOTHING
    return taken + facts(draft("lane_left", visit, lane=visit.lane, reason=reason))


def gate_passage(ctx: Context, event: GatePassage) -> Decision:
    """One passage. Only a clean inward one that began after the lane was entered counts (keeps I-2, I-4), and only
    while nobody else stands behind the gate: the reading would be another person's.
    """
    lane = ctx.site.lane_of_gate(event.gate)
    if lane is None or event.ended_mono_us <= ctx.area.lane(lane.id).gate_us:
        return NOTHING
    visit = ctx.area.holder(lane)
    if event.direction != "in":
        return _outward(ctx, lane, visit, event)
    if visit is None:
        return facts(_passed(lane, None, event, event.doubtful)) + raised(ctx, "gate_without_card", lane.id)
    second = event.clear and ctx.area.lane(lane.id).persons > 0
    doubtful = event.doubtful or second or not _is_of_this_visit(ctx, ctx.area.lane(lane.id), event)
    read = facts(_passed(lane, visit, event, doubtful))
    read += raised(ctx, "gate_without_card", lane.id) if second else NOTHING
    if event.clear and not doubtful:
        return read + Decision(then=LaneCleared(lane.id, visit.id))
    return (
        read
        + _void(ctx, lane, visit, "gate_doubtful" if doubtful else "gate_alarm")
        + (NOTHING if doubtful else _many_alarms(ctx, lane, visit))
    )


def _passed(lane: LaneSite, visit: Visit | None, event: GatePassage, doubtful: bool) -> FactDraft:
    return draft(
        "gate_passed", visit, lane=lane.id, gate=event.gate, passage_no=event.passage_no,
        clear=event.clear and not doubtful, kinds=list(event.kinds), doubtful=doubtful,
        direction=event.direction,
    )  # fmt: skip


def _is_of_this_visit(ctx: Context, lane: LaneNow, event: GatePassage) -> bool:
    fresh = ctx.now.is_fresh(event.ended_mono_us, ctx.settings.gate_event_fresh_s)
    return fresh and lane.entered_us <= event.started_mono_us <= event.ended_mono_us


def _outward(ctx: Context, lane: LaneSite, visit: Visit | None, event: GatePassage) -> Decision:
    """Somebody walked back out: a clean reading that stood is worth nothing now, the passage is repeated."""
    if visit is None or visit.state not in IN_LANE:
        return NOTHING
    return facts(_passed(lane, visit, event, True)) + _void(ctx, lane, visit, "gate_outward")


def _void(ctx: Context, lane: LaneSite, visit: Visit, reason: str) -> Decision:
    """An alarm takes the grant back (keeps I-2)."""
    pending = ctx.area.door(lane.door).pending
    return withdrawn(ctx, lane.door, pending, reason) if pending and pending.visit == visit.id else NOTHING


def _many_alarms(ctx: Context, lane: LaneSite, visit: Visit) -> Decision:
    if visit.alarms + 1 < ctx.settings.gate_tries:
        return NOTHING
    ring = Decision(acts=(RingDesk(visit.kiosk, "gate_tries"),))
    return raised(ctx, "gate_tries", lane.id, visit, tries=visit.alarms + 1) + ring
