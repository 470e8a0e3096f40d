"""The roster of a sitting: who may enter, sealed to the edge and around that to the witness (keeps I-14).

Its size depends on the number of seats alone: a photo more or less would tell who was drawn.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pyrage import encrypt as age_encrypt
from pyrage import x25519
from sqlmodel import Session

from contract.clock import stamp
from venue.edge_link import documents
from venue.edge_link.tables import Party
from venue.experts.tables import Expert
from venue.experts.vault import Vault, padded_json

BLOCK = 64 * 1024
# Two blocks hold a photo of PHOTO_BYTES in base64 with all the words of one person.
BLOCKS_A_PERSON = 3
# Which rooms a role may enter; an expert's way leads to the evaluation, never to another purpose.
ROLE_PURPOSES: Mapping[str, frozenset[str]] = {"expert": frozenset({"evaluation"})}


class RosterRefused(Exception):
    """The roster cannot be sealed: an edge or a witness is not enrolled."""

    def __init__(self, party: str) -> None:
        super().__init__(party)
        self.party = party


@dataclass(frozen=True, slots=True)
class Frame:
    """What the roster needs of a sitting; the experts know nothing else of sessions."""

    session: str
    sitting: str
    venue: str
    checkin_opens_at: datetime
    starts_at: datetime
    ends_at: datetime
    rooms: Sequence[tuple[str, str]]
    """(room, purpose)"""


@dataclass(frozen=True, slots=True)
class Member:
    """A drawn person under the alias made for this session."""

    alias: str
    person: str
    role: str = "expert"


def rooms_for(role: str, frame: Frame) -> list[str]:
    """The rooms a role may enter; where no room serves its purpose, all of them."""
    wanted = ROLE_PURPOSES.get(role, frozenset())
    found = sorted(room for room, purpose in frame.rooms if purpose in wanted)
    return found or sorted(room for room, _ in frame.rooms)


def recipients(db: Session, venue: str) -> tuple[str, str]:
    """The age recipients of the venue's edge and witness; raises RosterRefused naming who is missing."""
    keys = []
    for name in (f"{venue}.edge", f"{venue}.witness"):
        party = db.get(Party, name)
        if party is None or party.revoked_at is not None:
            raise RosterRefused(name)
        keys.append(party.seal_key)
    return keys[0], keys[1]


def publish(db: Session, vault: Vault, frame: Frame, members: Sequence[Member]) -> int:
    """Seal and issue the roster with the sitting's window; its serial. Personal data stay in this call."""
    edge_key, witness_key = recipients(db, frame.venue)
    plain = _plain(db, vault, frame, members)
    inner = age_encrypt(plain, [x25519.Recipient.from_str(edge_key)])
    outer = age_encrypt(inner, [x25519.Recipient.from_str(witness_key)])
    body = {
        "session": frame.session, "sitting": frame.sitting,
        "checkin_opens_at": stamp(frame.checkin_opens_at), "starts_at": stamp(frame.starts_at),
        "ends_at": stamp(frame.ends_at),
        "rooms": [{"room": room, "purpose": purpose} for room, purpose in frame.rooms],
        "sealed": base64.b64encode(outer).decode(), "commitment": hashlib.sha256(plain).hexdigest(),
    }  # fmt: skip
    return documents.publish(db, frame.venue, "roster", frame.sitting, body)


def _plain(db: Session, vault: Vault, frame: Frame, members: Sequence[Member]) -> bytes:
    """`nonce` makes the commitment say nothing to somebody who guesses persons."""
    content = {
        "sitting": frame.sitting, "session": frame.session, "nonce": secrets.token_hex(32),
        "persons": [_person(db, vault, frame, member) for member in members],
    }  # fmt: skip
    return padded_json(content, (1 + BLOCKS_A_PERSON * len(members)) * BLOCK)


def _person(db: Session, vault: Vault, frame: Frame, member: Member) -> dict[str, Any]:
    row = db.get(Expert, member.person)
    assert row is not None, "the register keeps everybody who was ever drawn"
    person = vault.open(row.id, row.sealed)
    jpeg = None if row.photo is None else vault.open_photo(row.id, row.photo)
    return {
        "alias": member.alias, "role": member.role, "name": person.name, "id_number": person.id_number,
        "phone": person.phone, "rooms": rooms_for(member.role, frame),
        "face": None if jpeg is None else {"jpeg": base64.b64encode(jpeg).decode()},
    }  # fmt: skip
