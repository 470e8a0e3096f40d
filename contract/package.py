"""Names inside the project's package (a BagIt bag) and what goes where. Standard library only.

The centre composes with these names, the offline verifier looks for them; the page for a stranger is
`docs/design/proof.md`. Paths are relative to the bag and use `/`.
"""

import re
from collections.abc import Mapping
from typing import Any

VERSION = 1
DECLARATION = "bagit.txt"
BAG_INFO = "bag-info.txt"
MANIFEST = "manifest-sha256.txt"
TAG_MANIFEST = "tagmanifest-sha256.txt"
STATEMENT = "statement.json"
"""The centre's signed envelope over `composed`: a tag file, so that the catalogue it signs need not list it."""

COMPOSED = "package_composed"

DATA = "data/"
CATALOGUE = "data/catalogue.json"
COMPLETENESS = "data/completeness.json"
JOURNAL = "data/journal/"
RECORDINGS = "data/recordings/"
DOCUMENTS = "data/documents/"
PROOF = "data/proof/"

INCLUSION, CONSISTENCY, KEYS = "inclusion.json", "consistency.json", "keys.json"
"""Proof files of a venue in `data/proof/VENUE/`, beside `checkpoints/SIZE.note`, `timestamps/SIZE.tsr`."""

TRUST_FILE = "trust.json"
"""In the folder given to `--trust`: `{"keys": [...]}` in the form of `keys.PublicKey.as_dict`."""

_VENUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")
_START = re.compile(r"\d{8}T\d{6}\.\d{6}Z\.(mp4|mov)")


class BadName(ValueError):
    """A name that may not stand in a package."""


def journal_path(venue: str) -> str:
    """The session's facts of a venue, one canonical record a line."""
    return f"{JOURNAL}{_id(venue)}.jsonl"


def recording_path(venue: str, camera: str, file: str) -> str:
    """Where a segment goes: only the last part of the fact's `file` is kept. Raises BadName."""
    name = file.rsplit("/", 1)[-1]
    if not _START.fullmatch(name):
        raise BadName(f"segment file {file!r}")
    return f"{RECORDINGS}{_id(venue)}/{_id(camera)}/{name}"


def proof_path(venue: str, name: str) -> str:
    """A proof file of a venue."""
    return f"{PROOF}{_id(venue)}/{name}"


def checkpoint_name(size: int) -> str:
    """`checkpoints/000000001234.note`: sorted names are in order of size."""
    return f"checkpoints/{size:012d}.note"


def journal_venue(path: str) -> str | None:
    """The venue whose journal this path is, or None."""
    if not (path.startswith(JOURNAL) and path.endswith(".jsonl")):
        return None
    venue = path[len(JOURNAL) : -len(".jsonl")]
    return venue if _VENUE.fullmatch(venue) else None


def kind_of(path: str) -> str | None:
    """The catalogue kind of a payload path, or None for the catalogue itself and strangers."""
    folders = {JOURNAL: "journal", RECORDINGS: "recording", DOCUMENTS: "document", PROOF: "proof"}
    if path == COMPLETENESS:
        return "completeness"
    return next((kind for folder, kind in folders.items() if path.startswith(folder)), None)


def completeness(session: str, venues: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """`completeness.json`: a venue has `{"edge": statement, "centre": statement, "differences": [path]}`."""
    return {"v": VERSION, "session": session, "venues": {venue: dict(row) for venue, row in venues.items()}}


def catalogue(session: str, project: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """`catalogue.json`: one item for every other payload file, in order of path.

    An item: `path, kind` (of `kind_of`), `title_key, from, until` (stamps or null), `term` (`{months, source}` or null;
    with `years` where they are whole), `bytes, sha256`.
    """
    ordered = sorted(items, key=lambda item: str(item["path"]))
    return {"v": VERSION, "session": session, "project": project, "items": ordered}


def composed(session: str, project: str, catalogue_sha256: str, composed_at: str) -> dict[str, Any]:
    """What the centre signs (class `statement`) when it composes a package; `composed_at` is a stamp."""
    return {
        "v": VERSION, "kind": COMPOSED, "session": session, "project": project,
        "catalogue_sha256": catalogue_sha256, "composed_at": composed_at, "package_version": VERSION,
    }  # fmt: skip


def _id(text: str) -> str:
    if not _VENUE.fullmatch(text):
        raise BadName(f"id {text!r}")
    return text
