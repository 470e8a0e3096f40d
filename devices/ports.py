"""The verbs and events of every device class: Protocols of a few verbs, frozen events, results, health.

Threads: a driver calls its listener on its own thread, one event at a time; a listener must not block.
Times are microseconds of CLOCK_BOOTTIME, taken when the bytes were read. Acts give a `Future[Result]`.
A driver never repeats a momentary act (keeps I-5).
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Protocol


class Result(StrEnum):
    """What became of an act."""

    DONE = "done"
    """Confirmed by reading the device's own state."""
    REFUSED = "refused"
    """It certainly did not happen: the device said so, or nothing was sent."""
    UNKNOWN = "unknown"
    """It may have happened. Shown to a person, never repeated (keeps I-5)."""


class HealthState(StrEnum):
    """Whether a device can be relied upon."""

    ONLINE = "online"
    DEGRADED = "degraded"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class Health:
    """State of one device. `last_ok`: µs of the last good answer or None; `errors`: count so far."""

    state: HealthState
    last_ok: int | None
    errors: int
    reason: str


@dataclass(frozen=True, slots=True)
class IdCard:
    """The text of a second-generation ID card whose number has passed its check digit. Never logged."""

    number: str = field(repr=False)
    name: str = field(repr=False)
    valid_from: date
    valid_to: date | None
    """None: without end (长期)."""
    sex: str = field(default="", repr=False)
    nation: str = field(default="", repr=False)
    born: date | None = field(default=None, repr=False)
    address: str = field(default="", repr=False)
    issuer: str = field(default="", repr=False)


# ---- events ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CardPlaced:
    """A card was laid on the reader and read without a doubt. `mono_us` 0 means never fresh (keeps I-4)."""

    reader: str
    card: IdCard
    mono_us: int = 0


@dataclass(frozen=True, slots=True)
class CardRemoved:
    """The reader no longer announces the card. Readers announce once a placement: no proof that it left."""

    reader: str
    mono_us: int = 0


@dataclass(frozen=True, slots=True)
class CardUnreadable:
    """A card is there and cannot be read; reason: `garbled`, `rejected`, `select_failed`, `check_digit`, …"""

    reader: str
    reason: str
    mono_us: int = 0


@dataclass(frozen=True, slots=True)
class LockerChanged:
    """A locker was found closed or open. `initial`: found so after a (re)connect, not seen changing."""

    bank: str
    locker: int
    closed: bool
    initial: bool = False
    mono_us: int = 0


@dataclass(frozen=True, slots=True)
class GatePassage:
    """One person walked through a detection gate.

    `passage_no` rises by one with each passage; `direction` is `in` or `out`; `kinds` names what was found
    (`phone`, `earphone`, `knife`, …); `doubtful`: beams, frame and counters did not agree. A doubtful
    passage is never `clear`.
    """

    gate: str
    passage_no: int
    direction: str
    clear: bool
    kinds: tuple[str, ...]
    doubtful: bool
    started_mono_us: int
    ended_mono_us: int


@dataclass(frozen=True, slots=True)
class DoorChanged:
    """A door's contact was found open or shut. `initial`: found so after a (re)connect, not seen changing."""

    door: str
    open: bool
    initial: bool = False
    mono_us: int = 0


@dataclass(frozen=True, slots=True)
class ExitPressed:
    """The exit button was pressed; the lock was released by wire, not by software (keeps I-3)."""

    door: str
    mono_us: int = 0


@dataclass(frozen=True, slots=True)
class InputChanged:
    """A digital input changed."""

    input: str
    on: bool
    mono_us: int = 0


@dataclass(frozen=True, slots=True)
class DeviceHealth:
    """A device's state changed (edges only, never every poll)."""

    device: str
    state: HealthState
    reason: str
    mono_us: int = 0


DeviceEvent = (
    CardPlaced
    | CardRemoved
    | CardUnreadable
    | LockerChanged
    | GatePassage
    | DoorChanged
    | ExitPressed
    | InputChanged
    | DeviceHealth
)
Listener = Callable[[DeviceEvent], None]
MonoUs = Callable[[], int]
"""Microseconds of CLOCK_BOOTTIME; the composition root passes its clock's `mono_us`."""


# ---- ports ----------------------------------------------------------------------------------------


class Device(Protocol):
    """What every driver can do. A device that is not there is offline until it appears."""

    id: str

    def start(self, listener: Listener) -> None:
        """Begin to poll and to tell the listener; returns at once."""

    def stop(self) -> None:
        """End; open acts are answered `unknown` or `refused`. Waits for the driver's thread."""

    def health(self) -> Health:
        """The state now."""


class IdReader(Device, Protocol):
    """Reads ID cards; only events."""


class LockerBank(Device, Protocol):
    """A board of electric lockers, numbered from 1."""

    def open(self, locker: int) -> Future[Result]:
        """Release one lock once, then read its state (ValueError: no such locker)."""

    def states(self) -> Mapping[int, bool]:
        """Locker → closed, as last read; empty while offline."""


@dataclass(frozen=True, slots=True)
class GateCounters:
    """A gate's own counters since it was last cleared."""

    forward: int
    backward: int
    forward_alarms: int
    backward_alarms: int


class DetectionGate(Device, Protocol):
    """A communication-detection gate; passages come as events."""

    def counters(self) -> GateCounters | None:
        """As last read; None while offline."""


class Door(Protocol):
    """An entry door: lock, contact, exit button."""

    id: str

    def unlock(self, seconds: float) -> Future[Result]:
        """Release the lock for that long, then lock again. The result comes once the coil was read back."""

    def lock(self) -> Future[Result]:
        """Lock now. Repeating it is harmless."""

    def is_open(self) -> bool | None:
        """By the contact as last read; None while offline."""

    def health(self) -> Health:
        """Of the board that drives it."""


class Relay(Protocol):
    """A switched facility."""

    id: str

    def switch(self, on: bool) -> Future[Result]:
        """Switch and read back. Not momentary: it may be repeated."""

    def health(self) -> Health:
        """Of the board that drives it."""


class DigitalInput(Protocol):
    """A contact."""

    id: str

    def state(self) -> bool | None:
        """As last read; None while offline."""


class Camera(Protocol):
    """A camera is an endpoint and nothing more here; `recording` speaks to it."""

    id: str
    endpoint: str
    transport: str


class Screen(Protocol):
    """A page of ours in a kiosk browser; `state_hash` is what the page says it shows."""

    id: str

    def state_hash(self) -> str | None:
        """Of the rendered state, None while the page is not connected."""


class TextMessages(Protocol):
    """A text-message gateway. Blocks while it sends; never logs phone or text."""

    id: str

    def send(self, phone: str, text: str) -> Result:
        """Hand one message to the gateway, once."""

    def health(self) -> Health:
        """By the last message sent."""


class FaceResult(StrEnum):
    """There is no default: what could not be judged is `unavailable`, which never admits (keeps I-19)."""

    MATCHED = "matched"
    NOT_MATCHED = "not_matched"
    REVIEW = "review"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class FaceJudgement:
    """Outcome of one comparison. `score_milli`: cosine × 1000; `model`: sha256 of the embedder."""

    result: FaceResult
    score_milli: int | None
    reason: str
    model: str | None


class FaceMatcher(Protocol):
    """Compares a reference picture with several frames of one camera. Blocks for tens of ms a frame."""

    def available(self) -> str:
        """`ok`, or FACE_DISABLED, FACE_MODEL_MISSING, FACE_MODEL_HASH, FACE_MODEL_UNREADABLE."""

    def compare(self, reference_jpeg: bytes, frames: Sequence[bytes]) -> FaceJudgement:
        """Judge; JPEG in. Never raises for bad pictures: they are `unavailable` with a reason."""
