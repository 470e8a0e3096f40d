"""From rows to what the endpoints give."""

import json

from sqlmodel import Session

from venue.edge_link.tables import LedgerFact
from venue.sessions import preparation, service
from venue.sessions.documents import parts_of
from venue.sessions.people import facts_of, people
from venue.sessions.rules import Event, State, allowed
from venue.sessions.shapes import (
    Action,
    ItemOut,
    PartOut,
    PeopleOut,
    PersonOut,
    SessionOut,
    SessionRow,
    SittingOut,
)
from venue.sessions.tables import Sitting, TradingSession

_BY_EVENT: tuple[tuple[Action, Event], ...] = (
    ("prepare", Event.PREPARE),
    ("open", Event.SESSION_OPENED),
    ("close", Event.SESSION_CLOSED),
    ("file", Event.FILE),
    ("cancel", Event.CANCEL),
)
_BEFORE = (State.DRAFT, State.BOOKED, State.PREPARED)


def sitting_out(db: Session, sitting: Sitting) -> SittingOut:
    """A window with its rooms."""
    rooms = [PartOut(room=p.room, purpose=p.purpose, booking=p.booking) for p in parts_of(db, sitting.id)]
    return SittingOut(
        id=sitting.id, number=sitting.number, checkin_opens_at=sitting.checkin_opens_at,
        starts_at=sitting.starts_at, ends_at=sitting.ends_at, rooms=rooms,
    )  # fmt: skip


def session_row(db: Session, session: TradingSession) -> SessionRow:
    """A session as lists show it."""
    return SessionRow(
        id=session.id, venue=session.venue, project_code=session.project_code, title=session.title,
        kind=session.kind, state=session.state, suspended_from=session.back, reason=session.reason,
        served_by=session.served_by,
        sittings=[sitting_out(db, one) for one in service.sittings_of(db, session.id)],
    )  # fmt: skip


def session_out(db: Session, session: TradingSession) -> SessionOut:
    """A session with its next actions and its check list."""
    events = allowed(service.standing_of(session))
    return SessionOut(
        **session_row(db, session).model_dump(),
        actions=[action for action, event in _BY_EVENT if event in events],
        preparation=items_out(db, session),
    )


def items_out(db: Session, session: TradingSession) -> list[ItemOut]:
    """The check list while it matters: before people come."""
    sittings = service.sittings_of(db, session.id)
    if session.state not in _BEFORE or not sittings:
        return []
    found = preparation.judge(db, session, sittings[0])
    return [ItemOut.model_validate(one, from_attributes=True) for one in found]


def people_out(db: Session, session: str) -> PeopleOut:
    """Who is where, from facts only."""
    rows = facts_of(db, session)
    found = people(rows)
    return PeopleOut(
        expected=_expected(rows),
        inside=sum(one.place is not None for one in found),
        people=[PersonOut.model_validate(one, from_attributes=True) for one in found],
    )


def _expected(rows: list[LedgerFact]) -> int | None:
    opened = [json.loads(row.raw)["body"]["expected"] for row in rows if row.kind == "roster_opened"]
    return int(opened[-1]) if opened else None
