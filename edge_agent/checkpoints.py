"""Checkpoints: the head of the journal as a signed note, every minute and at each close (keeps I-8).

The witness fetches the newest one with a proof that its own last head is a prefix; the centre's cosignature
comes with a receipt. Both are kept as facts, verified against our own tree first.
"""

from dataclasses import dataclass
from typing import Any, Literal

import structlog

from contract.envelope import FactDraft
from contract.notes import (
    BadNote,
    Checkpoint,
    attestations,
    origin,
    parse_note,
    read_note,
    sign_checkpoint,
)
from contract.signing import SigningKey
from edge_agent.alarms import Alarms
from edge_agent.inbox import Party, Record_
from edge_agent.journal import Journal

_log = structlog.get_logger(__name__)
By = Literal["centre", "witness"]


@dataclass(frozen=True, slots=True)
class Pending:
    """A checkpoint that waits for the witness, with the proof from the size it holds."""

    note: str
    consistency: tuple[str, ...]
    from_size: int

    def as_dict(self) -> dict[str, Any]:
        """The form of `GET /witness/pending`."""
        return {"note": self.note, "consistency": list(self.consistency), "from_size": self.from_size}


class Checkpoints:
    """Signs and keeps; engine thread only."""

    def __init__(
        self, party: Party, key: SigningKey, journal: Journal, record: Record_, alarms: Alarms
    ) -> None:
        self._party, self._key, self._journal = party, key, journal
        self._record, self._alarms = record, alarms
        signed = journal.of_kind("checkpoint_signed")
        self._latest = str(signed[-1].fact.body["note"]) if signed else None
        self._cosigned = {
            (r.fact.body["by"], r.fact.body["size"]) for r in journal.of_kind("checkpoint_cosigned")
        }

    def sign(self) -> str:
        """Sign the head as it stands and state it; returns the note."""
        size, root = self._journal.size, self._journal.root()
        checkpoint = Checkpoint(origin(self._party.venue), size, root, self._party.clock.now())
        note = sign_checkpoint(checkpoint, self._key)
        self._record([FactDraft("checkpoint_signed", {"size": size, "root": root.hex(), "note": note})])
        self._latest = note
        return note

    def pending(self, held: int) -> list[Pending]:
        """What the witness, whose last head has `held` facts, has not cosigned yet."""
        if self._latest is None:
            return []
        size = read_note(self._latest).size
        if ("witness", size) in self._cosigned or held > size:
            return []
        proof = self._journal.consistency(held, size)
        return [Pending(self._latest, tuple(part.hex() for part in proof), held)]

    def cosigned(self, note: str, by: By) -> bool:
        """Keep a cosignature that verifies and covers our own tree; True when it is new."""
        try:
            checkpoint = read_note(note)
            keys = self._party.keys().only(by).all()
            good, _ = attestations(parse_note(note), keys)
        except BadNote as error:
            _log.warning("cosignature_refused", by=by, reason=str(error))
            return False
        if not any(found.cosignature for found in good):
            _log.warning("cosignature_refused", by=by, reason="not_verified")
            return False
        if checkpoint.size > self._journal.size or checkpoint.root != self._journal.root(checkpoint.size):
            self._alarms.raise_("cosigned_other_history", by, size=checkpoint.size)
            return False
        if (by, checkpoint.size) in self._cosigned:
            return False
        self._cosigned.add((by, checkpoint.size))
        self._record([FactDraft("checkpoint_cosigned", {"size": checkpoint.size, "by": by, "note": note})])
        return True
