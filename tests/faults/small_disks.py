"""Disks that are soon full, for a home of the stage: needs the right to mount."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path


@contextlib.contextmanager
def small_disks(home: Path, sizes_mb: Mapping[str, int]) -> Iterator[bool]:
    """Mount a small disk at each of these folders of the home; False where that is not allowed."""
    mounted: list[Path] = []
    try:
        for name, size in sizes_mb.items():
            folder = home / name
            folder.mkdir(parents=True, exist_ok=True)
            options = f"size={size}m,mode=700"
            command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
            if subprocess.run(command, capture_output=True, check=False).returncode:
                break
            mounted.append(folder)
        yield len(mounted) == len(sizes_mb)
    finally:
        for folder in mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def filled(folder: Path) -> Iterator[Path]:
    """Take all the room that the folder's disk has; given back at the end. Yields the file, to be filled up again."""
    filler = folder / "filler"
    fill(filler)
    try:
        yield filler
    finally:
        filler.unlink()


def fill(filler: Path) -> None:
    """Take what room there is (again)."""
    with filler.open("ab", buffering=0) as handle, contextlib.suppress(OSError):
        while True:
            handle.write(bytes(4096))
