"""Sessions: make, look, act. Bookings are moved here too: a sitting moves with everything that hangs on it."""

import json
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from sqlmodel import Session, select

from venue.bookings.api import BookingOut, refused
from venue.bookings.service import BookingRefused
from venue.bookings.tables import Booking
from venue.db import Reading, Writing, now
from venue.db.inputs import Instant, RowNumber
from venue.edge_link.tables import LedgerFact
from venue.identity import Actor, require
from venue.identity.gate import refuse
from venue.sessions import actions, preparation, service, views
from venue.sessions.rules import TransitionRefused
from venue.sessions.service import Means, Move, RoomWish, SessionWish
from venue.sessions.settings import means
from venue.sessions.shapes import (
    Action,
    ActionIn,
    ActionOut,
    CancelIn,
    FactOut,
    MoveIn,
    PeopleOut,
    SessionIn,
    SessionOut,
    SessionRow,
    TickIn,
)
from venue.sessions.tables import Sitting, TradingSession
from venue.settings import Settings

router = APIRouter(tags=["sessions"])


def means_of(request: Request) -> Means:
    """Buffers, leads and vault of this centre."""
    settings: Settings = request.app.state.settings
    return means(settings)


def find_session(db: Session, session: str) -> TradingSession:
    """The session, or 404."""
    row = db.get(TradingSession, session)
    if row is None:
        raise refuse(404, "session.unknown")
    return row


def wrong_state(error: TransitionRefused) -> HTTPException:
    """409: what was asked does not follow from where the session stands."""
    return refuse(409, "session.wrong_state", state=error.state, event=error.event)


@router.post("/sessions", operation_id="create_session", status_code=201)
def create_session(
    request: Request, db: Writing, actor: Annotated[Actor, require("sessions.write")], wish: SessionIn
) -> SessionOut:
    """Make a session and book its rooms in one transaction; 409 `booking.clash` says who and when."""
    if not wish.checkin_opens_at <= wish.starts_at < wish.ends_at:
        raise refuse(422, "booking.bad_times")
    if wish.ends_at <= now(db):
        raise refuse(422, "booking.over")
    rooms = tuple(RoomWish(room.room, room.purpose, room.people) for room in wish.rooms)
    asked = SessionWish(
        wish.project_code, wish.title, wish.kind, wish.checkin_opens_at, wish.starts_at, wish.ends_at, rooms
    )
    try:
        session = service.create(db, actor.name, asked, means_of(request))
    except BookingRefused as error:
        raise refused(error) from error
    return views.session_out(db, session)


@router.get("/sessions", operation_id="list_sessions")
def list_sessions(
    db: Reading,
    _: Annotated[Actor, require("sessions.read")],
    since: Annotated[Instant | None, Query(alias="from")] = None,
    until: Instant | None = None,
    state: str | None = None,
) -> list[SessionRow]:
    """Sessions with a sitting in [from, until), newest first."""
    query = select(TradingSession).join(Sitting, Sitting.session == TradingSession.id).distinct()  # type: ignore[arg-type]
    if since is not None:
        query = query.where(Sitting.ends_at > since)
    if until is not None:
        query = query.where(Sitting.checkin_opens_at < until)
    if state is not None:
        query = query.where(TradingSession.state == state)
    rows = db.exec(query.order_by(TradingSession.id.desc()).limit(500))  # type: ignore[attr-defined]
    return [views.session_row(db, row) for row in rows]


@router.get("/sessions/{session}", operation_id="read_session")
def read_session(db: Reading, _: Annotated[Actor, require("sessions.read")], session: str) -> SessionOut:
    """One session with its check list and what may be done next."""
    return views.session_out(db, find_session(db, session))


@router.get("/sessions/{session}/facts", operation_id="list_session_facts")
def list_session_facts(
    db: Reading,
    _: Annotated[Actor, require("sessions.read")],
    session: str,
    after: RowNumber = 0,
    limit: Annotated[int, Query(gt=0, le=1000)] = 500,
) -> list[FactOut]:
    """The session's facts after a position of the ledger, in its order."""
    query = (
        select(LedgerFact)
        .where(LedgerFact.session == session, LedgerFact.position > after)  # type: ignore[operator]
        .order_by(LedgerFact.position)  # type: ignore[arg-type]
        .limit(limit)
    )
    return [
        FactOut(
            position=row.position or 0, edge=row.edge, seq=row.seq, kind=row.kind, visit=row.visit,
            wall=row.wall, body=json.loads(row.raw)["body"],
        )
        for row in db.exec(query)
    ]  # fmt: skip


@router.get("/sessions/{session}/people", operation_id="list_session_people")
def list_session_people(
    db: Reading, _: Annotated[Actor, require("sessions.read")], session: str
) -> PeopleOut:
    """Who is where, by alias and from facts alone."""
    return views.people_out(db, find_session(db, session).id)


@router.post("/sessions/{session}/actions/{action}", operation_id="act_on_session")
def act_on_session(
    request: Request,
    db: Writing,
    actor: Annotated[Actor, require("sessions.write")],
    session: str,
    action: Action,
    why: ActionIn = ActionIn(reason=""),  # noqa: B008 - pydantic copies it
) -> ActionOut:
    """Take the next step. 409 `session.wrong_state`, or `session.not_ready` naming the missing lines."""
    row = find_session(db, session)
    if action == "cancel" and not why.reason:
        raise refuse(422, "session.reason_needed")
    try:
        command = actions.act(db, actor.name, row, action, why.reason, means_of(request))
    except TransitionRefused as error:
        raise wrong_state(error) from error
    except actions.NotReady as error:
        raise refuse(409, "session.not_ready", missing=error.lines) from error
    return ActionOut(session=views.session_out(db, row), command=command)


@router.put("/sessions/{session}/preparation/{item}", operation_id="judge_preparation")
def judge_preparation(
    db: Writing,
    actor: Annotated[Actor, require("sessions.write")],
    session: str,
    item: str,
    word: TickIn,
) -> SessionOut:
    """A person's word on a line of the check list; the machine's lines cannot be ticked."""
    row = find_session(db, session)
    try:
        preparation.tick(db, actor.name, row.id, item, word.state)
    except KeyError as error:
        raise refuse(404, "session.not_your_line", item=item) from error
    return views.session_out(db, row)


def find_booking(db: Session, booking: str) -> Booking:
    """The standing booking, or 404."""
    row = db.get(Booking, booking)
    if row is None or row.state != "booked":
        raise refuse(404, "booking.unknown")
    return row


@router.patch("/bookings/{booking}", operation_id="move_booking")
def move_booking(
    request: Request,
    db: Writing,
    actor: Annotated[Actor, require("bookings.write")],
    booking: str,
    where: MoveIn,
) -> BookingOut:
    """Move a booking in time or to another room; the sitting's other rooms and all documents move along (V3)."""
    row = find_booking(db, booking)
    target = Move(where.room, where.starts_at, where.ends_at, where.reason)
    if (where.ends_at or row.ends_at) <= now(db):
        raise refuse(422, "booking.over")
    try:
        service.move(db, actor.name, row, target, means_of(request))
    except BookingRefused as error:
        raise refused(error) from error
    except TransitionRefused as error:
        raise wrong_state(error) from error
    except ValueError as error:
        raise refuse(422, "booking.bad_times") from error
    return BookingOut.model_validate(row, from_attributes=True)


@router.post("/bookings/{booking}/cancel", operation_id="cancel_booking")
def cancel_booking(
    request: Request,
    db: Writing,
    actor: Annotated[Actor, require("bookings.write")],
    booking: str,
    why: CancelIn,
) -> BookingOut:
    """Give a room back, with a reason; the last room of a session cancels the session."""
    row = find_booking(db, booking)
    try:
        service.release_one(db, actor.name, row, why.reason, means_of(request))
    except TransitionRefused as error:
        raise wrong_state(error) from error
    return BookingOut.model_validate(row, from_attributes=True)
