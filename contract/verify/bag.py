"""A package as names and bytes: a folder or its zip. Reading never leaves the package and is bounded in memory."""

import hashlib
import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol

_CHUNK = 1 << 20
MAX_TEXT = 64 << 20
"""Largest JSON, note or journal that is read whole."""
_BROKEN = (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)


class NotAPackage(Exception):
    """PATH is neither a folder nor a zip: wrong use, not a finding."""


class Unreadable(Exception):
    """A member cannot be read whole; the text says why."""


class Stream:
    """A member being read. A broken member ends early and leaves the reason in `error`."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: str | None = None

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""
        try:
            return self._file.read(size)
        except _BROKEN as error:
            self.error = str(error) or type(error).__name__
            return b""


class Bag(Protocol):
    """What the checks need."""

    def names(self) -> list[str]:
        """Every file, sorted."""
        ...

    def bad_names(self) -> list[str]:
        """Names that may not stand in a package: links, absolute, upward or doubled ones."""
        ...

    def open_member(self, name: str) -> IO[bytes]:
        """Open a file of `names()`."""
        ...


class FolderBag:
    """A bag as a folder. Links are refused, not followed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        paths = sorted(p for p in root.rglob("*") if p.is_symlink() or not p.is_dir())
        self._bad = [p.relative_to(root).as_posix() for p in paths if p.is_symlink() or not p.is_file()]
        refused = set(self._bad)
        self._names = [n for p in paths if (n := p.relative_to(root).as_posix()) not in refused]

    def names(self) -> list[str]:
        """Every regular file."""
        return list(self._names)

    def bad_names(self) -> list[str]:
        """Links, sockets and the like."""
        return list(self._bad)

    def open_member(self, name: str) -> IO[bytes]:
        """Open for reading."""
        return (self._root / name).open("rb")


class ZipBag:
    """A bag as a zip; one folder around everything is allowed, as the BagIt page describes."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        members = self._zip.infolist()
        found = [info.filename for info in members if not info.is_dir()]
        times = Counter(found)
        # zipfile ends a name at its first NUL; other readers do not.
        cut = {info.filename for info in members if "\0" in info.orig_filename}
        self._bad = sorted(cut | {name for name in times if not _plain(name) or times[name] > 1})
        good = sorted(set(found) - set(self._bad))
        self._prefix = _wrapper(good)
        self._names = sorted(name[len(self._prefix) :] for name in good)

    def names(self) -> list[str]:
        """Every member that may stand in a package."""
        return list(self._names)

    def bad_names(self) -> list[str]:
        """Absolute, upward and doubled members."""
        return list(self._bad)

    def open_member(self, name: str) -> IO[bytes]:
        """Open for reading."""
        return self._zip.open(self._prefix + name)


def open_bag(path: Path) -> Bag:
    """The package at a path. Raises NotAPackage."""
    if path.is_dir():
        return FolderBag(path)
    if not path.is_file():
        raise NotAPackage(f"{path}: no such folder or zip")
    try:
        return ZipBag(path)
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise NotAPackage(f"{path}: neither a folder nor a zip ({error})") from error


@contextmanager
def reading(bag: Bag, name: str) -> Iterator[Stream]:
    """A stream over a member; Unreadable when it cannot even be opened."""
    try:
        file = bag.open_member(name)
    except (*_BROKEN, KeyError) as error:
        raise Unreadable(str(error)) from error
    with file:
        yield Stream(file)


def read(bag: Bag, name: str) -> bytes:
    """A whole member; Unreadable when broken or larger than MAX_TEXT."""
    with reading(bag, name) as stream:
        parts, size = [], 0
        while part := stream.read(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > MAX_TEXT:
                raise Unreadable(f"larger than {MAX_TEXT} bytes")
    if stream.error:
        raise Unreadable(stream.error)
    return b"".join(parts)


def read_json(bag: Bag, name: str) -> dict[str, Any]:
    """A JSON object; Unreadable for anything else."""
    try:
        value = json.loads(read(bag, name).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Unreadable("not a JSON object")
    return value


def measure(bag: Bag, name: str) -> tuple[int, str]:
    """(bytes, hex SHA-256) of a member; Unreadable when broken."""
    digest, size = hashlib.sha256(), 0
    with reading(bag, name) as stream:
        while part := stream.read(_CHUNK):
            digest.update(part)
            size += len(part)
    if stream.error:
        raise Unreadable(stream.error)
    return size, digest.hexdigest()


def _plain(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name and path.as_posix() == name


def _wrapper(names: list[str]) -> str:
    """The one folder around everything, with its slash, or nothing."""
    tops = {name.split("/", 1)[0] for name in names}
    if len(tops) == 1 and all("/" in name for name in names):
        return tops.pop() + "/"
    return ""
