"""Sittings that begin and end, and the supervisor's holds: entry stops, leaving stays free (keeps I-3)."""

from collections.abc import Callable

from access_control import identity
from access_control.acts import NOTHING, Decision
from access_control.context import Context, draft, facts, withdrawn
from access_control.observations import (
    HoldLifted,
    HoldOrdered,
    RosterOpened,
    RosterUnavailable,
    SittingClosed,
)
from access_control.rosters import OpenRoster
from access_control.shapes import Pending, Visit
from access_control.site import DoorSite
from access_control.states import AT_KIOSK, VisitState
from contract.envelope import FactDraft


def _of_session(kind: str, session: str | None, /, **body: object) -> FactDraft:
    return FactDraft(kind, body, session)


def roster_opened(ctx: Context, seen: RosterOpened) -> Decision:
    """Check-in begins; after a restart the same roster is opened once more."""
    roster = ctx.rosters.of(seen.sitting)
    if roster is None:
        return NOTHING
    known = seen.sitting in ctx.area.sittings
    begun = () if known else (_of_session("checkin_opened", seen.session, sitting=seen.sitting),)
    body = {
        "sitting": seen.sitting,
        "serial": seen.serial,
        "witness": seen.witness,
        "expected": len(roster.persons),
    }
    opened = facts(*begun, _of_session("roster_opened", seen.session, **body))
    return sum(_identified_further(ctx, roster), opened)


def _identified_further(ctx: Context, roster: OpenRoster) -> list[Decision]:
    """After a restart: who stood before a kiosk's camera is looked at again."""
    waiting = [
        v for v in ctx.area.visits.values() if v.sitting == roster.sitting and v.state is VisitState.ARRIVED
    ]
    here = [v for v in waiting if ctx.area.kiosk(v.kiosk).visit == v.id]
    persons = [(v, roster.person(v.alias)) for v in here]
    return [identity.next_method(v, v.kiosk, person) for v, person in persons if person]


def roster_unavailable(ctx: Context, seen: RosterUnavailable) -> Decision:
    """The sitting is refused, never improvised."""
    return facts(_of_session("roster_unavailable", seen.session, sitting=seen.sitting, reason=seen.reason))


def sitting_closed(ctx: Context, seen: SittingClosed) -> Decision:
    """Nobody enters any more; whoever left nothing behind and is not inside is done."""
    sitting = ctx.area.sittings.get(seen.sitting)
    if sitting and sitting.closed:
        return NOTHING
    waiting = [v for v in ctx.area.visits.values() if v.sitting == seen.sitting and _is_idle_here(v)]
    ended = [draft("visit_ended", v, outcome="cancelled") for v in waiting]
    closed = _of_session("sitting_closed", seen.session, sitting=seen.sitting)
    taken = _withdraw_all(ctx, lambda pending, _: _sitting_of(ctx, pending) == seen.sitting, "closed")
    return taken + facts(*ended, closed)


def _is_idle_here(visit: Visit) -> bool:
    return visit.state in AT_KIOSK | {VisitState.REFUSED} and visit.locker is None


def _sitting_of(ctx: Context, pending: Pending) -> str | None:
    visit = ctx.area.visits.get(pending.visit)
    return visit.sitting if visit else None


def hold_ordered(ctx: Context, seen: HoldOrdered) -> Decision:
    """Entry is held for the named rooms (none named: all), unused admissions go back."""
    rooms = tuple(sorted(seen.rooms or ctx.site.rooms))
    held = _of_session("entry_held", seen.session, command_id=seen.command_id, rooms=list(rooms))
    after = ctx.area.held | set(rooms)
    return facts(held) + _withdraw_all(ctx, lambda p, d: _is_hit(ctx, p, d, after), "held")


def _withdraw_all(ctx: Context, hits: Callable[[Pending, DoorSite], bool], reason: str) -> Decision:
    taken = NOTHING
    for door in ctx.site.doors.values():
        pending = ctx.area.door(door.id).pending
        if pending and hits(pending, door):
            taken += withdrawn(ctx, door.id, pending, reason)
    return taken


def _is_hit(ctx: Context, pending: Pending, door: DoorSite, held: frozenset[str]) -> bool:
    if door.kind == "room":
        return door.room in held
    visit = ctx.area.visits.get(pending.visit)
    person = ctx.rosters.person(visit.sitting, visit.alias) if visit else None
    return person is None or set(person.rooms) <= held


def hold_lifted(ctx: Context, seen: HoldLifted) -> Decision:
    """Entry is free again."""
    rooms = sorted(set(seen.rooms or ctx.area.held) & ctx.area.held)
    return facts(_of_session("entry_resumed", seen.session, command_id=seen.command_id, rooms=rooms))
