"""Personal data at rest: AES-256-GCM over padded records, keyed indexes to find by, age for the notifier (I-14).

The keys lie beside the database's folder, never in it: `register.key` (32 bytes) and `notifier.age` (an age identity).
"""

import contextlib
import functools
import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pyrage import DecryptError, x25519
from pyrage import decrypt as age_decrypt
from pyrage import encrypt as age_encrypt

from contract.durable_file import write_new
from venue.experts.settings import expert_settings
from venue.settings import Settings

RECORD_BYTES = 1024
PHOTO_BYTES = 96 * 1024
_NONCE = 12
_KEY = 32


class VaultError(Exception):
    """A key file cannot be used, or stored data does not open with it; the text names what, never the data."""


@dataclass(frozen=True, slots=True)
class Person:
    """What the register keeps of a person. Never logged, never in an audit row."""

    name: str
    id_number: str
    phone: str
    employer: str = ""


class Vault:
    """Opens and closes the register; holds its keys in memory."""

    def __init__(self, register_key: bytes, notifier: x25519.Identity) -> None:
        self._seal = AESGCM(_derived(register_key, b"jianzheng-register-seal-v1"))
        self._index = _derived(register_key, b"jianzheng-register-index-v1")
        self._notifier = notifier

    def close(self, person_id: str, person: Person) -> bytes:
        """Ciphertext of one size for every person, bound to the row it stands in."""
        text = json.dumps(
            {"name": person.name, "id_number": person.id_number, "phone": person.phone,
             "employer": person.employer}, ensure_ascii=False,
        ).encode()  # fmt: skip
        return self._closed(person_id, b"person", text, RECORD_BYTES)

    def open(self, person_id: str, sealed: bytes) -> Person:
        """Inverse of `close`; raises VaultError."""
        fields = json.loads(self._opened(person_id, b"person", sealed))
        return Person(fields["name"], fields["id_number"], fields["phone"], fields["employer"])

    def close_photo(self, person_id: str, jpeg: bytes) -> bytes:
        """Ciphertext of a photo, one size for all; ValueError above PHOTO_BYTES - 4."""
        return self._closed(person_id, b"photo", len(jpeg).to_bytes(4, "big") + jpeg, PHOTO_BYTES)

    def open_photo(self, person_id: str, sealed: bytes) -> bytes:
        """Inverse of `close_photo`; raises VaultError."""
        data = self._opened(person_id, b"photo", sealed)
        return data[4 : 4 + int.from_bytes(data[:4], "big")]

    def index(self, field: str, value: str) -> str:
        """Keyed hash to find an equal value by; tells nothing without the key."""
        text = f"{field}\n{value.strip().upper()}".encode()
        return hmac.new(self._index, text, hashlib.sha256).hexdigest()

    def seal_to_notifier(self, plain: bytes) -> bytes:
        """Age to the notifier's own key."""
        return bytes(age_encrypt(plain, [self._notifier.to_public()]))

    def open_as_notifier(self, sealed: bytes) -> bytes:
        """In memory only; raises VaultError."""
        try:
            return bytes(age_decrypt(sealed, [self._notifier]))
        except DecryptError as error:
            raise VaultError("the sealed record does not open with notifier.age") from error

    def _closed(self, person_id: str, what: bytes, text: bytes, size: int) -> bytes:
        if len(text) > size:
            raise ValueError(f"{what.decode()} is longer than {size} bytes")
        nonce = secrets.token_bytes(_NONCE)
        # Spaces: JSON ignores them, and a photo carries its own length.
        return nonce + self._seal.encrypt(nonce, text.ljust(size), what + person_id.encode())

    def _opened(self, person_id: str, what: bytes, sealed: bytes) -> bytes:
        try:
            return self._seal.decrypt(sealed[:_NONCE], sealed[_NONCE:], what + person_id.encode())
        except InvalidTag as error:
            raise VaultError(f"{what.decode()} of {person_id} does not open with register.key") from error


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(SHA256(), _KEY, None, purpose).derive(key)


_making = threading.Lock()


def vault_of(settings: Settings) -> Vault:
    """The vault of this centre, read once a process. Raises VaultError."""
    folder = settings.under_home(expert_settings(settings).keys_folder)
    with _making:
        return _kept(folder)


@functools.cache
def _kept(folder: Path) -> Vault:
    return open_vault(folder)


def open_vault(folder: Path) -> Vault:
    """The vault of the key files in `folder`; missing ones are made (0600). Raises VaultError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    register = _read_or_make(folder / "register.key", lambda: secrets.token_bytes(_KEY))
    if len(register) != _KEY:
        raise VaultError(f"{folder / 'register.key'}: must hold 32 bytes")
    identity = _read_or_make(folder / "notifier.age", _new_identity)
    return Vault(register, x25519.Identity.from_str(identity.decode().strip()))


def _new_identity() -> bytes:
    return f"{x25519.Identity.generate()}\n".encode()


def _read_or_make(path: Path, make: Any) -> bytes:
    if not path.exists():
        # Another process may have made it meanwhile: its key is the key.
        with contextlib.suppress(FileExistsError):
            write_new(path, make())
    if path.stat().st_mode & 0o077:
        raise VaultError(f"{path}: others may read it; run chmod 600")
    return path.read_bytes()


def padded_json(value: Mapping[str, Any], size: int) -> bytes:
    """UTF-8 JSON filled with spaces to `size` bytes, which JSON readers ignore; ValueError when it is longer."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    if len(text) > size:
        raise ValueError(f"{len(text)} bytes do not fit {size}")
    return text.ljust(size)
