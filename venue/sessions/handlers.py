"""Facts from the site move sessions: the site is the authority over what happened there."""

import structlog
from sqlmodel import Session

from venue.db import alarms
from venue.edge_link.facts import FactRecord, Handlers
from venue.sessions import documents
from venue.sessions.rules import Event, TransitionRefused
from venue.sessions.service import step
from venue.sessions.tables import Sitting, TradingSession

log = structlog.get_logger()


def _move(db: Session, fact: FactRecord, event: Event) -> None:
    """Step the fact's session. One that does not fit is an alarm, not an error: the ledger must go on."""
    session = db.get(TradingSession, fact.session) if fact.session else None
    if session is None or session.venue != fact.venue:
        log.warning("fact_of_unknown_session", edge=fact.edge, seq=fact.seq, kind=fact.kind)
        return
    try:
        step(db, f"edge:{fact.edge}", session, event)
    except TransitionRefused as refused:
        params = {"state": refused.state, "event": refused.event, "seq": fact.seq}
        alarms.raise_(db, "session_out_of_step", session.id, "alarm.session_out_of_step", params)
        return
    documents.issue_screens(db, session.venue)


def _checkin_opened(db: Session, fact: FactRecord) -> None:
    sitting = db.get(Sitting, str(fact.body.get("sitting")))
    if sitting is not None and sitting.checkin_opened_at is None:
        sitting.checkin_opened_at = fact.wall
        db.add(sitting)
    _move(db, fact, Event.CHECKIN_OPENED)


def _sitting_closed(db: Session, fact: FactRecord) -> None:
    sitting = db.get(Sitting, str(fact.body.get("sitting")))
    if sitting is not None and sitting.ended_at is None:
        sitting.ended_at = fact.wall
        db.add(sitting)


def _session_opened(db: Session, fact: FactRecord) -> None:
    _move(db, fact, Event.SESSION_OPENED)


def _entry_held(db: Session, fact: FactRecord) -> None:
    _move(db, fact, Event.ENTRY_HELD)


def _entry_resumed(db: Session, fact: FactRecord) -> None:
    _move(db, fact, Event.ENTRY_RESUMED)


def _session_closed(db: Session, fact: FactRecord) -> None:
    _move(db, fact, Event.SESSION_CLOSED)


handlers: Handlers = {
    "checkin_opened": _checkin_opened,
    "sitting_closed": _sitting_closed,
    "session_opened": _session_opened,
    "entry_held": _entry_held,
    "entry_resumed": _entry_resumed,
    "session_closed": _session_closed,
}
