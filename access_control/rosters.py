"""Opened rosters, in memory only: the one place of names, numbers and phones on site (keeps I-14)."""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from devices.ports import IdCard


@dataclass(frozen=True, slots=True)
class Person:
    """One person of a sealed roster; `face` is a JPEG or None."""

    alias: str
    role: str
    name: str = field(repr=False)
    id_number: str = field(repr=False)
    phone: str = field(repr=False)
    rooms: tuple[str, ...]
    face: bytes | None = field(default=None, repr=False)

    def has_number_of(self, card: IdCard) -> bool:
        """Whether the card's number is this person's (the last character may be an x)."""
        return hmac.compare_digest(self.id_number.strip().upper(), card.number.strip().upper())

    def has_name_of(self, card: IdCard) -> bool:
        """Whether the card's name is this person's."""
        return self.name.strip() == card.name.strip()


@dataclass(frozen=True, slots=True)
class OpenRoster:
    """A sitting's roster after both layers were opened."""

    session: str
    sitting: str
    serial: int
    checkin_opens_at: datetime
    starts_at: datetime
    ends_at: datetime
    persons: tuple[Person, ...]

    def person(self, alias: str) -> Person | None:
        """The person of that alias."""
        return next((p for p in self.persons if p.alias == alias), None)


@dataclass(frozen=True, slots=True)
class ComingSitting:
    """A sitting whose roster lies here sealed: only its times are known."""

    session: str
    sitting: str
    checkin_opens_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class PinSecret:
    """A one-time code as a salted hash; the digits exist in the text message only."""

    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    expires_mono_us: int


def seal_pin(digits: str, salt: bytes, expires_mono_us: int) -> PinSecret:
    """For the edge, which draws the digits and sends them."""
    return PinSecret(salt, _pin_digest(digits, salt), expires_mono_us)


def _pin_digest(digits: str, salt: bytes) -> bytes:
    return hmac.new(salt, digits.encode(), hashlib.sha256).digest()


def pin_fits(secret: PinSecret, digits: str) -> bool:
    """Whether these are the digits, in constant time."""
    return hmac.compare_digest(_pin_digest(digits, secret.salt), secret.digest)


@dataclass(frozen=True, slots=True)
class Rosters:
    """What the edge hands to every decision. `pins`: visit → code sent last, lost with the process."""

    open: tuple[OpenRoster, ...] = ()
    coming: tuple[ComingSitting, ...] = ()
    pins: Mapping[str, PinSecret] = field(default_factory=dict)

    def of(self, sitting: str) -> OpenRoster | None:
        """The opened roster of a sitting."""
        return next((r for r in self.open if r.sitting == sitting), None)

    def person(self, sitting: str, alias: str) -> Person | None:
        """A person by sitting and alias."""
        roster = self.of(sitting)
        return roster.person(alias) if roster else None

    def owners(self, card: IdCard) -> Iterator[tuple[OpenRoster, Person]]:
        """Everybody in an opened roster with the card's number."""
        for roster in self.open:
            for person in roster.persons:
                if person.has_number_of(card):
                    yield roster, person
