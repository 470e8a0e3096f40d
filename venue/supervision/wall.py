"""The wall: which cameras there are and what goes on before each; and live views, on record before they begin."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from venue.db import audit, new_id, now
from venue.sessions.people import Person, facts_of, people
from venue.sessions.tables import Part, Sitting, TradingSession
from venue.sessions.views import people_out
from venue.sites.tables import CameraRow, DeviceRow, Room
from venue.supervision.tables import LiveView

_BEGUN = ("checking_in", "in_progress", "suspended")
_OVER = ("closed", "filing", "filed", "cancelled", "draft")


class WatchRefused(Exception):
    """Not this person, not this camera, or not now; the text is the message key."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A session as one room's tiles show it."""

    session: TradingSession
    people: list[Person]
    expected: int | None

    def inside(self, room: str) -> int:
        """Persons counted in this room."""
        return sum(person.place == room for person in self.people)


@dataclass(frozen=True, slots=True)
class Tile:
    """A camera and what it shows."""

    camera: CameraRow
    state: str
    recording: bool
    scene: Scene | None


def tiles(db: Session) -> list[Tile]:
    """Every camera that may be watched, in the order of the venue files; cameras of secret rooms never (I-18)."""
    scenes = _scenes(db)
    secret = set(db.exec(select(Room.id).where(col(Room.secret).is_(True))))
    devices = {row.id: row for row in db.exec(select(DeviceRow).where(DeviceRow.device_class == "camera"))}
    cameras = db.exec(select(CameraRow).order_by(CameraRow.venue, col(CameraRow.position)))
    return [_tile(one, devices.get(one.id), scenes) for one in cameras if one.room not in secret]


def _tile(camera: CameraRow, device: DeviceRow | None, scenes: dict[str, Scene]) -> Tile:
    recording = bool(device and device.state != "offline" and device.detail.get("recording"))
    scene = scenes.get(camera.room) if camera.room else None
    return Tile(camera, device.state if device else "unknown", recording, scene)


def _scenes(db: Session) -> dict[str, Scene]:
    """Room → the session that is in it now: one that has begun, else the one whose window is open."""
    query = (
        select(Part.room, Sitting, TradingSession)
        .join(Sitting, col(Part.sitting) == col(Sitting.id))
        .join(TradingSession, col(Sitting.session) == col(TradingSession.id))
        .where(col(TradingSession.state).not_in(_OVER))
        .order_by(col(Sitting.starts_at))
    )
    made: dict[str, Scene] = {}
    found: dict[str, Scene] = {}
    for room, sitting, session in db.exec(query):
        if session.state not in _BEGUN and not _open(sitting, now(db)):
            continue
        if session.id not in made:
            expected = people_out(db, session.id).expected
            made[session.id] = Scene(session, people(facts_of(db, session.id)), expected)
        if room not in found or session.state in _BEGUN:
            found[room] = made[session.id]
    return found


def _open(sitting: Sitting, instant: datetime) -> bool:
    return sitting.checkin_opens_at <= instant < sitting.ends_at


def begin(db: Session, watcher: str, camera_id: str) -> LiveView:
    """Put a view on record before any offer leaves (M4, I-16). WatchRefused when it may not be."""
    camera = db.get(CameraRow, camera_id)
    if camera is None:
        raise WatchRefused("wall.unknown_camera")
    room = db.get(Room, camera.room) if camera.room else None
    if room is not None and room.secret:
        raise WatchRefused("wall.secret_room")
    view = LiveView(
        id=new_id(db), watcher=watcher, camera=camera_id, edge=f"{camera.venue}.edge", state="asked",
        started_at=now(db),
    )  # fmt: skip
    db.add(view)
    audit.write(db, watcher, "live_view.asked", camera_id, {"view": view.id})
    return view


def settle(db: Session, view_id: str, state: str) -> None:
    """The view went live, was refused, or ended."""
    view = db.get(LiveView, view_id)
    if view is None or view.state in (state, "ended", "refused"):
        return
    view.state = state
    if state != "live":
        view.ended_at = now(db)
    db.add(view)
    audit.write(db, view.watcher, f"live_view.{state}", view.camera, {"view": view.id})
