"""The evidence store: whole segments under their sha256, taken in once, never changed (flow 7)."""

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import NotFoundError
from obstore.store import LocalStore

_HASH = re.compile(r"[0-9a-f]{64}")


class WrongHash(ValueError):
    """The bytes that came are not those of the name they came under."""


class EvidenceStore:
    """One interface for a local folder and, at scale, an S3-compatible store (obstore)."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._store: Any = LocalStore(prefix=str(folder), automatic_cleanup=True)

    def holds(self, sha256: str) -> bool:
        """Is a segment of this hash here?"""
        return self._size(sha256) is not None

    def put(self, sha256: str, chunks: Iterator[bytes]) -> int:
        """Take a segment in; its size. Idempotent. Raises WrongHash, and then nothing of it stays."""
        kept = self._size(sha256)
        if kept is not None:
            return kept
        incoming, digest = f"incoming/{secrets.token_hex(16)}", hashlib.sha256()
        obstore.put(self._store, incoming, _hashed(chunks, digest))
        if digest.hexdigest() != sha256:
            obstore.delete(self._store, incoming)
            raise WrongHash(sha256)
        self._sync(incoming)
        obstore.rename(self._store, incoming, _name(sha256))
        self._sync(_name(sha256))
        size = self._size(sha256)
        assert size is not None, "it was just put"
        return size

    def path(self, sha256: str) -> Path:
        """Where the segment lies on this machine; KeyError when it does not."""
        if not self.holds(sha256):
            raise KeyError(sha256)
        return self._folder / _name(sha256)

    def _size(self, sha256: str) -> int | None:
        try:
            return int(obstore.head(self._store, _name(sha256))["size"])
        except NotFoundError:
            return None
        except FileNotFoundError:
            return None

    def _sync(self, name: str) -> None:
        """File and folder on disk before anybody is told that it is here (I-10's order)."""
        for path in (self._folder / name, (self._folder / name).parent):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _name(sha256: str) -> str:
    if not _HASH.fullmatch(sha256):
        raise WrongHash(sha256)
    return f"sha256/{sha256[:2]}/{sha256}"


def _hashed(chunks: Iterator[bytes], digest: Any) -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
