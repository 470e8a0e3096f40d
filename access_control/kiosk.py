"""Arrival at a kiosk (C1): whose card it is, whether now is the time, what follows for a visit known already."""

from access_control import custody, identity, lane
from access_control.acts import Act, Decision, RingDesk
from access_control.context import Context, Owner, admits, draft, facts, owner_of, presented
from access_control.rosters import OpenRoster, Person
from access_control.shapes import Visit
from access_control.site import KioskSite
from access_control.states import AT_KIOSK, VisitState
from devices.ports import CardPlaced, IdCard

SILENT = frozenset({"too_early", "busy"})
"""Answers that need no hand."""


def card_at_kiosk(ctx: Context, kiosk: KioskSite, event: CardPlaced) -> Decision:
    """A fresh card at a kiosk's reader."""
    owner = owner_of(ctx, event.card)
    if _is_busy(ctx, kiosk, owner):
        return _answer(kiosk, "busy")
    if owner is None:
        return _answer(kiosk, coming_answer(ctx))
    if owner.visit is None or owner.visit.outcome == "cancelled":
        return _arrive(ctx, kiosk, owner, event.card)
    return _again(ctx, kiosk, owner.visit, owner.person, event.card)


def coming_answer(ctx: Context) -> str:
    """What may be said to somebody of no opened roster: only times are known (keeps I-14)."""
    horizon = ctx.settings.too_early_horizon_s
    waits = [(s.checkin_opens_at - ctx.now.wall).total_seconds() for s in ctx.rosters.coming]
    if any(0 < wait <= horizon for wait in waits):
        return "too_early"
    if any(s.checkin_opens_at <= ctx.now.wall <= s.ends_at for s in ctx.rosters.coming):
        return "roster_unavailable"
    return "not_expected"


def _is_busy(ctx: Context, kiosk: KioskSite, owner: Owner | None) -> bool:
    visit = ctx.area.at_kiosk(kiosk.id)
    if visit is None or visit.state not in AT_KIOSK:
        return False
    if owner and owner.visit and owner.visit.id == visit.id:
        return False
    return ctx.now.since(ctx.area.kiosk(kiosk.id).last_us) <= ctx.settings.kiosk_idle_s


def _answer(kiosk: KioskSite, result: str, visit: Visit | None = None) -> Decision:
    acts: tuple[Act, ...] = () if result in SILENT else (RingDesk(kiosk.id, result),)
    return Decision((presented(kiosk.reader, kiosk.id, result, visit),), acts)


def _arrive(ctx: Context, kiosk: KioskSite, owner: Owner, card: IdCard) -> Decision:
    roster, person = owner.roster, owner.person
    if reason := admits(ctx, roster) or _card_fault(ctx, card) or _locked_out(ctx, roster, person):
        return _answer(kiosk, reason)
    visit = Visit(
        ctx.now.new_id("visit"), roster.session, roster.sitting, person.alias, person.role, kiosk.id
    )
    same_name = person.has_name_of(card)
    begun = facts(
        presented(kiosk.reader, kiosk.id, "expected", visit),
        draft(
            "visit_started", visit, sitting=visit.sitting, kiosk=kiosk.id, alias=visit.alias, role=visit.role
        ),
        identity.checked(visit, kiosk.id, "card", "matched" if same_name else "not_matched"),
    )
    if not same_name:
        return begun + identity.refused(visit, kiosk.id, "name_differs")
    return begun + identity.next_method(visit, kiosk.id, person)


def _card_fault(ctx: Context, card: IdCard) -> str | None:
    today = ctx.now.wall.date()
    return "card_expired" if card.valid_to is not None and card.valid_to < today else None


def _locked_out(ctx: Context, roster: OpenRoster, person: Person) -> str | None:
    limit = max(ctx.settings.face_tries, ctx.settings.pin_tries)
    return "too_many_tries" if ctx.area.misses.get((roster.sitting, person.alias), 0) >= limit else None


def _again(ctx: Context, kiosk: KioskSite, visit: Visit, person: Person, card: IdCard) -> Decision:
    if not person.has_name_of(card):
        return _answer(kiosk, "name_differs")
    if visit.state in {VisitState.REFUSED, VisitState.ENDED}:
        return _answer(kiosk, "left" if visit.outcome == "left" else "refused", visit)
    if visit.state not in AT_KIOSK:
        return lane.step_out(ctx, visit) + custody.back_at_kiosk(ctx, kiosk, visit)
    resumed = facts(presented(kiosk.reader, kiosk.id, "expected", visit))
    if visit.state is VisitState.ARRIVED:
        return resumed + identity.next_method(visit, kiosk.id, person)
    if visit.state is VisitState.PROMISED:
        return resumed + custody.resume(ctx, visit)
    return resumed
