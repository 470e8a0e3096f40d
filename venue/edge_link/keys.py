"""The centre's own signing key and the table of everybody's public keys."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlmodel import Session, col, select

from contract.keys import KeyRing, PublicKey, SigningKey
from venue.edge_link.tables import Party

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
    query = select(Party).where(col(Party.revoked_at).is_(None))
    if venue is not None:
        query = query.where(Party.venue == venue)
    return KeyRing([keys.public(), *(PublicKey.from_dict(party.signing_key) for party in db.exec(query))])
