"""The acts of a decision, carried out: doors, lockers, codes, faces. Each answers with an observation, at most once.

Nothing here waits on the engine thread: devices answer with futures, messages and faces have their own threads.
An act whose driver fails is *unknown* unless the driver says that it certainly did not happen (keeps I-5).
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import structlog

from access_control.acts import Act, CompareFace, Lock, OpenLocker, RingDesk, SendPin, Unlock
from access_control.observations import DoorResult, FaceJudged, LockerResult, PinSent
from access_control.rosters import Person, seal_pin
from access_control.settings import Settings
from contract.clock import Clock
from devices.ports import Door, FaceJudgement, FaceMatcher, FaceResult, LockerBank, Result, TextMessages
from edge_agent.engine import Engine
from edge_agent.messages import Texts

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Equipment:
    """What the hands hold. None: this venue has none, which is said as refused or unavailable."""

    doors: Mapping[str, Door]
    banks: Mapping[str, LockerBank]
    messages: TextMessages | None
    faces: FaceMatcher | None
    texts: Texts
    venue_name: str = field(default="")


class SiteHands:
    """Begins acts on the engine thread; see `engine.Hands`."""

    def __init__(self, engine: Engine, equipment: Equipment, settings: Settings, clock: Clock) -> None:
        self._engine, self._equipment = engine, equipment
        self._settings, self._clock = settings, clock
        self._messages = ThreadPoolExecutor(2, "messages")
        self._faces = ThreadPoolExecutor(1, "faces")
        self._wanted: dict[str, str] = {}

    def stop(self) -> None:
        """Wait for what was begun."""
        self._messages.shutdown(wait=True)
        self._faces.shutdown(wait=True)

    def do(self, act: Act) -> None:
        """Begin one act."""
        match act:
            case Unlock():
                self._unlock(act)
            case Lock():
                self._lock(act)
            case OpenLocker():
                self._open_locker(act)
            case SendPin():
                self._send_pin(act)
            case CompareFace():
                self._compare(act)
            case RingDesk():
                _log.info("desk_rung", kiosk=act.kiosk, reason=act.reason)

    def frames(self, kiosk: str, frames: Sequence[bytes], taken_us: int) -> bool:
        """Pictures of a kiosk's camera; False when nobody waits for any."""
        visit = self._wanted.pop(kiosk, None)
        if visit is None:
            return False
        self._faces.submit(self._judge, kiosk, visit, tuple(frames), taken_us)
        return True

    def _unlock(self, act: Unlock) -> None:
        door = self._equipment.doors.get(act.door)

        def answered(result: Result) -> None:
            self._engine.observe(DoorResult(act.door, act.admission, result))

        _begin(None if door is None else partial(door.unlock, act.seconds), answered)

    def _lock(self, act: Lock) -> None:
        door = self._equipment.doors.get(act.door)
        _begin(None if door is None else door.lock, partial(_log.info, "door_locked", door=act.door))

    def _open_locker(self, act: OpenLocker) -> None:
        bank = self._equipment.banks.get(act.bank)

        def answered(result: Result) -> None:
            self._engine.observe(LockerResult(act.bank, act.locker, act.visit, act.purpose, result))

        _begin(None if bank is None else partial(bank.open, act.locker), answered)

    def _send_pin(self, act: SendPin) -> None:
        person, gateway = self._person(act.visit), self._equipment.messages
        if person is None or gateway is None:
            self._engine.observe(PinSent(act.visit, act.kiosk, Result.REFUSED))
            return
        digits = "".join(secrets.choice("0123456789") for _ in range(self._settings.pin_digits))
        expires = self._clock.mono_us() + self._settings.pin_valid_s * 1_000_000
        secret = seal_pin(digits, secrets.token_bytes(16), expires)
        self._engine.set_rosters(pins={**self._engine.rosters.pins, act.visit: secret})
        text = self._equipment.texts.text(
            "sms.pin", venue=self._equipment.venue_name, pin=digits, minutes=self._settings.pin_valid_s // 60
        )

        def send() -> None:
            try:
                result = gateway.send(person.phone, text)
            except Exception:
                _log.exception("message_failed", gateway=gateway.id)
                result = Result.UNKNOWN
            self._engine.observe(PinSent(act.visit, act.kiosk, result))

        self._messages.submit(send)

    def _compare(self, act: CompareFace) -> None:
        faces = self._equipment.faces
        state = "FACE_DISABLED" if faces is None else faces.available()
        if state == "ok":
            self._wanted[act.kiosk] = act.visit
            return
        judgement = FaceJudgement(FaceResult.UNAVAILABLE, None, state, None)
        self._engine.observe(FaceJudged(act.visit, act.kiosk, judgement, self._clock.mono_us()))

    def _judge(self, kiosk: str, visit: str, frames: Sequence[bytes], taken_us: int) -> None:
        person, faces = self._person(visit), self._equipment.faces
        if faces is None or person is None or person.face is None:
            judgement = FaceJudgement(FaceResult.UNAVAILABLE, None, "FACE_NO_REFERENCE", None)
        else:
            try:
                judgement = faces.compare(person.face, frames)
            except Exception:
                # keeps I-19: what could not be judged is unavailable, which never admits
                _log.exception("face_failed")
                judgement = FaceJudgement(FaceResult.UNAVAILABLE, None, "FACE_FAILED", None)
        self._engine.observe(FaceJudged(visit, kiosk, judgement, taken_us))

    def _person(self, visit: str) -> Person | None:
        known = self._engine.area.visits.get(visit)
        return None if known is None else self._engine.rosters.person(known.sitting, known.alias)


def _begin(act: Callable[[], Future[Result]] | None, answered: Callable[[Result], None]) -> None:
    """Start an act with a device and pass on what became of it."""
    if act is None:
        answered(Result.REFUSED)
        return
    try:
        future = act()
    except ValueError:
        # keeps I-5: the driver refused before it sent anything
        _log.exception("act_refused")
        answered(Result.REFUSED)
        return

    def done(finished: Future[Result]) -> None:
        error = finished.exception()
        if error is not None:
            _log.error("act_failed", reason=repr(error))
        answered(Result.UNKNOWN if error is not None else finished.result())

    future.add_done_callback(done)
