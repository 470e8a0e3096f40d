"""What a witness decides: does a head only grow, may a roster be opened now, what share does a draw get.

Pure but for its store. A refusal is an exception with a key; the caller records it and tells the edge.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyrage
from pydantic import ValidationError

from contract.clock import Clock, parse_stamp
from contract.documents import Document, Roster
from contract.keys import KeyRing
from contract.notes import BadNote, attestations, cosign, origin, parse_checkpoint, parse_note
from contract.signing import SigningError, open_
from contract.tree import verify_consistency
from edge_agent.keys import Keys
from edge_agent.witness_store import Head, Share, WitnessStore

_SHARE_PREFIX = b"jianzheng-draw-share-v1\n"
HOLDER = "witness"


class Refused(Exception):
    """The witness will not; the text is a key."""


@dataclass(frozen=True, slots=True)
class Witness:
    """One witness of one venue."""

    venue: str
    keys: Keys
    ring: Callable[[], KeyRing]
    store: WitnessStore
    clock: Clock

    def cosign(self, note: str, consistency: list[str], from_size: int) -> str | None:
        """The note with our line, or None when we signed this very head before. Raises Refused (keeps I-8)."""
        head = self.store.head()
        try:
            parsed = parse_note(note)
            checkpoint = parse_checkpoint(parsed.text)
            proof = [bytes.fromhex(part) for part in consistency]
        except (BadNote, ValueError) as error:
            raise Refused("malformed") from error
        if checkpoint.origin != origin(self.venue):
            raise Refused("other_venue")
        good, _ = attestations(parsed, self.ring().only("edge").all())
        if not any(not found.cosignature for found in good):
            raise Refused("not_signed_by_edge")
        if checkpoint.size < head.size:
            raise Refused("head_shrank")
        if from_size != head.size and checkpoint.size != head.size:
            raise Refused("proof_from_other_size")
        if head.size and not verify_consistency(
            head.size,
            checkpoint.size,
            head.root,
            checkpoint.root,
            proof if checkpoint.size > head.size else [],
        ):
            raise Refused("history_rewritten")
        self.store.keep_head(Head(checkpoint.size, checkpoint.root))
        return cosign(note, self.keys.signing, self.clock.now())

    def open_roster(self, envelope: Mapping[str, Any]) -> tuple[str, bytes]:
        """(sitting, inner blob): our layer opened, only inside the window of the signed document (keeps I-14)."""
        now = self.clock.now()
        try:
            payload = open_("document", envelope, self.ring().only("centre"), at=now)
            document = Document.read(payload)
            roster = Roster.read(document.body)
            sealed = base64.b64decode(roster.sealed, validate=True)
        except SigningError as error:
            raise Refused("not_signed_by_centre") from error
        except (ValidationError, binascii.Error, ValueError) as error:
            raise Refused("malformed") from error
        if document.venue != self.venue or document.kind != "roster":
            raise Refused("other_venue")
        if not parse_stamp(roster.checkin_opens_at) <= now < parse_stamp(roster.ends_at):
            raise Refused("outside_window")
        try:
            return roster.sitting, self.keys.unseal(sealed)
        except pyrage.DecryptError as error:
            raise Refused("not_sealed_to_us") from error

    def commit(self, draw: str, pool_commitment: str) -> str:
        """Commitment of our share; the share is durable first, and one pool a draw."""
        known = self.store.share(draw)
        if known is None:
            known = Share(draw, pool_commitment, secrets.token_hex(32))
            self.store.keep_share(known)
        if known.pool_commitment != pool_commitment:
            raise Refused("other_pool")
        return commitment_of(draw, bytes.fromhex(known.share))

    def reveal(self, draw: str, commitments: list[str]) -> str:
        """Our share, once all commitments are there, ours among them, and for one set of them only."""
        known = self.store.share(draw)
        if known is None:
            raise Refused("no_such_draw")
        own = commitment_of(draw, bytes.fromhex(known.share))
        if len(commitments) != 3 or len(set(commitments)) != 3:
            raise Refused("commitments_missing")
        if not any(hmac.compare_digest(own, other) for other in commitments):
            raise Refused("own_commitment_missing")
        if known.commitments is not None and known.commitments != tuple(commitments):
            raise Refused("already_revealed")
        self.store.keep_share(replace(known, commitments=tuple(commitments)))
        return known.share

    def take_trust(self, envelope: Mapping[str, Any]) -> bool:
        """A new table of keys, signed by a key we believe already; a lower serial changes nothing (keeps I-9)."""
        try:
            payload = open_("document", envelope, self.ring().only("centre"), at=self.clock.now())
            document = Document.read(payload)
            KeyRing.from_table(document.body)
        except (SigningError, ValidationError, ValueError) as error:
            raise Refused("trust_not_believed") from error
        if document.venue != self.venue or document.kind != "trust":
            raise Refused("other_venue")
        if document.serial <= self.store.trust_serial():
            return False
        self.store.keep_trust(document.serial, document.body)
        return True


def commitment_of(draw: str, share: bytes) -> str:
    """SHA-256 over prefix, draw, holder and share, as hex."""
    return hashlib.sha256(_SHARE_PREFIX + draw.encode() + HOLDER.encode() + share).hexdigest()
