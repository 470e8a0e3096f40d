"""`decide`: one observation, what is known, now → facts to state and then acts to do.

The edge journals the facts (durable), folds each record by `evolve`, only then does the acts (keeps I-1), and feeds
`Decision.then` before any other observation. Nothing here reads a clock, a file or a device.
"""

from collections.abc import Callable, Mapping
from typing import Any

from access_control import custody, doors, holds, identity, kiosk, lane, timeouts
from access_control.acts import NOTHING, Act, Decision, RingDesk
from access_control.context import Context, draft, facts, presented
from access_control.instant import Instant
from access_control.observations import (
    DoorResult,
    FaceJudged,
    HelpAnswered,
    HoldLifted,
    HoldOrdered,
    KioskAction,
    LaneCleared,
    LockerResult,
    Observation,
    PinSent,
    RosterOpened,
    RosterUnavailable,
    SittingClosed,
    Tick,
)  # fmt: skip
from access_control.recovery import recover
from access_control.rosters import Rosters
from access_control.settings import Settings
from access_control.shapes import Area, Visit
from access_control.states import VisitState
from devices.ports import CardPlaced, DoorChanged, ExitPressed, GatePassage, LockerChanged

__all__ = ["Act", "Decision", "decide", "recover"]


def decide(
    area: Area, rosters: Rosters, settings: Settings, observation: Observation, now: Instant
) -> Decision:
    """What follows from one observation. Total: every observation in every state gives a decision."""
    rule = _RULES.get(type(observation))
    return rule(Context(area, rosters, settings, now), observation) if rule else NOTHING


def _card(ctx: Context, event: CardPlaced) -> Decision:
    """A card counts once, and only while it is fresh (keeps I-4)."""
    place = _place_of(ctx, event.reader)
    if place is None or 0 < event.mono_us <= ctx.area.readers.get(event.reader, 0):
        return NOTHING
    if not ctx.now.is_fresh(event.mono_us, ctx.settings.card_fresh_s):
        return facts(presented(event.reader, place, "stale"))
    if site := ctx.site.kiosk_of(event.reader):
        return kiosk.card_at_kiosk(ctx, site, event)
    if entrance := ctx.site.lane_of(event.reader):
        return lane.card_at_lane(ctx, entrance, event)
    door = ctx.site.door_of(event.reader)
    return doors.card_at_door(ctx, door, event) if door else NOTHING


def _place_of(ctx: Context, reader: str) -> str | None:
    site = ctx.site.kiosk_of(reader) or ctx.site.lane_of(reader) or ctx.site.door_of(reader)
    return site.id if site else None


def _kiosk_action(ctx: Context, seen: KioskAction) -> Decision:
    if seen.kiosk not in ctx.site.kiosks:
        return NOTHING
    if seen.action == "help":
        return Decision((draft("help_requested", None, kiosk=seen.kiosk),), (RingDesk(seen.kiosk, "help"),))
    visit = ctx.area.at_kiosk(seen.kiosk)
    action = _ACTIONS.get(seen.action)
    return action(ctx, visit, seen.value) if action and visit else NOTHING


def _cancel(ctx: Context, visit: Visit, value: str | None) -> Decision:
    begun = {VisitState.ARRIVED, VisitState.IDENTIFIED, VisitState.REFUSED, VisitState.PROMISED}
    if visit.state not in begun:
        return Decision(notice="leave.show_card")
    if visit.locker is not None:
        return Decision(notice="store.shut_first")
    return facts(draft("visit_ended", visit, outcome="cancelled"))


def _help_answered(ctx: Context, seen: HelpAnswered) -> Decision:
    if ctx.area.kiosk(seen.kiosk).help_since is None:
        return NOTHING
    return facts(draft("help_answered", None, kiosk=seen.kiosk))


_ACTIONS: Mapping[str, Callable[[Context, Visit, str | None], Decision]] = {
    "cancel": _cancel,
    "use_face": lambda ctx, visit, value: identity.use_face(ctx, visit),
    "use_code": lambda ctx, visit, value: identity.use_code(ctx, visit),
    "pin": identity.pin_entered,
    "sign": identity.sign,
    "stored": lambda ctx, visit, value: custody.stored(ctx, visit),
    "nothing_to_store": lambda ctx, visit, value: custody.nothing_to_store(ctx, visit),
    # a locker opens by the card, never by a touch (keeps I-6)
    "collect": lambda ctx, visit, value: Decision(notice="leave.show_card"),
}

_RULES: Mapping[type, Callable[[Context, Any], Decision]] = {
    CardPlaced: _card,
    LockerChanged: custody.locker_changed,
    GatePassage: lane.gate_passage,
    DoorChanged: doors.door_changed,
    ExitPressed: doors.exit_pressed,
    KioskAction: _kiosk_action,
    FaceJudged: identity.face_judged,
    PinSent: identity.pin_sent,
    DoorResult: doors.door_result,
    LockerResult: custody.locker_result,
    RosterOpened: holds.roster_opened,
    RosterUnavailable: holds.roster_unavailable,
    SittingClosed: holds.sitting_closed,
    HoldOrdered: holds.hold_ordered,
    HoldLifted: holds.hold_lifted,
    HelpAnswered: _help_answered,
    LaneCleared: doors.lane_cleared,
    Tick: timeouts.tick,
}
