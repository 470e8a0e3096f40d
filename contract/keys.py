"""Signing keys and rings of public keys, each with name, role, suite, epoch and term.

Standard library and `cryptography` only: notes and the offline verifier read keys from here. Which key
exists, who holds it and what its loss means is written in `docs/design/keys.md`.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from contract.clock import parse_stamp, stamp
from contract.durable_file import write_new

SUITE = "ed25519"
Role = Literal["edge", "centre", "witness"]
ROLES: tuple[Role, ...] = ("edge", "centre", "witness")


class KeyFileError(Exception):
    """A key file cannot be used; the text names the file and what to do."""


class BadKeyTable(ValueError):
    """A table of public keys is not in the form of `PublicKey.as_dict`."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key of one holder (`name` as in its certificate) in one epoch; valid in [`from_`, `until`)."""

    name: str
    role: Role
    epoch: int
    public: bytes
    from_: datetime
    until: datetime | None = None
    suite: str = SUITE

    @property
    def id(self) -> str:
        """The key's name in envelopes: `centre-1`."""
        return f"{self.name}-{self.epoch}"

    def valid_at(self, instant: datetime) -> bool:
        """True inside the key's term."""
        return self.from_ <= instant and (self.until is None or instant < self.until)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """True when `signature` is this key's over `message`; False for anything else, any other suite."""
        if self.suite != SUITE:
            return False
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def as_dict(self) -> dict[str, Any]:
        """The form of `trust.json`, `keys.json` and the `trust` document."""
        return {
            "name": self.name, "role": self.role, "suite": self.suite, "epoch": self.epoch,
            "public": base64.b64encode(self.public).decode("ascii"),
            "from": stamp(self.from_), "until": None if self.until is None else stamp(self.until),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> "PublicKey":
        """Inverse of `as_dict`; raises BadKeyTable."""
        try:
            if row["role"] not in ROLES:
                raise BadKeyTable(f"role {row['role']!r}")
            public = base64.b64decode(row["public"], validate=True)
            until = None if row.get("until") is None else parse_stamp(row["until"])
            key = cls(
                name=_text(row["name"]), role=cast("Role", row["role"]), epoch=int(row["epoch"]), public=public,
                from_=parse_stamp(row["from"]), until=until, suite=_text(row["suite"]),
            )  # fmt: skip
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise BadKeyTable(f"public key: {error!r}") from error
        if key.suite == SUITE and len(public) != 32:
            raise BadKeyTable(f"{key.id}: an Ed25519 public key has 32 bytes")
        return key


def _text(value: object) -> str:
    """As text that can be hashed and shown: half a surrogate pair is a ValueError."""
    text = str(value)
    text.encode()
    return text


class KeyRing:
    """Public keys that one party trusts. Never holds a private key."""

    def __init__(self, keys: Iterable[PublicKey] = ()) -> None:
        self._keys = {key.id: key for key in keys}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> "KeyRing":
        """From `{"keys": [...]}`: `trust.json`, `keys.json`, the `trust` document. Raises BadKeyTable."""
        rows = table.get("keys")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise BadKeyTable("no list of keys")
        return cls(PublicKey.from_dict(row) for row in rows)

    def as_table(self) -> dict[str, Any]:
        """The form of `trust.json`, keys in order of id."""
        return {"keys": [self._keys[key].as_dict() for key in sorted(self._keys)]}

    def find(self, key_id: str) -> PublicKey | None:
        """The key of that id, or None."""
        return self._keys.get(key_id)

    def only(self, *roles: Role) -> "KeyRing":
        """The keys of these roles: a receipt is opened with `ring.only("centre")`."""
        return KeyRing(key for key in self._keys.values() if key.role in roles)

    def all(self) -> tuple[PublicKey, ...]:
        """Every key, in order of id."""
        return tuple(self._keys[key] for key in sorted(self._keys))


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key of one holder in one epoch; `name` as in its certificate (`V01.edge`)."""

    name: str
    epoch: int
    private: Ed25519PrivateKey

    @classmethod
    def generate(cls, name: str, epoch: int = 1) -> "SigningKey":
        """A new random key."""
        return cls(name, epoch, Ed25519PrivateKey.generate())

    @property
    def id(self) -> str:
        """The key's name in envelopes: `centre-1`."""
        return f"{self.name}-{self.epoch}"

    @property
    def public(self) -> bytes:
        """The 32 raw bytes of the public key."""
        return self.private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """64 bytes; every caller prefixes its message with its own purpose."""
        return self.private.sign(message)

    def describe(self, role: Role, from_: datetime, until: datetime | None = None) -> PublicKey:
        """The public half, as others hold it."""
        return PublicKey(self.name, role, self.epoch, self.public, from_, until)

    def save(self, path: Path) -> None:
        """Write PKCS#8 PEM with mode 0600, durably. FileExistsError rather than overwriting a key."""
        pem = self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_new(path, pem)

    @classmethod
    def load(cls, path: Path, name: str, epoch: int = 1) -> "SigningKey":
        """Read PEM. Raises KeyFileError when absent, readable by others, or not an Ed25519 key."""
        try:
            mode = path.stat().st_mode
            data = path.read_bytes()
        except OSError as error:
            raise KeyFileError(f"{path}: cannot be read ({error.strerror})") from error
        if mode & 0o077:
            raise KeyFileError(f"{path}: others may read it; run chmod 600")
        try:
            private = load_pem_private_key(data, password=None)
        except (ValueError, TypeError) as error:
            raise KeyFileError(f"{path}: not a PEM private key") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise KeyFileError(f"{path}: not an Ed25519 key")
        return cls(name, epoch, private)
