"""Sealed rosters: the witness opens the outer layer inside the window, we open the inner one, memory only (keeps I-14).

After a restart the names are gone and the witness is asked again. A roster that cannot be opened is said to be
unavailable; nobody is admitted without one (keeps I-19).
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyrage
import structlog

from access_control.observations import Observation, RosterOpened, RosterUnavailable
from access_control.rosters import ComingSitting, OpenRoster, Person
from contract.clock import Clock, parse_stamp
from contract.documents import Document, Roster
from edge_agent.inbox import Inbox
from edge_agent.keys import Keys

_log = structlog.get_logger(__name__)
PATIENCE = timedelta(seconds=30)
"""How long after the window opened the witness may take before the roster is said to be unavailable."""


class BadRoster(Exception):
    """What came back from the witness is not the roster of the signed document; the text is a key."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A roster document as it lies here."""

    document: Document
    roster: Roster

    @property
    def opens(self) -> datetime:
        """Start of check-in."""
        return parse_stamp(self.roster.checkin_opens_at)

    @property
    def ends(self) -> datetime:
        """End of the sitting."""
        return parse_stamp(self.roster.ends_at)


def open_inner(inner: bytes, sealed: Sealed, keys: Keys) -> OpenRoster:
    """Open our layer and check it against the document. Raises BadRoster."""
    try:
        plain = keys.unseal(inner)
    except pyrage.DecryptError as error:
        raise BadRoster("not_for_us") from error
    if not hmac.compare_digest(hashlib.sha256(plain).hexdigest(), sealed.roster.commitment):
        raise BadRoster("commitment")
    try:
        content = json.loads(plain.rstrip(b"\0 \n"))
        persons = tuple(_person(row) for row in content["persons"])
        named = (content["session"], content["sitting"])
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise BadRoster("not_understood") from error
    if named != (sealed.roster.session, sealed.roster.sitting):
        raise BadRoster("other_sitting")
    return OpenRoster(
        sealed.roster.session, sealed.roster.sitting, sealed.document.serial, sealed.opens,
        parse_stamp(sealed.roster.starts_at), sealed.ends, persons,
    )  # fmt: skip


def _person(row: dict[str, Any]) -> Person:
    face = row.get("face")
    picture = base64.b64decode(face["jpeg"], validate=True) if face else None
    return Person(
        row["alias"], row["role"], row["name"], row["id_number"], row["phone"], tuple(row["rooms"]), picture
    )


@dataclass(frozen=True, slots=True)
class Desk:
    """What the keeper uses of the engine."""

    observe: Callable[[Observation], object]
    set_rosters: Callable[..., None]
    get_open: Callable[[], tuple[OpenRoster, ...]]
    over: Callable[[str], bool]
    """Whether a sitting was closed, by its facts."""
    awaited: Callable[[str], bool]
    """Whether somebody of a sitting has not left yet: only the roster tells whose things are in which locker."""


class RosterKeeper:
    """Engine thread only."""

    def __init__(self, inbox: Inbox, keys: Keys, clock: Clock, witness: str, desk: Desk) -> None:
        self._inbox, self._keys, self._clock, self._witness, self._desk = inbox, keys, clock, witness, desk
        self._said_unavailable: set[tuple[str, int]] = set()
        self._wanted_since: dict[str, datetime] = {}
        self.reload()

    def reload(self) -> None:
        """Read the documents in force again."""
        self._sealed = [Sealed(d, Roster.read(d.body)) for d in self._inbox.documents("roster")]
        self._show_coming()

    def wanted(self) -> list[Sealed]:
        """Rosters inside their window that are not open, or open in an older version."""
        now = self._clock.now()
        serials = {r.sitting: r.serial for r in self._desk.get_open()}
        return [
            s for s in self._sealed
            if s.opens <= now < s.ends
            and not self._done(s.roster.sitting)
            and serials.get(s.roster.sitting, -1) < s.document.serial
        ]  # fmt: skip

    def pending(self) -> list[dict[str, Any]]:
        """For the witness: the signed documents whose outer layer it should open."""
        return [
            {"sitting": s.roster.sitting, "envelope": self._inbox.envelope("roster", s.roster.sitting)}
            for s in self.wanted()
        ]

    def receive(self, sitting: str, inner: bytes) -> None:
        """The witness opened the outer layer. Raises BadRoster."""
        for sealed in self.wanted():
            if sealed.roster.sitting == sitting:
                opened = open_inner(inner, sealed, self._keys)
                others = tuple(r for r in self._desk.get_open() if r.sitting != sitting)
                self._desk.set_rosters(open=(*others, opened))
                self._show_coming()
                self._desk.observe(
                    RosterOpened(opened.session, sitting, sealed.document.serial, self._witness)
                )
                return
        raise BadRoster("not_wanted")

    def tick(self) -> None:
        """Forget what is over, and say what could not be opened in time."""
        now = self._clock.now()
        kept = tuple(r for r in self._desk.get_open() if not self._done(r.sitting))
        if len(kept) != len(self._desk.get_open()):
            self._desk.set_rosters(open=kept)
        for sealed in self.wanted():
            since = self._wanted_since.setdefault(sealed.roster.sitting, now)
            if now - since >= PATIENCE:
                self._unavailable(sealed, "witness_away")

    def _done(self, sitting: str) -> bool:
        """Closed, and everybody has left with their things (keeps I-6): the names may be forgotten."""
        return self._desk.over(sitting) and not self._desk.awaited(sitting)

    def refused(self, sitting: str, reason: str) -> None:
        """The witness will not open this one."""
        for sealed in self.wanted():
            if sealed.roster.sitting == sitting:
                self._unavailable(sealed, reason)

    def _unavailable(self, sealed: Sealed, reason: str) -> None:
        """Said once a version of the document; a later opening still counts."""
        key = (sealed.roster.sitting, sealed.document.serial)
        if key not in self._said_unavailable:
            self._said_unavailable.add(key)
            _log.warning("roster_unavailable", sitting=sealed.roster.sitting, reason=reason)
            self._desk.observe(RosterUnavailable(sealed.roster.session, sealed.roster.sitting, reason))

    def _show_coming(self) -> None:
        open_now = {r.sitting for r in self._desk.get_open()}
        coming = tuple(
            ComingSitting(s.roster.session, s.roster.sitting, s.opens, s.ends)
            for s in self._sealed
            if s.roster.sitting not in open_now and not self._desk.over(s.roster.sitting)
        )
        self._desk.set_rosters(coming=coming)
