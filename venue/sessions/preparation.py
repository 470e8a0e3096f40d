"""The check list of a session (V4): lines the machine judges from facts, and lines a person ticks."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlmodel import Session, select

from venue.bookings.tables import Booking
from venue.db import audit, now
from venue.edge_link.tables import Party, SignedDocument
from venue.sessions import documents
from venue.sessions.tables import PreparationItem, Sitting, TradingSession
from venue.sites.tables import CameraRow, DeviceRow

PERSON_ITEMS = ("materials", "rooms_seen")
# Kinds whose members are drawn; without their roster the edge admits nobody.
DRAWN_KINDS = frozenset({"evaluation"})


@dataclass(frozen=True, slots=True)
class Item:
    """One line: who judges it, how it stands (ok, missing, waived), and what the words need."""

    item: str
    source: str
    state: str
    params: dict[str, object] = field(default_factory=dict)


def judge(db: Session, session: TradingSession, sitting: Sitting) -> list[Item]:
    """The whole list as it stands now."""
    return [*_machine(db, session, sitting), *_person(db, session)]


def missing(items: list[Item]) -> list[str]:
    """The lines still to be done."""
    return [one.item for one in items if one.state == "missing"]


def tick(db: Session, actor: str, session: str, item: str, state: str) -> None:
    """A person's word on a line of theirs; KeyError for any other line."""
    if item not in PERSON_ITEMS:
        raise KeyError(item)
    row = db.get(PreparationItem, (session, item)) or PreparationItem(
        session=session, item=item, state=state, judged_by=actor, judged_at=now(db)
    )
    row.state, row.judged_by, row.judged_at = state, actor, now(db)
    db.add(row)
    audit.write(db, actor, "preparation.judged", session, {"item": item, "state": state})


def _person(db: Session, session: TradingSession) -> Iterator[Item]:
    for item in PERSON_ITEMS:
        row = db.get(PreparationItem, (session.id, item))
        if row is None:
            yield Item(item, "person", "missing")
        else:
            yield Item(item, "person", row.state, {"by": row.judged_by})


def _machine(db: Session, session: TradingSession, sitting: Sitting) -> Iterator[Item]:
    edge = f"{session.venue}.edge"
    parts = documents.parts_of(db, sitting.id)
    held = [booking for part in parts if (booking := db.get(Booking, part.booking)) is not None]
    stands = bool(parts) and all(one.state == "booked" for one in held)
    yield _line("rooms", stands, {"rooms": [part.room for part in parts]})
    party = db.get(Party, edge)
    yield _line("network", party is not None and party.online and party.revoked_at is None, {"edge": edge})
    yield _devices(db, session.venue)
    yield _cameras(db, [part.room for part in parts])
    yield _delivered(db, edge, "session_plan", session.id, "plan")
    yield _delivered(db, edge, "recording_plan", session.id, "recorder")
    if session.kind in DRAWN_KINDS:
        yield _delivered(db, edge, "roster", sitting.id, "roster")


def _line(item: str, holds: bool, params: dict[str, object]) -> Item:
    return Item(item, "machine", "ok" if holds else "missing", params)


def _devices(db: Session, venue: str) -> Item:
    """Every device of the venue but the cameras must be online; `ill` names those that are not."""
    cameras = set(db.exec(select(CameraRow.id).where(CameraRow.venue == venue)))
    rows = db.exec(select(DeviceRow).where(DeviceRow.venue == venue, DeviceRow.state != "online"))
    ill = sorted(row.id for row in rows if row.id not in cameras)
    return _line("devices", not ill, {"ill": ill})


def _cameras(db: Session, rooms: list[str]) -> Item:
    """Every camera of the session's rooms must be online as a device."""
    cameras = list(db.exec(select(CameraRow).where(CameraRow.room.in_(rooms))))  # type: ignore[union-attr]
    states = {camera.id: db.get(DeviceRow, (camera.venue, camera.id)) for camera in cameras}
    ill = sorted(name for name, row in states.items() if row is None or row.state != "online")
    return _line("cameras", not ill, {"ill": ill, "count": len(cameras)})


def _delivered(db: Session, edge: str, kind: str, subject: str, item: str) -> Item:
    """The edge said that it took the newest version."""
    row = db.get(SignedDocument, (edge, kind, subject))
    answer = None if row is None else row.answer
    return _line(item, answer == "accepted", {"answer": answer})
