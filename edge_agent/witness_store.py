"""What a witness must never forget: the last head it signed, its shares of draws, the table of keys.

Each value is a small file, replaced at once and synced before anybody is told (keeps I-8). No database.
"""

import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from contract.durable_file import replace_file
from contract.keys import BadKeyTable, KeyRing

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """A size and its root; size 0 before the first."""

    size: int = 0
    root: bytes = b""


@dataclass(frozen=True, slots=True)
class Share:
    """Our share of a draw. `commitments`: those it was revealed for, None while it was not."""

    draw: str
    pool_commitment: str
    share: str
    commitments: tuple[str, ...] | None = None


class WitnessStore:
    """Files below the witness's folder; safe from several threads."""

    def __init__(self, folder: Path) -> None:
        self._head_file, self._draws = folder / "head.json", folder / "draws"
        self._trust_file, self._refusals = folder / "trust.json", folder / "refusals.jsonl"
        self._lock = threading.Lock()
        self._draws.mkdir(parents=True, exist_ok=True, mode=0o700)

    def head(self) -> Head:
        """The last head signed."""
        if not self._head_file.exists():
            return Head()
        content = json.loads(self._head_file.read_text(encoding="ascii"))
        return Head(content["size"], bytes.fromhex(content["root"]))

    def keep_head(self, head: Head) -> None:
        """Durable before the signature leaves."""
        content = {"size": head.size, "root": head.root.hex()}
        replace_file(self._head_file, json.dumps(content).encode(), 0o600)

    def share(self, draw: str) -> Share | None:
        """Our share of a draw."""
        path = self._draw_file(draw)
        if not path.exists():
            return None
        row = json.loads(path.read_text(encoding="ascii"))
        revealed = row["commitments"]
        return Share(
            row["draw"], row["pool_commitment"], row["share"], None if revealed is None else tuple(revealed)
        )

    def keep_share(self, share: Share) -> None:
        """Durable before the commitment, or the share, leaves."""
        row = {
            "draw": share.draw, "pool_commitment": share.pool_commitment, "share": share.share,
            "commitments": None if share.commitments is None else list(share.commitments),
        }  # fmt: skip
        replace_file(self._draw_file(share.draw), json.dumps(row).encode(), 0o600)

    def trust(self, enrolled: KeyRing) -> KeyRing:
        """The newest table of keys: the `trust` document, else that of enrolment."""
        if not self._trust_file.exists():
            return enrolled
        try:
            return KeyRing.from_table(json.loads(self._trust_file.read_text(encoding="utf-8"))["table"])
        except (BadKeyTable, ValueError, KeyError) as error:
            # Fewer keys are believed than could be: nothing wrong passes, and the next document mends it.
            _log.error("trust_unreadable", file=str(self._trust_file), error=type(error).__name__)
            return enrolled

    def trust_serial(self) -> int:
        """Serial of the newest table; 0 for that of enrolment."""
        if not self._trust_file.exists():
            return 0
        return int(json.loads(self._trust_file.read_text(encoding="utf-8"))["serial"])

    def keep_trust(self, serial: int, table: dict[str, Any]) -> None:
        """Replace the table of keys; the caller verified it (keeps I-9)."""
        replace_file(self._trust_file, json.dumps({"serial": serial, "table": table}).encode())

    def note_refusal(self, row: dict[str, Any]) -> None:
        """Append to the witness's own record of what it would not do."""
        with self._lock, self._refusals.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def _draw_file(self, draw: str) -> Path:
        if not draw or len(draw) > 64 or not all(c.isalnum() or c == "-" for c in draw):
            raise ValueError("draw id")
        return self._draws / f"{draw}.json"
