"""After a restart: what was permitted and never answered is unknown, and is not done again (keeps I-5)."""

from dataclasses import replace

from access_control import custody, doors, lane
from access_control.acts import NOTHING, Decision
from access_control.context import Context
from access_control.instant import Instant
from access_control.rosters import Rosters
from access_control.settings import Settings
from access_control.shapes import Area
from access_control.states import IN_LANE
from devices.ports import Result


def recover(area: Area, now: Instant, settings: Settings | None = None) -> Decision:
    """Decide once, after `edge_started` was folded and before anything else is observed. Gives facts, no acts."""
    ctx = Context(area, Rosters(), settings or Settings(), now)
    decided = _doors(ctx) + _lockers(ctx) + _lanes(ctx)
    return replace(decided, acts=())


def _doors(ctx: Context) -> Decision:
    found = NOTHING
    for door in ctx.site.doors.values():
        state = ctx.area.door(door.id)
        if state.exit_waiting:
            found += doors.exit_answered(ctx, door.id, Result.UNKNOWN)
        if state.pending and state.pending.answered_us is None:
            found += doors.entry_answered(ctx, door.id, state.pending, Result.UNKNOWN)
    return found


def _lockers(ctx: Context) -> Decision:
    found = NOTHING
    for key, locker in ctx.area.lockers.items():
        visit = ctx.area.visits.get(locker.visit or "")
        if visit and locker.waiting and locker.purpose:
            found += custody.answered(ctx, visit, key, locker.purpose, Result.UNKNOWN)
    return found


def _lanes(ctx: Context) -> Decision:
    """A reading of before the restart is void; who still waits at an unlocked door keeps the lane for its seconds."""
    found = NOTHING
    for site in ctx.site.lanes.values():
        visit = ctx.area.holder(site)
        waits = ctx.area.door(site.door).pending
        if visit and visit.state in IN_LANE and not waits:
            found += lane.step_out(ctx, visit)
    return found
