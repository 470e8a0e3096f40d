"""What a decision asks for: facts to state first, then acts, each named by the id of what permits it."""

from dataclasses import dataclass

from access_control.observations import Observation, Purpose
from contract.envelope import FactDraft


@dataclass(frozen=True, slots=True)
class Unlock:
    """Release a door once. `admission` names the granting fact (keeps I-1); None: an exit that was requested."""

    door: str
    admission: str | None
    seconds: int


@dataclass(frozen=True, slots=True)
class Lock:
    """Lock a door now: `admission` was withdrawn while its unlock may still run. No answer is expected."""

    door: str
    admission: str


@dataclass(frozen=True, slots=True)
class OpenLocker:
    """Open a locker once, permitted by `locker_assigned` (deposit) or `card_presented` `leaving` (return)."""

    bank: str
    locker: int
    visit: str
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class SendPin:
    """Draw a code, put its sealed form into `Rosters.pins[visit]`, send the digits, answer `PinSent`."""

    visit: str
    kiosk: str


@dataclass(frozen=True, slots=True)
class CompareFace:
    """Compare the kiosk's next frames with the roster's picture of that visit, answer `FaceJudged`."""

    visit: str
    kiosk: str


@dataclass(frozen=True, slots=True)
class RingDesk:
    """Call staff to a kiosk; `reason` is a key."""

    kiosk: str
    reason: str


Act = Unlock | Lock | OpenLocker | SendPin | CompareFace | RingDesk


@dataclass(frozen=True, slots=True)
class Decision:
    """Facts in order, then acts. `notice`: message key for the kiosk that asked; `then`: observe this next."""

    facts: tuple[FactDraft, ...] = ()
    acts: tuple[Act, ...] = ()
    notice: str | None = None
    then: Observation | None = None

    def __add__(self, other: "Decision") -> "Decision":
        return Decision(
            self.facts + other.facts,
            self.acts + other.acts,
            other.notice or self.notice,
            other.then or self.then,
        )


NOTHING = Decision()
