"""What every rule is given, and the drafts that many rules state."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from access_control.acts import Decision, Lock
from access_control.instant import Instant
from access_control.rosters import OpenRoster, Person, Rosters
from access_control.settings import Settings
from access_control.shapes import Area, Pending, Visit
from access_control.site import SitePlan
from access_control.states import VisitState
from contract.envelope import FactDraft
from devices.ports import IdCard


@dataclass(frozen=True, slots=True)
class Context:
    """The arguments of `decide` but the observation."""

    area: Area
    rosters: Rosters
    settings: Settings
    now: Instant

    @property
    def site(self) -> SitePlan:
        """The venue as the rules know it."""
        return self.area.site


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose card it is: a person of an opened roster and the latest visit, if any."""

    roster: OpenRoster
    person: Person
    visit: Visit | None


def draft(kind: str, visit: Visit | None = None, /, **body: Any) -> FactDraft:
    """A fact of a visit (and its session), or of nobody."""
    return FactDraft(kind, body, visit.session if visit else None, visit.id if visit else None)


def facts(*drafts: FactDraft) -> Decision:
    """Facts without acts."""
    return Decision(facts=drafts)


def presented(reader: str, place: str, result: str, visit: Visit | None = None) -> FactDraft:
    """A card lay on a reader; never its number."""
    body: dict[str, Any] = {"reader": reader, "place": place, "result": result}
    return draft("card_presented", visit, **(body | {"visit": visit.id} if visit else body))


def raised(ctx: Context, alarm: str, subject: str, visit: Visit | None = None, **params: Any) -> Decision:
    """An alarm, unless it stands already."""
    if (alarm, subject) in ctx.area.alarms:
        return Decision()
    return facts(_alarm("alarm_raised", alarm, subject, visit, params))


def cleared(ctx: Context, alarm: str, subject: str) -> Decision:
    """The end of an alarm, if it stands."""
    if (alarm, subject) not in ctx.area.alarms:
        return Decision()
    return facts(_alarm("alarm_cleared", alarm, subject, None, {}))


def _alarm(kind: str, alarm: str, subject: str, visit: Visit | None, params: Mapping[str, Any]) -> FactDraft:
    return draft(kind, visit, alarm=alarm, subject=subject, detail_key=f"alarm.{alarm}", params=dict(params))


def withdrawn(ctx: Context, door: str, pending: Pending, reason: str, *, lock: bool = True) -> Decision:
    """Take an unused admission back; the lock follows unless an exit runs at that door (keeps I-3)."""
    visit = ctx.area.visits.get(pending.visit)
    fact = draft("admission_withdrawn", visit, admission=pending.admission, door=door, reason=reason)
    may_lock = lock and not exit_runs(ctx, door)
    return Decision((fact,), (Lock(door, pending.admission),) if may_lock else ())


def exit_runs(ctx: Context, door: str) -> bool:
    """Whether somebody was just let out by this door."""
    asked = ctx.area.door(door).exit_us
    site = ctx.site.doors[door]
    limit = site.unlock_seconds + ctx.settings.unlock_grace_s
    return asked is not None and ctx.now.since(asked) <= limit


def owner_of(ctx: Context, card: IdCard) -> Owner | None:
    """The card's person: a running visit first, then a sitting that admits now, then any opened roster."""
    owners = [Owner(r, p, ctx.area.visit_of(r.sitting, p.alias)) for r, p in ctx.rosters.owners(card)]
    running = [o for o in owners if o.visit and o.visit.state is not VisitState.ENDED]
    admitting = [o for o in owners if admits(ctx, o.roster) is None]
    return next(iter([*running, *admitting, *owners]), None)


def admits(ctx: Context, roster: OpenRoster) -> str | None:
    """Why a sitting admits nobody now; None when it does (the right window of I-2)."""
    sitting = ctx.area.sittings.get(roster.sitting)
    if ctx.now.wall < roster.checkin_opens_at:
        return "too_early"
    if sitting is None or not sitting.opened:
        return "roster_unavailable"
    if sitting.closed or ctx.now.wall > roster.ends_at:
        return "closed"
    return None


def is_held(ctx: Context, rooms: tuple[str, ...]) -> bool:
    """Whether entry is held for somebody of these rooms: every one of them is held."""
    return bool(rooms) and set(rooms) <= ctx.area.held
