"""The project's package as files: what goes in, its catalogue, the bag, the centre's statement (design §6).

No database in here.

`bagit` changes the working directory while it works, so it runs as a child process of its own.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from contract import package
from contract.canonical import canonical
from contract.clock import from_us, stamp
from contract.keys import KeyRing, SigningKey
from contract.signing import seal
from venue.archive.retention import Term

_BAG_TIMEOUT_S = 1800


class ComposingFailed(Exception):
    """The bag could not be made; the text says why."""


@dataclass(frozen=True, slots=True)
class Content:
    """A payload file: bytes at hand, or a stored segment to copy."""

    path: str
    data: bytes | Path
    span_us: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Packing:
    """Everything a package is made of, read before the work on disk begins."""

    session: str
    project: str
    title: str
    contents: Sequence[Content]
    terms: Mapping[str, Term]
    trust: KeyRing
    signing: SigningKey
    composed_at: datetime


def recordings(
    venue: str, facts: Sequence[Mapping[str, Any]], where: Mapping[str, Path]
) -> Iterator[Content]:
    """The session's segments that arrived, under their names in the package."""
    for fact in facts:
        body = fact["body"]
        if fact["kind"] == "segment_finalised" and body["sha256"] in where:
            path = package.recording_path(venue, body["camera"], body["file"])
            yield Content(path, where[body["sha256"]], (body["start_us"], body["end_us"]))


def compose(packing: Packing, folder: Path) -> Path:
    """Write `folder/package` (the bag) and `folder/trust/trust.json`; whatever lay there is replaced whole."""
    making = folder.with_name(f".making-{folder.name}")
    shutil.rmtree(making, ignore_errors=True)
    bag = making / "package"
    bag.mkdir(parents=True)
    items = [_place(bag, content, packing.terms) for content in packing.contents]
    catalogue = canonical(package.catalogue(packing.session, packing.project, items))
    _write(bag / _inside(package.CATALOGUE), catalogue)
    _bag(bag, packing)
    _add_tag_file(bag, package.STATEMENT, _statement(packing, catalogue))
    trust = making / "trust"
    trust.mkdir()
    _write(trust / package.TRUST_FILE, json.dumps(packing.trust.as_table(), indent=1).encode())
    _sync_tree(making)
    shutil.rmtree(folder, ignore_errors=True)
    making.rename(folder)
    return folder / "package"


def _inside(path: str) -> str:
    """The path as bagit wants it: it puts the payload under `data/` itself."""
    assert path.startswith(package.DATA), path
    return path.removeprefix(package.DATA)


def _place(bag: Path, content: Content, terms: Mapping[str, Term]) -> dict[str, Any]:
    target = bag / _inside(content.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content.data, Path):
        shutil.copyfile(content.data, target)
    else:
        target.write_bytes(content.data)
    return _item(content, target, terms)


def _item(content: Content, target: Path, terms: Mapping[str, Term]) -> dict[str, Any]:
    """A catalogue item; hash and size are of the file as it lies in the package."""
    kind = package.kind_of(content.path)
    span = content.span_us
    with target.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "path": content.path, "kind": kind, "title_key": f"archive.item.{kind}",
        "from": stamp(from_us(span[0])) if span else None, "until": stamp(from_us(span[1])) if span else None,
        "term": terms[str(kind)].as_item() if kind in terms else None,
        "bytes": target.stat().st_size, "sha256": sha256,
    }  # fmt: skip


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _bag(folder: Path, packing: Packing) -> None:
    command = [
        sys.executable, "-m", "bagit", "--quiet", "--sha256", "--source-organization", "Jianzheng",
        "--external-identifier", packing.project, "--internal-sender-identifier", packing.session,
        str(folder),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=_BAG_TIMEOUT_S, check=False)
    if done.returncode:
        raise ComposingFailed(done.stderr[-500:])


def _statement(packing: Packing, catalogue: bytes) -> bytes:
    """The centre vouches for the catalogue, and so for every file that it lists (keeps I-9)."""
    digest = hashlib.sha256(catalogue).hexdigest()
    fields = package.composed(packing.session, packing.project, digest, stamp(packing.composed_at))
    return canonical(seal("statement", fields, packing.signing))


def _add_tag_file(bag: Path, name: str, data: bytes) -> None:
    """A file beside the manifests of a finished bag: bagit takes whatever lies there before for payload."""
    _write(bag / name, data)
    with (bag / package.TAG_MANIFEST).open("a", encoding="utf-8") as manifest:
        manifest.write(f"{hashlib.sha256(data).hexdigest()}  {name}\n")


def _sync_tree(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def verified(bag: Path, trust: Path) -> tuple[bool, list[dict[str, Any]]]:
    """What the offline verifier says, run as a stranger would run it. Raises ComposingFailed when it cannot run."""
    command = [sys.executable, "-m", "contract.verify.cli", str(bag), "--trust", str(trust), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_BAG_TIMEOUT_S, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError as error:
        raise ComposingFailed(done.stderr[-500:]) from error
    return done.returncode == 0 and bool(report["ok"]), list(report["findings"])
