"""Make, move and change sessions. Each function is one transaction's worth and writes its audit (keeps I-16)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, select

from venue.bookings import service as bookings
from venue.bookings.rules import Buffers, Interval, Refusal, Wish
from venue.bookings.service import BookingRefused, Owner
from venue.bookings.tables import Booking
from venue.db import audit, new_id, now
from venue.experts import draw
from venue.experts.vault import Vault
from venue.sessions import documents
from venue.sessions.rules import Event, Standing, State, TransitionRefused, transition
from venue.sessions.tables import Part, Sitting, TradingSession
from venue.sites.tables import Room

CHANGEABLE = (State.DRAFT, State.BOOKED, State.PREPARED)


@dataclass(frozen=True, slots=True)
class RoomWish:
    """A room and what for, for so many people."""

    room: str
    purpose: str
    people: int = 1


@dataclass(frozen=True, slots=True)
class SessionWish:
    """A session with one sitting, as staff ask for it."""

    project_code: str
    title: str
    kind: str
    checkin_opens_at: datetime
    starts_at: datetime
    ends_at: datetime
    rooms: Sequence[RoomWish]


@dataclass(frozen=True, slots=True)
class Means:
    """What changing a session takes: time around a booking, time before a sitting, the vault to seal rosters anew."""

    buffers: Buffers
    facilities: timedelta
    vault: Vault


def standing_of(session: TradingSession) -> Standing:
    """The session's place in the state table."""
    return Standing(State(session.state), State(session.back) if session.back else None)


def step(db: Session, actor: str, session: TradingSession, event: Event, reason: str | None = None) -> None:
    """Take one row of the state table; raises TransitionRefused. A step that changes nothing leaves no row."""
    before = standing_of(session)
    after = transition(before, event)
    if after == before:
        return
    session.state, session.back = after.state, after.back
    if after.state is State.CLOSED:
        session.closed_at = now(db)
    if reason:
        session.reason = reason
    db.add(session)
    db.flush()
    detail = {"event": event, "from": before.state, "to": after.state, "reason": reason}
    audit.write(db, actor, "session.stepped", session.id, detail)


def sittings_of(db: Session, session: str) -> list[Sitting]:
    """The windows of a session, first to last."""
    return list(db.exec(select(Sitting).where(Sitting.session == session).order_by(Sitting.number)))  # type: ignore[arg-type]


def create(db: Session, actor: str, wish: SessionWish, means: Means) -> TradingSession:
    """Book every room and issue the documents, or raise BookingRefused and leave nothing behind (V2, V3)."""
    venue = _one_venue(db, wish.rooms)
    session = TradingSession(
        id=new_id(db), venue=venue, project_code=wish.project_code, title=wish.title, kind=wish.kind,
        state=State.DRAFT, served_by=actor, made_at=now(db),
    )  # fmt: skip
    sitting = Sitting(
        id=new_id(db), session=session.id, number=1, checkin_opens_at=wish.checkin_opens_at,
        starts_at=wish.starts_at, ends_at=wish.ends_at,
    )  # fmt: skip
    db.add(session)
    db.flush()
    db.add(sitting)
    db.flush()
    audit.write(db, actor, "session.made", session.id, {"project_code": wish.project_code, "kind": wish.kind})
    for room in wish.rooms:
        _book(db, actor, session, sitting, room, means.buffers)
    step(db, actor, session, Event.BOOK)
    issue(db, session, sitting, means)
    return session


def issue(db: Session, session: TradingSession, sitting: Sitting, means: Means) -> None:
    """Everything the edge must know of the sitting, under higher serials; the same people when a draw was held."""
    documents.issue(db, session, sitting, means.facilities)
    draw.reissue(db, means.vault, documents.frame_of(db, session, sitting))


def _one_venue(db: Session, rooms: Sequence[RoomWish]) -> str:
    found = [db.get(Room, room.room) for room in rooms]
    for room, row in zip(rooms, found, strict=True):
        if row is None:
            raise BookingRefused((Refusal("booking.unknown_room", {"room": room.room}),))
    venues = sorted({row.venue for row in found if row is not None})
    if len(venues) != 1:
        raise BookingRefused((Refusal("session.rooms_of_one_venue", {"venues": venues}),))
    return venues[0]


def _book(
    db: Session, actor: str, session: TradingSession, sitting: Sitting, room: RoomWish, buffers: Buffers
) -> None:
    """The room is theirs from the start of check-in: people are in it from then on."""
    window = Interval(sitting.checkin_opens_at, sitting.ends_at)
    owner = Owner(session.id, sitting.id, session.project_code)
    booking = bookings.place(db, actor, Wish(room.room, room.purpose, window, room.people), owner, buffers)
    db.add(
        Part(
            sitting=sitting.id, booking=booking.id, venue=session.venue, room=room.room, purpose=room.purpose
        )
    )
    db.flush()


def cancel(db: Session, actor: str, session: TradingSession, reason: str, means: Means) -> None:
    """Give every room back and withdraw the plans; raises TransitionRefused."""
    step(db, actor, session, Event.CANCEL, reason)
    for sitting in sittings_of(db, session.id):
        for booking in bookings_of(db, sitting.id):
            bookings.release(db, actor, booking, reason)
        issue(db, session, sitting, means)


def bookings_of(db: Session, sitting: str) -> list[Booking]:
    """The standing bookings of a sitting, in order of room."""
    query = (
        select(Booking).where(Booking.sitting == sitting, Booking.state == "booked").order_by(Booking.room)
    )
    return list(db.exec(query))


@dataclass(frozen=True, slots=True)
class Move:
    """Where a booking goes; None leaves as it is. Times are the booking's: from check-in to the end."""

    room: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    reason: str = ""


def move(db: Session, actor: str, booking: Booking, move_to: Move, means: Means) -> Sitting:
    """Move a booking; its sitting's other rooms keep its times, and all documents are issued again (V3).

    Raises BookingRefused, TransitionRefused (people are already in), ValueError (empty interval).
    """
    session, sitting = _owners(db, booking)
    _demand_changeable(session)
    window = Interval(move_to.starts_at or booking.starts_at, move_to.ends_at or booking.ends_at)
    room = move_to.room or booking.room
    if room != booking.room:
        _same_venue(db, session, room)
    # The moved booking goes first: its clash is the one that was asked about.
    for one in [booking, *(b for b in bookings_of(db, sitting.id) if b.id != booking.id)]:
        target = room if one.id == booking.id else one.room
        bookings.shift(db, actor, one, window, target, means.buffers, move_to.reason)
    _move_part(db, booking, room)
    _move_times(db, sitting, window)
    step(db, actor, session, Event.MOVE)
    issue(db, session, sitting, means)
    return sitting


def release_one(db: Session, actor: str, booking: Booking, reason: str, means: Means) -> None:
    """Cancel one booking; the last of a session cancels the session. Raises TransitionRefused."""
    session, sitting = _owners(db, booking)
    _demand_changeable(session)
    others = [one for one in bookings_of(db, sitting.id) if one.id != booking.id]
    if not others:
        cancel(db, actor, session, reason, means)
        return
    bookings.release(db, actor, booking, reason)
    part = db.get(Part, (sitting.id, booking.id))
    if part is not None:
        db.delete(part)
        db.flush()
    step(db, actor, session, Event.MOVE)
    issue(db, session, sitting, means)


def _owners(db: Session, booking: Booking) -> tuple[TradingSession, Sitting]:
    session, sitting = db.get(TradingSession, booking.session), db.get(Sitting, booking.sitting)
    assert session is not None, "a booking is made with its session"
    assert sitting is not None, "a booking is made with its sitting"
    return session, sitting


def _demand_changeable(session: TradingSession) -> None:
    if session.state not in CHANGEABLE:
        raise TransitionRefused(State(session.state), Event.MOVE)


def _same_venue(db: Session, session: TradingSession, room: str) -> None:
    row = db.get(Room, room)
    if row is not None and row.venue != session.venue:
        params: dict[str, Any] = {"venues": sorted({row.venue, session.venue})}
        raise BookingRefused((Refusal("session.rooms_of_one_venue", params),))


def _move_part(db: Session, booking: Booking, room: str) -> None:
    part = db.get(Part, (booking.sitting, booking.id))
    assert part is not None, "a booking is made with its part"
    part.room = room
    db.add(part)


def _move_times(db: Session, sitting: Sitting, window: Interval) -> None:
    """Check-in keeps its length; when the window is too short for it, the session starts at once."""
    checkin = sitting.starts_at - sitting.checkin_opens_at
    sitting.checkin_opens_at, sitting.ends_at = window.start, window.end
    starts = window.start + checkin
    sitting.starts_at = starts if starts < window.end else window.start
    db.add(sitting)
    db.flush()
