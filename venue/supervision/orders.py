"""A supervisor's order: a signed command whose result comes back as the edge's fact."""

from sqlmodel import Session, select

from venue.edge_link import commands
from venue.sessions.rules import Event, State, allowed
from venue.sessions.service import standing_of
from venue.sessions.tables import Part, Sitting, TradingSession


class OrderRefused(Exception):
    """The order does not fit the session's state; the text is the message key."""


def give(db: Session, session: TradingSession, kind: str, by: str, reason: str) -> str:
    """Send the order to every venue of the session; returns the id of the (first) command.

    Holding entry is possible before the check-in too (a pause over a complaint); nobody is ever held in (I-3).
    """
    event = Event.ENTRY_HELD if kind == "suspend_entry" else Event.ENTRY_RESUMED
    standing = standing_of(session)
    if event not in allowed(standing) and standing.state not in (State.BOOKED, State.PREPARED):
        raise OrderRefused("order.does_not_fit")
    rooms = _rooms(db, session.id)
    sent = []
    for venue in sorted({venue for venue, _ in rooms} or {session.venue}):
        body = {"rooms": sorted(room for at, room in rooms if at == venue)} if kind == "suspend_entry" else {}
        sent.append(commands.send(db, f"{venue}.edge", kind, session.id, body, [by], reason))
    return sent[0]


def _rooms(db: Session, session: str) -> set[tuple[str, str]]:
    query = select(Part.venue, Part.room).join(Sitting).where(Sitting.session == session)
    return {(venue, room) for venue, room in db.exec(query)}


def state(db: Session, order: str) -> str:
    """sent, done, refused, unknown or expired; KeyError. A command that is only accepted is still `sent`."""
    found = commands.state(db, order)
    return "sent" if found == "accepted" else found
