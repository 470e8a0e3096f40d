"""The draw of a session: started by the draw operator, seen by all as commitments, disclosed by the overseer."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from sqlmodel import Session, select

from venue.db import Database, Reading, Writing, audit, now
from venue.edge_link.requests import Asking
from venue.experts import draw
from venue.experts.api import Specialty, vault_for
from venue.experts.draw import Framing, Table, Wanted
from venue.experts.draw_cli import plain
from venue.experts.roster import Frame, RosterRefused
from venue.experts.rules import DrawRefused, Seat
from venue.experts.settings import expert_settings
from venue.experts.tables import Draw, DrawDisclosure
from venue.identity import Actor, require
from venue.identity.gate import refuse
from venue.sessions import service
from venue.sessions.documents import frame_of
from venue.sessions.rules import State
from venue.sessions.staff_api import find_session
from venue.sessions.tables import TradingSession

router = APIRouter(tags=["draw"])
_DRAWABLE = (State.BOOKED, State.PREPARED, State.CHECKING_IN)
_SECRET = (State.DRAFT, State.BOOKED, State.PREPARED, State.CHECKING_IN, State.IN_PROGRESS, State.SUSPENDED)


class SeatIn(BaseModel):
    """So many members of one specialty."""

    specialty: Specialty
    count: int = Field(ge=1, le=50)


class DrawIn(BaseModel):
    """What is drawn. `operator_share`: 32 bytes as hex from the operator's own browser; else the centre makes them."""

    seats: list[SeatIn] = Field(min_length=1, max_length=10)
    avoid_employers: list[str] = Field(default=[], max_length=100)
    operator_share: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


class DrawOut(BaseModel):
    """A draw as everybody may see it: who committed to what, never who was drawn."""

    id: str
    session: str
    state: str
    reason: str | None
    seats: list[dict[str, object]]
    pool_size: int
    pool_commitment: str
    commitments: dict[str, str]
    started_by: str
    started_at: datetime
    ended_at: datetime | None
    aborted_before: int


def _out(db: Session, row: Draw) -> DrawOut:
    aborted = select(Draw).where(Draw.session == row.session, Draw.state == "aborted", Draw.id != row.id)
    fields = {name: getattr(row, name) for name in DrawOut.model_fields if name != "aborted_before"}
    return DrawOut(**fields, aborted_before=len(list(db.exec(aborted))))


def _framing(session: str) -> Framing:
    """The session's sitting as it stands when asked, while it may be drawn for."""

    def frame(db: Session) -> Frame:
        row = db.get_one(TradingSession, session)
        if row.state not in _DRAWABLE:
            raise DrawRefused("session.wrong_state", {"state": row.state, "event": "draw"})
        return frame_of(db, row, service.sittings_of(db, row.id)[0])

    return frame


@router.post("/sessions/{session}/draw", operation_id="hold_draw", status_code=201)
def hold_draw(
    request: Request,
    asks: Asking,
    actor: Annotated[Actor, require("draw.run")],
    session: str,
    wanted: DrawIn,
) -> DrawOut:
    """Hold the draw. 409 with the reason: pool too small, already held, witness away, edge not enrolled."""
    database: Database = request.app.state.database
    with database.reading() as db:
        find_session(db, session)
    settings = expert_settings(request.app.state.settings)
    table = Table(
        database, vault_for(request), asks, settings.witness_timeout_s, settings.pool_at_least_percent
    )
    seats = [Seat(seat.specialty, seat.count) for seat in wanted.seats]
    share = None if wanted.operator_share is None else bytes.fromhex(wanted.operator_share)
    try:
        held = draw.hold(table, actor.name, _framing(session), Wanted(seats, wanted.avoid_employers, share))
    except DrawRefused as error:
        raise refuse(409, error.key, **error.params) from error
    except RosterRefused as error:
        raise refuse(409, "draw.not_enrolled", party=error.party) from error
    with database.reading() as db:
        return _out(db, held)


@router.get("/sessions/{session}/draw", operation_id="read_draw")
def read_draw(db: Reading, _: Annotated[Actor, require("draw.read")], session: str) -> DrawOut:
    """The session's draw: commitments only."""
    newest = select(Draw).where(Draw.session == session).order_by(Draw.id.desc())  # type: ignore[attr-defined]
    row = draw.standing(db, session) or db.exec(newest).first()
    if row is None:
        raise refuse(404, "draw.none")
    return _out(db, row)


@router.post("/sessions/{session}/draw/disclosure", operation_id="disclose_draw")
def disclose_draw(
    request: Request, db: Writing, actor: Annotated[Actor, require("experts.oversee")], session: str
) -> dict[str, Any]:
    """Lay the draw open after the session, for `venue-draw verify`; ids of the register, no names. On record."""
    row, held = find_session(db, session), draw.held(db, session)
    if held is None:
        raise refuse(404, "draw.none")
    if row.state in _SECRET:
        raise refuse(409, "draw.still_secret", state=row.state)
    if db.get(DrawDisclosure, held.id) is None:
        db.add(DrawDisclosure(draw=held.id, by=actor.name, at=now(db)))
    audit.write(db, actor.name, "draw.disclosed", held.id, {"session": session})
    return plain(draw.disclosure(vault_for(request), held))
