"""What follows because time went on (`Tick`). Each tick decides the most pressing thing of each subject once."""

from collections.abc import Callable, Iterator, Mapping

from access_control import custody, doors, lane
from access_control.acts import NOTHING, Decision
from access_control.context import Context, draft, facts, raised, withdrawn
from access_control.observations import Tick
from access_control.shapes import Visit
from access_control.site import DoorSite
from access_control.states import IN_LANE, LockerState, VisitState
from devices.ports import Result

_ENDS_WHEN_IDLE = frozenset(
    {VisitState.ARRIVED, VisitState.IDENTIFIED, VisitState.REFUSED, VisitState.PROMISED}
)


def tick(ctx: Context, seen: Tick) -> Decision:
    """One subject a tick where facts could cross: the first that has something to state."""
    steps: Iterator[Decision] = (step for rule in _RULES for step in rule(ctx, seen.touched))
    return next((step for step in steps if step != NOTHING), NOTHING)


Rule = Callable[[Context, Mapping[str, int]], Iterator[Decision]]


def _answers_of_doors(ctx: Context, touched: Mapping[str, int]) -> Iterator[Decision]:
    """An answer that did not come is unknown (keeps I-5)."""
    for door in ctx.site.doors.values():
        now, limit = ctx.area.door(door.id), ctx.settings.result_timeout_s
        if now.exit_waiting and now.exit_us is not None and ctx.now.since(now.exit_us) > limit:
            yield doors.exit_answered(ctx, door.id, Result.UNKNOWN)
        pending = now.pending
        if pending and pending.answered_us is None and ctx.now.since(pending.granted_us) > limit:
            yield doors.entry_answered(ctx, door.id, pending, Result.UNKNOWN)


def _unused_admissions(ctx: Context, touched: Mapping[str, int]) -> Iterator[Decision]:
    for door in ctx.site.doors.values():
        pending = ctx.area.door(door.id).pending
        if pending and not doors.is_in_time(ctx, door, pending):
            yield withdrawn(ctx, door.id, pending, "not_used", lock=False)


def _doors_held_open(ctx: Context, touched: Mapping[str, int]) -> Iterator[Decision]:
    for door in ctx.site.doors.values():
        now = ctx.area.door(door.id)
        if now.open and not now.held_open and ctx.now.since(now.opened_us) > door.held_open_seconds:
            yield _held_open(ctx, door)


def _held_open(ctx: Context, door: DoorSite) -> Decision:
    stated = facts(draft("door_held_open", None, door=door.id))
    return stated + raised(ctx, "door_held_open", door.id, seconds=door.held_open_seconds)


def _lanes(ctx: Context, touched: Mapping[str, int]) -> Iterator[Decision]:
    for site in ctx.site.lanes.values():
        now, visit = ctx.area.lane(site.id), ctx.area.holder(site)
        if now.holder is None or ctx.now.since(now.entered_us) <= ctx.settings.lane_timeout_s:
            continue
        if visit and visit.state in IN_LANE:
            yield lane.step_out(ctx, visit, "timeout")


def _answers_of_lockers(ctx: Context, touched: Mapping[str, int]) -> Iterator[Decision]:
    for key, locker in ctx.area.lockers.items():
        visit = ctx.area.visits.get(locker.visit or "")
        if visit is None or locker.purpose is None:
            continue
        waited = ctx.now.since(locker.since_us)
        if locker.waiting and waited > ctx.settings.result_timeout_s:
            yield custody.answered(ctx, visit, key, locker.purpose, Result.UNKNOWN)
        never_opened = locker.state is LockerState.ASSIGNED and not locker.waiting and not locker.used
        if never_opened and waited > ctx.settings.locker_settle_s:
            yield custody.never_opened(ctx, visit, key)


def _lockers_left_open(ctx: Context, touched: Mapping[str, int]) -> Iterator[Decision]:
    for key, locker in ctx.area.lockers.items():
        stands_open = locker.state in {LockerState.DEPOSITING, LockerState.RETURNING}
        if stands_open and ctx.now.since(locker.since_us) > ctx.settings.locker_left_open_s:
            visit = ctx.area.visits.get(locker.visit or "")
            yield raised(ctx, "locker_left_open", custody.subject(key), visit)


def _waiting_for_a_locker(ctx: Context, touched: Mapping[str, int]) -> Iterator[Decision]:
    for visit in ctx.area.visits.values():
        at_hand = ctx.area.kiosk(visit.kiosk).visit == visit.id
        if visit.state is VisitState.PROMISED and visit.locker is None and at_hand:
            given = custody.give_locker(ctx, visit)
            yield given if any(f.kind == "locker_assigned" for f in given.facts) else NOTHING


def _left_outside(ctx: Context, touched: Mapping[str, int]) -> Iterator[Decision]:
    """The sitting is over and this visit waits before the gate with nothing in a locker: it is done."""
    for visit in ctx.area.visits.values():
        sitting = ctx.area.sittings.get(visit.sitting)
        over = sitting is not None and sitting.closed
        if over and visit.state is VisitState.SETTLED and visit.locker is None:
            yield facts(draft("visit_ended", visit, outcome="cancelled"))


def _idle_kiosks(ctx: Context, touched: Mapping[str, int]) -> Iterator[Decision]:
    """Nobody is there any more: what was begun and left nothing behind ends, the kiosk is wiped."""
    for visit in ctx.area.visits.values():
        if visit.state not in _ENDS_WHEN_IDLE or visit.locker is not None:
            continue
        if idle_s(ctx, visit, touched) > ctx.settings.kiosk_idle_s:
            yield facts(draft("visit_ended", visit, outcome="cancelled"))


def idle_s(ctx: Context, visit: Visit, touched: Mapping[str, int]) -> float:
    """Seconds since a visit's kiosk was last used by it."""
    kiosk = ctx.area.kiosk(visit.kiosk)
    mine = kiosk.visit == visit.id
    return ctx.now.since(max(kiosk.last_us, touched.get(visit.kiosk, 0) if mine else 0))


_RULES: tuple[Rule, ...] = (
    _answers_of_doors, _unused_admissions, _lanes, _doors_held_open, _answers_of_lockers,
    _waiting_for_a_locker, _lockers_left_open, _idle_kiosks, _left_outside,
)  # fmt: skip
