"""What a kiosk shows: one question a screen. Keys and parameters only; the words are the page's."""

from datetime import timedelta
from typing import Any

from access_control.context import Context
from access_control.instant import Instant
from access_control.kiosk import coming_answer
from access_control.rosters import Person, Rosters
from access_control.settings import Settings
from access_control.shapes import Area, KioskNow, Visit
from access_control.states import LockerState, VisitState
from contract.clock import stamp

STEPS = {
    VisitState.ARRIVED: 1, VisitState.REFUSED: 1, VisitState.IDENTIFIED: 2, VisitState.PROMISED: 3,
    VisitState.SETTLED: 4, VisitState.IN_LANE: 4, VisitState.CLEARED: 4, VisitState.GRANTED: 5,
    VisitState.INSIDE: 5,
}  # fmt: skip
Shown = tuple[str, dict[str, Any]]


def kiosk_screen(
    area: Area,
    rosters: Rosters,
    kiosk: str,
    now: Instant,
    settings: Settings | None = None,
    touched_us: int = 0,
) -> dict[str, Any]:
    """The screen object of interfaces.md §7 but `offline` and `lang`, which the edge knows.

    `touched_us`: when the page was last touched (mono µs). `expires_in` counts down to the idle wipe.
    """
    ctx = Context(area, rosters, settings or Settings(), now)
    at = area.kiosk(kiosk)
    visit = area.at_kiosk(kiosk)
    shown, left = _shown(ctx, at, visit, touched_us)
    name, params = shown
    helped = at.help_since if name != "idle" or at.help_since else None
    return {
        "screen": name,
        "params": params,
        "step": STEPS.get(visit.state, 0) if visit and name not in {"idle", "leave"} else 0,
        "expires_in": left,
        "help_since": helped,
    }


def _shown(ctx: Context, at: KioskNow, visit: Visit | None, touched_us: int) -> tuple[Shown, int | None]:
    if visit is None:
        return _answer(ctx, at)
    limit = ctx.settings.kiosk_idle_s
    left = limit - ctx.now.since(max(at.last_us, touched_us))
    if left <= 0 and not _holds_kiosk(ctx, visit):
        return ("idle", {}), None
    return _of_visit(ctx, at, visit), max(0, int(left))


def _holds_kiosk(ctx: Context, visit: Visit) -> bool:
    """Never silent while a locker stands open or is about to."""
    if visit.locker is None:
        return False
    locker = ctx.area.locker(visit.locker)
    return locker.waiting or locker.state in {LockerState.DEPOSITING, LockerState.RETURNING}


def _answer(ctx: Context, at: KioskNow) -> tuple[Shown, int | None]:
    """An answer to somebody without a visit is shown for a few seconds."""
    left = ctx.settings.message_s - ctx.now.since(at.answer_us)
    if at.answer in {None, "expected"} or left <= 0:
        return ("help", {}) if at.help_since else ("idle", {}), None
    return _message(ctx, str(at.answer)), max(0, int(left))


def _message(ctx: Context, answer: str) -> Shown:
    if answer == "not_expected":
        return answer, {}
    if answer == "too_early":
        return answer, _opening(ctx)
    return "refused", {"reason": answer}


def _opening(ctx: Context) -> dict[str, Any]:
    """When the next check-in opens; whose it is stays unsaid."""
    coming = [s.checkin_opens_at for s in ctx.rosters.coming]
    coming += [r.checkin_opens_at for r in ctx.rosters.open]
    later = sorted(at for at in coming if at > ctx.now.wall)
    return {"opens_at": stamp(later[0])} if later and coming_answer(ctx) else {}


def _of_visit(ctx: Context, at: KioskNow, visit: Visit) -> Shown:
    person = ctx.rosters.person(visit.sitting, visit.alias)
    if at.answer == "refused" or visit.state is VisitState.REFUSED:
        return "refused", {"reason": "refused"}
    if visit.state is VisitState.ENDED:
        left = ctx.now.since(at.last_us) <= ctx.settings.message_s
        return ("leave", {"done": True}) if left and visit.outcome == "left" else ("idle", {})
    show = _SCREENS[visit.state]
    return show(ctx, visit, person)


def _identity(ctx: Context, visit: Visit, person: Person | None) -> Shown:
    by_code = person is None or person.face is None or visit.face == "unavailable" or visit.pin_sends > 0
    if by_code and not visit.face_misses:
        tries: dict[str, Any] = {"tries_left": ctx.settings.pin_tries - visit.pin_misses}
        tries |= {"wrong": True} if visit.pin_misses else {}
        return "pin", tries | {"sent": visit.pin_result == "done", "digits": ctx.settings.pin_digits}
    if visit.face == "review":
        return "unsure", {"can_use_code": not visit.face_misses}
    tries_left = ctx.settings.face_tries - visit.face_misses
    return "face", {"tries_left": tries_left, "can_use_code": not visit.face_misses}


def _promise(ctx: Context, visit: Visit, person: Person | None) -> Shown:
    return "promise", {"name": person.name} if person else {}


def _store(ctx: Context, visit: Visit, person: Person | None) -> Shown:
    if visit.locker is None:
        return "store", {"waiting": True}
    bank, number = visit.locker
    locker = ctx.area.locker(visit.locker)
    params: dict[str, Any] = {"bank": bank, "locker": number}
    if locker.state is LockerState.ASSIGNED:
        return _opening_locker(ctx, visit, params)
    return "store", params | {"open": locker.state is LockerState.DEPOSITING}


def _opening_locker(ctx: Context, visit: Visit, params: dict[str, Any]) -> Shown:
    """A locker that replaces a jammed one says so."""
    jammed = [
        key[1]
        for key, locker in ctx.area.lockers.items()
        if key[0] == params["bank"]
        and locker.state is LockerState.JAMMED
        and locker.since_us >= visit.started_us
    ]
    if jammed:
        return "jammed", {"bank": params["bank"], "locker": jammed[-1], "next": params["locker"]}
    return "store", params | {"open": False, "waiting": True}


def _gate(ctx: Context, visit: Visit, person: Person | None) -> Shown:
    if visit.alarms:
        return "alarm", {"tries": visit.alarms, "of": ctx.settings.gate_tries}
    lane = visit.lane or ctx.site.kiosks[visit.kiosk].lane
    return "gate", {"lane": lane, "in_lane": visit.lane is not None}


def _go(ctx: Context, visit: Visit, person: Person | None) -> Shown:
    if person is None or not person.rooms:
        return "idle", {}
    start = visit.entered_at or ctx.now.wall
    until = stamp(start + timedelta(minutes=ctx.settings.room_minutes))
    return "go", {"room": person.rooms[0], "rooms": list(person.rooms), "valid_until": until}


def _leave(ctx: Context, visit: Visit, person: Person | None) -> Shown:
    if visit.locker is None:
        return "leave", {}
    bank, number = visit.locker
    state = ctx.area.locker(visit.locker).state
    return "leave", {"bank": bank, "locker": number, "open": state is LockerState.RETURNING}


def _settled(ctx: Context, visit: Visit, person: Person | None) -> Shown:
    leaving = visit.locker is not None and ctx.area.locker(visit.locker).purpose == "return"
    return _leave(ctx, visit, person) if leaving else _gate(ctx, visit, person)


_SCREENS = {
    VisitState.ARRIVED: _identity, VisitState.IDENTIFIED: _promise, VisitState.PROMISED: _store,
    VisitState.SETTLED: _settled, VisitState.IN_LANE: _gate, VisitState.CLEARED: _go,
    VisitState.GRANTED: _go, VisitState.INSIDE: _go, VisitState.OUTSIDE: _leave, VisitState.RETURNED: _leave,
}  # fmt: skip
