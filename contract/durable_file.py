"""Files that are whole or not there, also after a power cut. Standard library only."""

import os
import tempfile
from pathlib import Path


def write_new(path: Path, data: bytes) -> None:
    """Make a secret's file, mode 0600. FileExistsError rather than overwriting one."""
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".new")
    try:
        _write(handle, data)
        os.link(fresh, path)
    finally:
        Path(fresh).unlink()
    sync_folder(path.parent)


def replace_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Put new contents in place at once: a reader sees the old file or the new. One writer a file."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    _write(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), data)
    fresh.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(handle: int, data: bytes) -> None:
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
