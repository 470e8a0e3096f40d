"""Identity at the kiosk: the card and a face, or the card and a one-time code as the equal path; then the promise.

`unavailable` never admits (keeps I-19). A face that did not match is not outvoted by a code: staff decide.
"""

import base64
import binascii
import hashlib
from typing import Any

from access_control import custody
from access_control.acts import NOTHING, Act, CompareFace, Decision, RingDesk, SendPin
from access_control.context import Context, draft, facts
from access_control.instant import MILLION
from access_control.observations import FaceJudged, PinSent
from access_control.rosters import Person, pin_fits
from access_control.shapes import Visit
from access_control.states import VisitState
from contract.envelope import FactDraft
from devices.ports import FaceResult, Result

PROMISE = "promise.discipline_and_avoidance"
_PNG = b"\x89PNG\r\n\x1a\n"
_LONGEST_SIGNATURE = 1 << 20
_NOT_TO_BE_HAD = ("FACE_", "reference_")
"""Reasons of `unavailable` that no better picture mends: no models, or no usable picture in the roster."""


def checked(visit: Visit, kiosk: str, method: str, result: str, **more: Any) -> FactDraft:
    """One try of one method."""
    return draft("identity_checked", visit, kiosk=kiosk, method=method, result=result, **more)


def refused(visit: Visit, kiosk: str, reason: str) -> Decision:
    """The visit ends here unless staff help."""
    return Decision((draft("identity_refused", visit, reason=reason),), (RingDesk(kiosk, reason),))


def next_method(visit: Visit, kiosk: str, person: Person) -> Decision:
    """The face when there is a picture to compare with and it was not given up; else the code."""
    if person.face is None or visit.face == "unavailable" or visit.pin_result == "done":
        return _send_pin(visit, kiosk) if visit.pin_result is None else NOTHING
    return Decision(acts=(CompareFace(visit.id, kiosk),))


def _send_pin(visit: Visit, kiosk: str) -> Decision:
    return Decision(acts=(SendPin(visit.id, kiosk),))


def _confirmed(visit: Visit, *methods: str) -> FactDraft:
    return draft("identity_confirmed", visit, methods=list(methods))


def face_judged(ctx: Context, seen: FaceJudged) -> Decision:
    """The answer of a comparison; an old one, or one of another visit or kiosk, counts for nothing (keeps I-4)."""
    visit = ctx.area.visits.get(seen.visit)
    if visit is None or visit.state is not VisitState.ARRIVED or visit.kiosk != seen.kiosk:
        return NOTHING
    if not ctx.now.is_fresh(seen.mono_us, ctx.settings.face_fresh_s) or seen.mono_us < visit.started_us:
        return Decision(acts=(CompareFace(visit.id, seen.kiosk),))
    said = seen.judgement
    if said.result is FaceResult.UNAVAILABLE and not said.reason.startswith(_NOT_TO_BE_HAD):
        return Decision(acts=(CompareFace(visit.id, seen.kiosk),))  # no usable picture yet: look again
    more: dict[str, Any] = {"liveness": seen.liveness}
    more |= {"score_milli": said.score_milli} if said.score_milli is not None else {}
    more |= {"model": said.model} if said.model is not None else {}
    stated = facts(checked(visit, seen.kiosk, "face", said.result.value, **more))
    return stated + _after_face(ctx, visit, seen.kiosk, said.result)


def _after_face(ctx: Context, visit: Visit, kiosk: str, result: FaceResult) -> Decision:
    if result is FaceResult.MATCHED:
        return facts(_confirmed(visit, "card", "face"))
    if result is FaceResult.UNAVAILABLE:
        return _send_pin(visit, kiosk) if visit.pin_result is None else NOTHING
    if result is FaceResult.REVIEW:
        return Decision(acts=(RingDesk(kiosk, "face_unsure"),))
    if visit.face_misses + 1 >= ctx.settings.face_tries:
        return refused(visit, kiosk, "face_not_matched")
    return Decision(acts=(CompareFace(visit.id, kiosk),))


def use_face(ctx: Context, visit: Visit) -> Decision:
    """Try the camera (again)."""
    person = ctx.rosters.person(visit.sitting, visit.alias)
    if visit.state is not VisitState.ARRIVED or person is None or person.face is None:
        return NOTHING
    return Decision(acts=(CompareFace(visit.id, visit.kiosk),))


def use_code(ctx: Context, visit: Visit) -> Decision:
    """The path without a face, open to everybody whose face was not found to differ."""
    if visit.state is not VisitState.ARRIVED:
        return NOTHING
    if visit.face_misses:
        return Decision(acts=(RingDesk(visit.kiosk, "face_not_matched"),), notice="code.after_face")
    return NOTHING if _was_just_sent(ctx, visit) else _send_again(ctx, visit, None)


def _was_just_sent(ctx: Context, visit: Visit) -> bool:
    """Whether a code is on its way or came seconds ago: a second touch sends no second one."""
    secret = ctx.rosters.pins.get(visit.id)
    if secret is None or visit.pin_result not in {None, "done"}:
        return False
    left = secret.expires_mono_us - ctx.now.mono_us
    return left > (ctx.settings.pin_valid_s - ctx.settings.pin_pause_s) * MILLION


def _send_again(ctx: Context, visit: Visit, notice: str | None) -> Decision:
    if visit.pin_sends >= ctx.settings.pin_sends:
        return Decision(acts=(RingDesk(visit.kiosk, "pin_sends"),), notice="code.too_many")
    return Decision(acts=(SendPin(visit.id, visit.kiosk),), notice=notice)


def pin_sent(ctx: Context, seen: PinSent) -> Decision:
    """What became of the text message; not sent, or perhaps not sent, is told to staff (keeps I-5)."""
    visit = ctx.area.visits.get(seen.visit)
    if visit is None or visit.state is not VisitState.ARRIVED:
        return NOTHING
    acts: tuple[Act, ...] = () if seen.result is Result.DONE else (RingDesk(seen.kiosk, "pin_not_sent"),)
    return Decision((draft("pin_sent", visit, kiosk=seen.kiosk, result=seen.result.value),), acts)


def pin_entered(ctx: Context, visit: Visit, digits: str | None) -> Decision:
    """The digits typed. A code is known to the running process only, and for a few minutes."""
    secret = ctx.rosters.pins.get(visit.id)
    never_sent = secret is None and visit.pin_result is None
    if visit.state is not VisitState.ARRIVED or visit.face_misses or never_sent:
        return NOTHING
    if secret is None or ctx.now.mono_us > secret.expires_mono_us:
        return _send_again(ctx, visit, "code.expired")
    if digits and pin_fits(secret, digits):
        return facts(checked(visit, visit.kiosk, "pin", "matched"), _confirmed(visit, "card", "pin"))
    missed = facts(checked(visit, visit.kiosk, "pin", "not_matched"))
    if visit.pin_misses + 1 >= ctx.settings.pin_tries:
        return missed + refused(visit, visit.kiosk, "pin_not_matched")
    return missed


def sign(ctx: Context, visit: Visit, value: str | None) -> Decision:
    """The promise, signed with a finger: PNG as base64. Its hash is stated, the next step is the locker."""
    if visit.state is not VisitState.IDENTIFIED:
        return NOTHING
    try:
        png = base64.b64decode(value or "", validate=True)
    except (binascii.Error, ValueError):
        png = b""
    if not png.startswith(_PNG) or len(png) > _LONGEST_SIGNATURE:
        return Decision(notice="promise.unsigned")
    digest = hashlib.sha256(png).hexdigest()
    signed = draft("promise_signed", visit, kiosk=visit.kiosk, document_key=PROMISE, sha256=digest)
    return facts(signed) + custody.give_locker(ctx, visit)
