"""What was seen: device events (`devices.ports`) and what else the edge knows first.

Device events carry the monotonic time at which their bytes were read; a stale one opens nothing (keeps I-4).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from devices.ports import DeviceEvent, FaceJudgement, Result

Purpose = Literal["deposit", "return"]


@dataclass(frozen=True, slots=True)
class KioskAction:
    """A touch on a kiosk's page; the actions are those of interfaces.md §7."""

    kiosk: str
    action: str
    value: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class FaceJudged:
    """Answer to `CompareFace`. `mono_us`: when the newest compared frame was taken."""

    visit: str
    kiosk: str
    judgement: FaceJudgement
    mono_us: int
    liveness: Literal["not_checked", "challenge_passed"] = "not_checked"


@dataclass(frozen=True, slots=True)
class PinSent:
    """Answer to `SendPin`; the edge has put the sealed code into `Rosters.pins` before."""

    visit: str
    kiosk: str
    result: Result


@dataclass(frozen=True, slots=True)
class DoorResult:
    """Answer to `Unlock`; `admission` None for an exit."""

    door: str
    admission: str | None
    result: Result


@dataclass(frozen=True, slots=True)
class LockerResult:
    """Answer to `OpenLocker`."""

    bank: str
    locker: int
    visit: str
    purpose: Purpose
    result: Result


@dataclass(frozen=True, slots=True)
class RosterOpened:
    """A roster was opened with the witness and stands in `Rosters.open`."""

    session: str
    sitting: str
    serial: int
    witness: str


@dataclass(frozen=True, slots=True)
class RosterUnavailable:
    """A roster could not be opened in its window; `reason` is a key."""

    session: str
    sitting: str
    reason: str


@dataclass(frozen=True, slots=True)
class SittingClosed:
    """A sitting is over: nobody enters any more, everybody may leave."""

    session: str
    sitting: str


@dataclass(frozen=True, slots=True)
class HoldOrdered:
    """An accepted `suspend_entry`; no rooms means all."""

    command_id: str
    session: str | None
    rooms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HoldLifted:
    """An accepted `resume_entry`; no rooms means all that are held."""

    command_id: str
    session: str | None
    rooms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HelpAnswered:
    """Staff came to a kiosk."""

    kiosk: str


@dataclass(frozen=True, slots=True)
class LaneCleared:
    """Follows a clean passage once its fact is durable (`Decision.then`); never comes from a device."""

    lane: str
    visit: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time went on; send about twice a second. `touched`: kiosk → mono µs of the last touch of its page."""

    touched: Mapping[str, int] = field(default_factory=dict)


Observation = (
    DeviceEvent
    | KioskAction
    | FaceJudged
    | PinSent
    | DoorResult
    | LockerResult
    | RosterOpened
    | RosterUnavailable
    | SittingClosed
    | HoldOrdered
    | HoldLifted
    | HelpAnswered
    | LaneCleared
    | Tick
)
