"""The centre's own signing key and the table of everybody's public keys."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlmodel import Session, col, select

from contract.clock import stamp
from contract.keys import KeyRing, PublicKey, SigningKey
from venue.db import now
from venue.edge_link.tables import Party, RetiredKey

NAME = "centre"


@dataclass(frozen=True, slots=True)
class CentreKeys:
    """What signs documents, commands, receipts and cosignatures, since `since`."""

    signing: SigningKey
    since: datetime

    def public(self) -> PublicKey:
        """The public half as others hold it."""
        return self.signing.describe("centre", self.since)


def signing_path(home: Path) -> Path:
    """Where the centre's signing key lives."""
    return home / "centre" / "keys" / "centre-1.pem"


def make_keys(home: Path) -> None:
    """Make the signing key unless it is there."""
    path = signing_path(home)
    if not path.exists():
        SigningKey.generate(NAME).save(path)


def load_keys(home: Path, since: datetime) -> CentreKeys:
    """Read the signing key; KeyFileError when absent or readable by others."""
    return CentreKeys(SigningKey.load(signing_path(home), NAME), since)


def trust(db: Session, keys: CentreKeys, venue: str | None = None) -> KeyRing:
    """The public keys in force: the centre's and every enrolled party's (of one venue when given)."""
    return KeyRing([keys.public(), *_in_force(db, venue)])


def trust_ever(db: Session, keys: CentreKeys, venue: str | None = None) -> KeyRing:
    """The keys in force and those that were, each with its term: what a package is proved and checked with (K-2)."""
    query = select(RetiredKey)
    if venue is not None:
        query = query.where(RetiredKey.venue == venue)
    retired = [PublicKey.from_dict(row.key) for row in db.exec(query)]
    return KeyRing([keys.public(), *retired, *_in_force(db, venue)])


def _in_force(db: Session, venue: str | None) -> list[PublicKey]:
    query = select(Party).where(col(Party.revoked_at).is_(None))
    if venue is not None:
        query = query.where(Party.venue == venue)
    return [PublicKey.from_dict(party.signing_key) for party in db.exec(query)]


def retire(db: Session, party: Party) -> None:
    """End the term of a party's key now; what it signed until now can still be checked."""
    key = {**party.signing_key, "until": stamp(now(db))}
    db.merge(RetiredKey(name=party.name, public=str(key["public"]), venue=party.venue, key=key))


def known_keys(db: Session, name: str) -> list[PublicKey]:
    """Every key that a party ever had, in order of epoch."""
    rows = [row.key for row in db.exec(select(RetiredKey).where(RetiredKey.name == name))]
    party = db.get(Party, name)
    if party is not None and party.signing_key["public"] not in [row["public"] for row in rows]:
        rows.append(party.signing_key)
    return sorted((PublicKey.from_dict(row) for row in rows), key=lambda key: key.epoch)
