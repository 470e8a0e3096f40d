"""Signed commands, centre to edge: addressed, dated, tried at most once (keeps I-5, I-9)."""

from typing import Any, Literal

from contract.body import Body, Count, Name, Stamp


class Command(Body):
    """Payload of a `command` envelope; void before `not_before` and from `expires_at` on."""

    v: Literal[1] = 1
    id: Name
    kind: Name
    to: Name
    not_before: Stamp
    expires_at: Stamp
    epoch: Count
    session: str | None
    by: list[str]
    reason: str
    body: dict[str, Any]


class SuspendEntry(Body):
    """Hold entry to these rooms (all rooms of the session when empty); leaving stays free (keeps I-3)."""

    rooms: list[str]


class ResumeEntry(Body):
    """Lift the hold."""


class OpenSession(Body):
    """Open the session in the envelope now."""


class CloseSession(Body):
    """Close the session in the envelope now."""


class SendEvidence(Body):
    """Send the session's segments that the centre lacks."""


class SwitchFacilities(Body):
    """Switch a room's power and light."""

    room: Name
    on: bool
