"""The life of a session as one table (`docs/design/states.md`): pure, and the same in code as on the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """Where a session stands."""

    DRAFT = "draft"
    BOOKED = "booked"
    PREPARED = "prepared"
    CHECKING_IN = "checking_in"
    IN_PROGRESS = "in_progress"
    CLOSED = "closed"
    FILING = "filing"
    FILED = "filed"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"


class Event(StrEnum):
    """What moves a session: actions of people (imperative) and facts from the site (past)."""

    BOOK = "book"
    PREPARE = "prepare"
    MOVE = "move"
    CANCEL = "cancel"
    CHECKIN_OPENED = "checkin_opened"
    SESSION_OPENED = "session_opened"
    ENTRY_HELD = "entry_held"
    ENTRY_RESUMED = "entry_resumed"
    SESSION_CLOSED = "session_closed"
    FILE = "file"
    PACKAGE_SEALED = "package_sealed"
    PACKAGE_REFUSED = "package_refused"


@dataclass(frozen=True, slots=True)
class Standing:
    """A session's state and, while suspended, the state it goes back to."""

    state: State
    back: State | None = None


class TransitionRefused(Exception):
    """No row of the table leads from this state by this event."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(f"{state} has no {event}")
        self.state = state
        self.event = event


_S, _E = State, Event

# The site may run ahead of the centre (it keeps to its plan while the link is down), so its facts are taken from
# every state in which the plan was already issued; an action of a person only from the state before it.
TRANSITIONS: Mapping[tuple[State, Event], State] = MappingProxyType(
    {
        (_S.DRAFT, _E.BOOK): _S.BOOKED,
        (_S.DRAFT, _E.CANCEL): _S.CANCELLED,
        (_S.BOOKED, _E.PREPARE): _S.PREPARED,
        (_S.BOOKED, _E.MOVE): _S.BOOKED,
        (_S.BOOKED, _E.CANCEL): _S.CANCELLED,
        (_S.BOOKED, _E.ENTRY_HELD): _S.SUSPENDED,
        (_S.BOOKED, _E.CHECKIN_OPENED): _S.CHECKING_IN,
        (_S.BOOKED, _E.SESSION_OPENED): _S.IN_PROGRESS,
        # What was prepared was prepared for another time or room.
        (_S.PREPARED, _E.MOVE): _S.BOOKED,
        (_S.PREPARED, _E.CANCEL): _S.CANCELLED,
        (_S.PREPARED, _E.ENTRY_HELD): _S.SUSPENDED,
        (_S.PREPARED, _E.CHECKIN_OPENED): _S.CHECKING_IN,
        (_S.PREPARED, _E.SESSION_OPENED): _S.IN_PROGRESS,
        (_S.CHECKING_IN, _E.SESSION_OPENED): _S.IN_PROGRESS,
        (_S.CHECKING_IN, _E.ENTRY_HELD): _S.SUSPENDED,
        (_S.CHECKING_IN, _E.SESSION_CLOSED): _S.CLOSED,
        (_S.CHECKING_IN, _E.CANCEL): _S.CANCELLED,
        # The second sitting of an overnight session opens its own check-in while the session goes on.
        (_S.IN_PROGRESS, _E.CHECKIN_OPENED): _S.IN_PROGRESS,
        (_S.IN_PROGRESS, _E.ENTRY_HELD): _S.SUSPENDED,
        (_S.IN_PROGRESS, _E.SESSION_CLOSED): _S.CLOSED,
        (_S.SUSPENDED, _E.ENTRY_HELD): _S.SUSPENDED,
        (_S.SUSPENDED, _E.SESSION_CLOSED): _S.CLOSED,
        (_S.SUSPENDED, _E.CANCEL): _S.CANCELLED,
        # The site closes what had begun when the cancellation came; its evidence arrives all the same.
        (_S.CANCELLED, _E.SESSION_CLOSED): _S.CANCELLED,
        (_S.CLOSED, _E.FILE): _S.FILING,
        (_S.FILING, _E.FILE): _S.FILING,
        (_S.FILING, _E.PACKAGE_SEALED): _S.FILED,
        (_S.FILING, _E.PACKAGE_REFUSED): _S.FILING,
    }
)


def transition(at: Standing, event: Event) -> Standing:
    """Where `event` leads; raises TransitionRefused. A suspension remembers what it interrupted."""
    if at.state is State.SUSPENDED and at.back is not None:
        if event is Event.ENTRY_RESUMED:
            return Standing(at.back)
        if event in {Event.CHECKIN_OPENED, Event.SESSION_OPENED}:
            return Standing(State.SUSPENDED, transition(Standing(at.back), event).state)
    target = TRANSITIONS.get((at.state, event))
    if target is None:
        raise TransitionRefused(at.state, event)
    if target is State.SUSPENDED:
        return Standing(target, at.back or at.state)
    return Standing(target)


def allowed(at: Standing) -> frozenset[Event]:
    """Every event that leads on from here (for the page's next sensible action)."""
    found = {event for state, event in TRANSITIONS if state is at.state}
    if at.state is State.SUSPENDED and at.back is not None:
        found |= {Event.ENTRY_RESUMED} | (
            allowed(Standing(at.back)) & {Event.CHECKIN_OPENED, Event.SESSION_OPENED}
        )
    return frozenset(found)
