"""Judging an edge's checkpoint against the ledger, and cosigning it (keeps I-8).

The root is recomputed from what the ledger holds; a checkpoint that differs is never cosigned.
"""

from datetime import datetime

from sqlmodel import Session, col, select

from contract.keys import BadKeyTable, PublicKey, SigningKey
from contract.notes import BadNote, Checkpoint, attestations, cosign, origin, parse_checkpoint, parse_note
from contract.tree import Tree
from venue.edge_link.facts import FactRecord
from venue.edge_link.tables import Checkpoint as CosignedCheckpoint
from venue.edge_link.tables import Party


class CheckpointRefused(Exception):
    """The checkpoint does not state what the ledger holds; the text is the reason's key."""


def judge(fact: FactRecord, party: Party, tree: Tree) -> tuple[Checkpoint, str]:
    """The checkpoint of a `checkpoint_signed` fact and its note, or CheckpointRefused."""
    try:
        note = str(fact.body["note"])
        parsed = parse_note(note)
        checkpoint = parse_checkpoint(parsed.text)
        key = PublicKey.from_dict(party.signing_key)
    except (KeyError, BadNote, BadKeyTable) as error:
        raise CheckpointRefused("malformed") from error
    good, _ = attestations(parsed, [key])
    if not any(one.key == key and not one.cosignature for one in good):
        raise CheckpointRefused("signature")
    if checkpoint.origin != origin(fact.venue):
        raise CheckpointRefused("origin")
    if fact.body.get("size") != checkpoint.size or fact.body.get("root") != checkpoint.root.hex():
        raise CheckpointRefused("body")
    if checkpoint.size > tree.size:
        raise CheckpointRefused("ahead")
    if tree.root(checkpoint.size) != checkpoint.root:
        raise CheckpointRefused("root")
    return checkpoint, note


def add_cosignature(note: str, key: SigningKey, at: datetime) -> str:
    """The note with the centre's line."""
    return cosign(note, key, at)


def newest(db: Session, edge: str) -> CosignedCheckpoint | None:
    """The highest checkpoint of an edge that the centre cosigned."""
    query = select(CosignedCheckpoint).where(CosignedCheckpoint.edge == edge)
    return db.exec(query.order_by(col(CosignedCheckpoint.size).desc()).limit(1)).first()
