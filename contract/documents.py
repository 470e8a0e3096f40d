"""Signed documents, centre to edge, retained; a lower serial never replaces a higher one (keeps I-9)."""

from typing import Any, Literal

from pydantic import Field

from contract.body import Body, Count, Hash, Name, Stamp


class Document(Body):
    """Payload of a `document` envelope. `body` stays a plain object; `kinds.read_body` gives its model."""

    v: Literal[1] = 1
    id: Name
    kind: Name
    venue: Name
    serial: Count
    issued_at: Stamp
    body: dict[str, Any]


class SitePlan(Body):
    """What the centre knows of the venue's rooms."""

    rooms: list[dict[str, Any]]


class PlannedRoom(Body):
    """A room and what it is used for in a session."""

    room: Name
    purpose: Name


class Roster(Body):
    """Who may enter in one sitting, sealed to edge and witness; `commitment` covers the plain text (I-14)."""

    session: Name
    sitting: Name
    checkin_opens_at: Stamp
    starts_at: Stamp
    ends_at: Stamp
    rooms: list[PlannedRoom]
    sealed: str
    commitment: Hash


class RecordingPlan(Body):
    """Which cameras must record from when to when; `secret_rooms` are never recorded (keeps I-18)."""

    session: Name
    from_: Stamp = Field(alias="from")
    until: Stamp
    cameras: list[str]
    secret_rooms: list[str]


class SessionPlan(Body):
    """The times of a session as the edge keeps them, even when the centre is away."""

    session: Name
    sitting: Name
    state: Name
    facilities_on_at: Stamp
    opens_at: Stamp
    closes_at: Stamp
    rooms: list[str]


class Screens(Body):
    """Rows of the door signs; nothing secret, ever."""

    rows: list[dict[str, Any]]


class Holds(Body):
    """Recordings that must not be deleted (keeps I-12): the whole present list of holds."""

    holds: list[dict[str, Any]] = Field(default_factory=list)


class Trust(Body):
    """Public keys with their epochs, in the form of `keys.PublicKey.as_dict`."""

    keys: list[dict[str, Any]]
