"""Custody of phones (C2): a locker opens for its depositor only, one at a time in a bank (keeps I-6).

Permission to open is a fact: `locker_assigned` for a deposit, `card_presented` `leaving` for the return.
"""

from access_control.acts import NOTHING, Act, Decision, OpenLocker, RingDesk
from access_control.context import Context, cleared, draft, facts, presented, raised
from access_control.observations import LockerResult, Purpose
from access_control.shapes import LockerKey, Visit
from access_control.site import EVALUATION, KioskSite
from access_control.states import IN_LANE, LockerState, VisitState
from contract.envelope import FactDraft
from devices.ports import LockerChanged, Result

_EXPECTED_TO_OPEN = {(LockerState.ASSIGNED, "deposit"), (LockerState.HOLDING, "return")}
_OPEN = frozenset({LockerState.DEPOSITING, LockerState.RETURNING})


def subject(key: LockerKey) -> str:
    """A locker as the subject of an alarm."""
    return f"{key[0]}/{key[1]}"


def bank_is_busy(ctx: Context, bank: str, but: LockerKey | None = None) -> bool:
    """Whether another locker of the bank is open, about to open or perhaps just opened (keeps I-6)."""
    return any(
        key[0] == bank and key != but and (locker.waiting or locker.state in _OPEN or _perhaps_open(ctx, key))
        for key, locker in ctx.area.lockers.items()
    )


def _perhaps_open(ctx: Context, key: LockerKey) -> bool:
    """An unknown opening: its contact has a few seconds to say so."""
    unknown = ("locker_result_unknown", subject(key)) in ctx.area.alarms
    return unknown and ctx.now.since(ctx.area.locker(key).since_us) <= ctx.settings.locker_settle_s


def give_locker(ctx: Context, visit: Visit, gone: LockerKey | None = None) -> Decision:
    """A free locker of the kiosk's banks, opened. `gone`: it just jammed and is not asked again."""
    kiosk = ctx.site.kiosks[visit.kiosk]
    here = [bank for bank in kiosk.banks if bank not in ctx.area.away]
    free = [bank for bank in here if not bank_is_busy(ctx, bank, gone)]
    key = next((key for bank in free for key in _keys(ctx, bank) if key != gone and _is_free(ctx, key)), None)
    if key is not None:
        return _assign(visit, key)
    if free:
        return raised(ctx, "lockers_full", kiosk.id, visit) + Decision(
            acts=(RingDesk(kiosk.id, "lockers_full"),)
        )
    return NOTHING  # somebody's locker stands open, or the bank is away: `timeouts` comes back to it


def _keys(ctx: Context, bank: str) -> list[LockerKey]:
    return [(bank, number) for number in range(1, ctx.site.banks.get(bank, 0) + 1)]


def _is_free(ctx: Context, key: LockerKey) -> bool:
    return ctx.area.locker(key).state is LockerState.FREE


def _assign(visit: Visit, key: LockerKey) -> Decision:
    fact = draft("locker_assigned", visit, bank=key[0], locker=key[1])
    return Decision((fact,), (OpenLocker(*key, visit.id, "deposit"),))


def resume(ctx: Context, visit: Visit) -> Decision:
    """The card again during the deposit: the own locker opens once more, or a first one is given."""
    if visit.locker is None:
        return give_locker(ctx, visit)
    locker = ctx.area.locker(visit.locker)
    may_open = locker.state is LockerState.SHUT or (locker.state is LockerState.ASSIGNED and locker.used)
    if locker.waiting or not may_open or bank_is_busy(ctx, visit.locker[0], visit.locker):
        return NOTHING
    return _assign(visit, visit.locker)


def stored(ctx: Context, visit: Visit) -> Decision:
    """The person says: all is in there. The locker must have been open and be shut."""
    if visit.state is not VisitState.PROMISED or visit.locker is None:
        return NOTHING
    if ctx.area.locker(visit.locker).state is not LockerState.SHUT:
        return Decision(notice="store.shut_first")
    bank, number = visit.locker
    return facts(draft("custody_settled", visit, bank=bank, locker=number, declared_empty=False))


def nothing_to_store(ctx: Context, visit: Visit) -> Decision:
    """The person declares to carry none; an open locker is shut first."""
    if visit.state is not VisitState.PROMISED:
        return NOTHING
    if visit.locker is None:
        return facts(draft("custody_settled", visit, declared_empty=True))
    if ctx.area.locker(visit.locker).state is not LockerState.SHUT:
        return Decision(notice="store.shut_first")
    bank, number = visit.locker
    return facts(draft("custody_settled", visit, bank=bank, locker=number, declared_empty=True))


def is_sound(ctx: Context, visit: Visit) -> bool:
    """Whether custody stands: declared empty, or the own locker holds, is not being opened and was not forced."""
    if visit.custody_seq is None:
        return False
    if visit.locker is None:
        return visit.declared_empty
    locker, name = ctx.area.locker(visit.locker), subject(visit.locker)
    doubts = {("locker_forced", name), ("locker_result_unknown", name)} & ctx.area.alarms
    return locker.state is LockerState.HOLDING and not locker.waiting and not doubts


def back_at_kiosk(ctx: Context, kiosk: KioskSite, visit: Visit) -> Decision:
    """The card of somebody who had settled custody: store what the gate found, or take things and leave."""
    outside = visit.state is VisitState.SETTLED or visit.state in IN_LANE
    if outside and visit.alarms:
        return _store_more(ctx, kiosk, visit)
    left = _left_places(visit) if visit.state is VisitState.INSIDE else ()
    leaving = facts(presented(kiosk.reader, kiosk.id, "leaving", visit), *left)
    if visit.locker is None:
        return leaving + facts(draft("visit_ended", visit, outcome="left"))
    bank, number = visit.locker
    locker = ctx.area.locker(visit.locker)
    if locker.state is not LockerState.HOLDING or locker.waiting:
        return facts(presented(kiosk.reader, kiosk.id, "expected", visit), *left)
    if bank_is_busy(ctx, bank, visit.locker):
        busy = facts(presented(kiosk.reader, kiosk.id, "expected", visit), *left)
        return busy + Decision(notice="leave.wait")
    return leaving + Decision(acts=(OpenLocker(bank, number, visit.id, "return"),))


def _left_places(visit: Visit) -> tuple[FactDraft, ...]:
    """Who stands at the kiosk is in none of the places behind the door."""
    room = (draft("person_left", visit, place=visit.room),) if visit.room else ()
    return (*room, draft("person_left", visit, place=EVALUATION))


def _store_more(ctx: Context, kiosk: KioskSite, visit: Visit) -> Decision:
    known = facts(presented(kiosk.reader, kiosk.id, "expected", visit))
    if visit.locker is None:
        return known + give_locker(ctx, visit)
    if bank_is_busy(ctx, visit.locker[0]):
        return known + Decision(notice="store.wait")
    return known + _assign(visit, visit.locker)


# ---- answers and contacts ---------------------------------------------------------------------------


def _opened(visit: Visit | None, key: LockerKey, purpose: Purpose, result: Result) -> FactDraft:
    return draft("locker_opened", visit, bank=key[0], locker=key[1], purpose=purpose, result=result.value)


def locker_result(ctx: Context, seen: LockerResult) -> Decision:
    """The answer to `OpenLocker`; one that nobody waits for is dropped. Unknown is shown to staff (keeps I-5)."""
    key = (seen.bank, seen.locker)
    locker, visit = ctx.area.locker(key), ctx.area.visits.get(seen.visit)
    if visit is None or not locker.waiting or locker.visit != visit.id or locker.purpose != seen.purpose:
        return NOTHING
    return answered(ctx, visit, key, seen.purpose, seen.result)


def answered(ctx: Context, visit: Visit, key: LockerKey, purpose: Purpose, result: Result) -> Decision:
    """State the result of an opening and what follows from it."""
    stated = facts(_opened(visit, key, purpose, result))
    if result is Result.DONE:
        return (
            stated
            + cleared(ctx, "locker_result_unknown", subject(key))
            + cleared(ctx, "locker_stuck", subject(key))
        )
    if result is Result.UNKNOWN:
        return stated + raised(ctx, "locker_result_unknown", subject(key), visit)
    if purpose == "deposit" and not ctx.area.locker(key).used:
        # a bank that is away says nothing of its locks: `never_opened` comes back to it
        return stated if key[0] in ctx.area.away else stated + jammed(ctx, visit, key)
    return stated + _stuck(ctx, visit, key)


def jammed(ctx: Context, visit: Visit, key: LockerKey) -> Decision:
    """An empty locker that did not open: another one, at once."""
    fact = draft("locker_jammed", visit, bank=key[0], locker=key[1])
    return facts(fact) + raised(ctx, "locker_jammed", subject(key)) + give_locker(ctx, visit, gone=key)


def never_opened(ctx: Context, visit: Visit, key: LockerKey) -> Decision:
    """Given, not open, no answer to come. An unknown opening that settled shut is a jam and is not tried again
    (keeps I-5); one that was refused because its bank was away is given once more when the bank is back.
    """
    if key[0] in ctx.area.away:
        return NOTHING
    if ("locker_result_unknown", subject(key)) in ctx.area.alarms:
        return jammed(ctx, visit, key)
    return NOTHING if bank_is_busy(ctx, key[0], key) else _assign(visit, key)


def _stuck(ctx: Context, visit: Visit, key: LockerKey) -> Decision:
    """A locker with somebody's things did not open: staff; the card again tries again."""
    acts: tuple[Act, ...] = (RingDesk(visit.kiosk, "locker_stuck"),)
    return raised(ctx, "locker_stuck", subject(key), visit) + Decision(acts=acts)


def locker_changed(ctx: Context, event: LockerChanged) -> Decision:
    """A contact changed. A stale report counts for nothing (keeps I-4)."""
    if not ctx.now.is_fresh(event.mono_us, ctx.settings.locker_event_fresh_s):
        return NOTHING
    key = (event.bank, event.locker)
    if not event.closed:
        return _found_open(ctx, key)
    return _repaired(ctx, key) if _is_repair(ctx, key, event) else _found_shut(ctx, key)


def _is_repair(ctx: Context, key: LockerKey, event: LockerChanged) -> bool:
    """Whether staff opened and shut a jammed locker: seen changing, and long after its last visitor's moment."""
    locker, limit = ctx.area.locker(key), ctx.settings.locker_left_open_s
    jammed_long = locker.state is LockerState.JAMMED and ctx.now.since(locker.since_us) > limit
    return jammed_long and not event.initial


def _repaired(ctx: Context, key: LockerKey) -> Decision:
    closed = facts(draft("locker_closed", None, bank=key[0], locker=key[1]))
    return closed + cleared(ctx, "locker_jammed", subject(key))


def _found_open(ctx: Context, key: LockerKey) -> Decision:
    locker = ctx.area.locker(key)
    visit = ctx.area.visits.get(locker.visit or "")
    asked = locker.waiting or ("locker_result_unknown", subject(key)) in ctx.area.alarms
    if visit and locker.purpose and asked and (locker.state, locker.purpose) in _EXPECTED_TO_OPEN:
        opened = facts(_opened(visit, key, locker.purpose, Result.DONE))
        return opened + cleared(ctx, "locker_result_unknown", subject(key))
    if locker.state in {LockerState.SHUT, LockerState.HOLDING}:
        return raised(ctx, "locker_forced", subject(key), visit)
    return NOTHING


def _found_shut(ctx: Context, key: LockerKey) -> Decision:
    locker = ctx.area.locker(key)
    visit = ctx.area.visits.get(locker.visit or "")
    calm = cleared(ctx, "locker_left_open", subject(key)) + cleared(ctx, "locker_forced", subject(key))
    if visit is None or locker.state not in _OPEN:
        return calm
    closed = facts(draft("locker_closed", visit, bank=key[0], locker=key[1])) + calm
    if locker.state is LockerState.DEPOSITING:
        return closed
    returned = draft("custody_returned", visit, bank=key[0], locker=key[1])
    return closed + facts(returned, draft("visit_ended", visit, outcome="left"))
