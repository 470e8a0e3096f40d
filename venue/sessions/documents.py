"""What the edge must know of a session, issued again with higher serials whenever it changes (keeps I-9)."""

from collections import defaultdict
from datetime import timedelta

from sqlmodel import Session, select

from contract.clock import stamp
from venue.db import now
from venue.edge_link import documents
from venue.experts.roster import Frame
from venue.sessions.rules import State
from venue.sessions.tables import Part, Sitting, TradingSession
from venue.sites.tables import CameraRow, Room

_OVER = (State.CANCELLED, State.FILED, State.FILING, State.CLOSED)
# Evaluation happens behind the gate: its signs say free or in use and nothing more (pages: Signs).
PUBLIC_KINDS = frozenset({"opening", "auction"})


def parts_of(db: Session, sitting: str) -> list[Part]:
    """The rooms of a sitting, in order of room."""
    return list(db.exec(select(Part).where(Part.sitting == sitting).order_by(Part.room)))


def frame_of(db: Session, session: TradingSession, sitting: Sitting) -> Frame:
    """What a roster needs of a sitting; that of a cancelled session has a window that is over before it begins."""
    rooms = [(part.room, part.purpose) for part in parts_of(db, sitting.id)]
    opens, starts, ends = sitting.checkin_opens_at, sitting.starts_at, sitting.ends_at
    if session.state == State.CANCELLED:
        opens = starts = ends = min(now(db), opens)
    return Frame(session.id, sitting.id, session.venue, opens, starts, ends, rooms)


def issue(db: Session, session: TradingSession, sitting: Sitting, facilities_lead: timedelta) -> None:
    """Session plan, recording plan and screens to each venue of the sitting; the roster goes its own way."""
    by_venue: dict[str, list[str]] = defaultdict(list)
    for part in parts_of(db, sitting.id):
        by_venue[part.venue].append(part.room)
    for venue, rooms in by_venue.items():
        _session_plan(db, venue, session, sitting, sorted(set(rooms)), facilities_lead)
        _recording_plan(db, venue, session, sitting, rooms)
        issue_screens(db, venue)


def _session_plan(
    db: Session, venue: str, session: TradingSession, sitting: Sitting, rooms: list[str], lead: timedelta
) -> None:
    body = {
        "session": session.id, "sitting": sitting.id, "state": session.state,
        "facilities_on_at": stamp(sitting.checkin_opens_at - lead),
        "checkin_opens_at": stamp(sitting.checkin_opens_at),
        "opens_at": stamp(sitting.starts_at), "closes_at": stamp(sitting.ends_at), "rooms": rooms,
    }  # fmt: skip
    documents.publish(db, venue, "session_plan", session.id, body)


def _recording_plan(
    db: Session, venue: str, session: TradingSession, sitting: Sitting, rooms: list[str]
) -> None:
    secret = set(db.exec(select(Room.id).where(Room.id.in_(rooms), Room.secret == True)))  # type: ignore[attr-defined]  # noqa: E712
    open_rooms = [] if session.state == State.CANCELLED else sorted(set(rooms) - secret)  # keeps I-18
    cameras = db.exec(select(CameraRow.id).where(CameraRow.room.in_(open_rooms)).order_by(CameraRow.id))  # type: ignore[union-attr]
    body = {
        "session": session.id, "from": stamp(sitting.starts_at), "until": stamp(sitting.ends_at),
        "cameras": list(cameras), "secret_rooms": sorted(secret),
    }  # fmt: skip
    documents.publish(db, venue, "recording_plan", session.id, body)


def issue_screens(db: Session, venue: str) -> None:
    """The rows of the venue's signs, a day either side of now: times, room, kind, state, and nothing else."""
    body = {"rows": sign_rows(db, venue)}
    documents.publish(db, venue, "screens", "", body)


def sign_rows(db: Session, venue: str) -> list[dict[str, object]]:
    """What signs may show of a venue's sittings, a day either side of now; `public` says whether the hall may too."""
    around = timedelta(days=1)
    query = (
        select(Part, Sitting, TradingSession)
        .where(
            Part.sitting == Sitting.id, Sitting.session == TradingSession.id, Part.venue == venue,
            TradingSession.state != State.CANCELLED, Sitting.ends_at > now(db) - around,
            Sitting.checkin_opens_at < now(db) + around,
        )
        .order_by(Sitting.starts_at, Part.room)  # type: ignore[arg-type]
    )  # fmt: skip
    return [_row(part, sitting, session) for part, sitting, session in db.exec(query)]


def _row(part: Part, sitting: Sitting, session: TradingSession) -> dict[str, object]:
    return {
        "room": part.room, "purpose": part.purpose, "kind": session.kind, "public": session.kind in PUBLIC_KINDS,
        "starts_at": stamp(sitting.starts_at), "ends_at": stamp(sitting.ends_at),
        "state": sign_state(State(session.state)),
    }  # fmt: skip


def sign_state(state: State) -> str:
    """The five words a sign knows: planned, checking_in, in_use, suspended, over."""
    if state in _OVER:
        return "over"
    words = {State.CHECKING_IN: "checking_in", State.IN_PROGRESS: "in_use", State.SUSPENDED: "suspended"}
    return words.get(state, "planned")
