"""What staff do with a session; what the site must do for it goes out as a signed command."""

from sqlmodel import Session

from venue.edge_link import commands
from venue.sessions import preparation, service
from venue.sessions.rules import Event, TransitionRefused, allowed
from venue.sessions.service import Means
from venue.sessions.shapes import Action
from venue.sessions.tables import TradingSession


class NotReady(Exception):
    """The check list still misses these lines, and nobody said why it may go on."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(", ".join(lines))
        self.lines = lines


def act(
    db: Session, actor: str, session: TradingSession, action: Action, reason: str, means: Means
) -> str | None:
    """Do it; the id of the command whose answer is awaited, if any. Raises TransitionRefused or NotReady."""
    if action == "prepare":
        prepare(db, actor, session, reason, means)
    elif action == "cancel":
        service.cancel(db, actor, session, reason, means)
    elif action == "file":
        return file(db, actor, session)
    else:
        return order(db, actor, session, "open_session" if action == "open" else "close_session", reason)
    return None


def prepare(db: Session, actor: str, session: TradingSession, reason: str, means: Means) -> None:
    """Declare the session ready: every line is done, or a person says why it goes on without."""
    sitting = service.sittings_of(db, session.id)[0]
    lines = preparation.missing(preparation.judge(db, session, sitting))
    if lines and not reason:
        raise NotReady(lines)
    service.step(db, actor, session, Event.PREPARE, reason or None)
    service.issue(db, session, sitting, means)


def order(db: Session, actor: str, session: TradingSession, kind: str, reason: str) -> str:
    """Ask the edge to open or close; the session's state changes when the edge says that it did."""
    event = Event.SESSION_OPENED if kind == "open_session" else Event.SESSION_CLOSED
    standing = service.standing_of(session)
    if event not in allowed(standing):
        raise TransitionRefused(standing.state, event)
    return commands.send(db, f"{session.venue}.edge", kind, session.id, {}, [actor], reason)


def file(db: Session, actor: str, session: TradingSession) -> str:
    """Begin filing (again): ask the edge for whatever evidence the centre still lacks."""
    service.step(db, actor, session, Event.FILE)
    return commands.send(db, f"{session.venue}.edge", "send_evidence", session.id, {}, [actor], "file")
