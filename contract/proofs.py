"""The proof files of one session: notes, inclusion and consistency proofs, keys. Standard library +
cryptography.

The centre's archive calls `session_proofs` with its ledger of a venue and every note it holds; the result
goes into the bag under `data/proof/VENUE/` as it is. The forms are specified in `docs/design/proof.md`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from contract.chain import read_record
from contract.keys import KeyRing, Role
from contract.notes import BadNote, attestations, merge, origin, parse_checkpoint, parse_note
from contract.package import CONSISTENCY, INCLUSION, KEYS, VERSION, checkpoint_name
from contract.tree import Tree, leaf_hash

COSIGNERS: tuple[Role, ...] = ("centre", "witness")


class NotProven(Exception):
    """The session cannot be proved yet; `key` says why, `params` what is missing."""

    def __init__(self, key: str, **params: Any) -> None:
        super().__init__(f"{key} {params}")
        self.key, self.params = key, params


@dataclass(frozen=True, slots=True)
class _Head:
    size: int
    root: bytes
    note: str


def session_proofs(
    records: Sequence[bytes],
    session: str,
    notes: Iterable[str],
    keys: KeyRing,
    cosigners: Sequence[Role] = COSIGNERS,
) -> dict[str, bytes]:
    """File name (relative to `data/proof/VENUE/`) to bytes.

    `records`: the venue's ledger from seq 1 on, without holes, at least up to the proving checkpoint.
    `notes`: signed notes in any order; those of one text are merged. The proving checkpoint is the smallest
    that covers the session's last fact and is signed by the edge and by every role in `cosigners` under
    `keys`. Raises NotProven: `proof.not_closed`, `proof.not_covered`, `proof.not_cosigned`,
    `proof.root_differs`.
    """
    facts = session_facts(records, session)
    if not facts or facts[-1][1]["kind"] != "session_closed":
        raise NotProven("proof.not_closed", session=session)
    first, last, venue = facts[0][1]["seq"], facts[-1][1]["seq"], facts[0][1]["venue"]
    heads = _heads(notes, venue)
    final = _proving(heads, last, keys, cosigners)
    tree = Tree(leaf_hash(data) for data in records[: final.size])
    chosen = [head for head in heads if first <= head.size <= final.size]
    _same_roots(tree, chosen)
    files = {checkpoint_name(head.size): head.note.encode() for head in chosen}
    files[INCLUSION] = _json(_inclusion(tree, [fact["seq"] for _, fact in facts], final))
    files[CONSISTENCY] = _json(_consistency(tree, chosen))
    files[KEYS] = _json(keys.as_table())
    return files


def session_facts(records: Iterable[bytes], session: str) -> list[tuple[bytes, Mapping[str, Any]]]:
    """(bytes, parsed) of a session's records, in order: the lines of `data/journal/VENUE.jsonl`."""
    marker = json.dumps(session).encode()
    found = ((data, read_record(data)) for data in records if marker in data)
    return [(data, fact) for data, fact in found if fact.get("session") == session]


def _heads(notes: Iterable[str], venue: str) -> list[_Head]:
    """One head a text, lines merged, in order of size; unreadable notes and other logs' are left out."""
    by_text: dict[str, list[str]] = {}
    for note in notes:
        try:
            by_text.setdefault(parse_note(note).text, []).append(note)
        except BadNote:
            continue
    heads = []
    for text, same in by_text.items():
        try:
            checkpoint = parse_checkpoint(text)
        except BadNote:
            continue
        if checkpoint.origin == origin(venue):
            heads.append(_Head(checkpoint.size, checkpoint.root, merge(same)))
    return _one_a_size(heads)


def _one_a_size(heads: list[_Head]) -> list[_Head]:
    """Of several notes of one size (stated at two times) the one with most signatures stays."""
    best: dict[int, _Head] = {}
    for head in heads:
        kept = best.get(head.size)
        if kept is None or head.note.count("\n") > kept.note.count("\n"):
            best[head.size] = head
    return [best[size] for size in sorted(best)]


def _proving(heads: Sequence[_Head], last: int, keys: KeyRing, cosigners: Sequence[Role]) -> _Head:
    covering = [head for head in heads if head.size >= last]
    if not covering:
        raise NotProven("proof.not_covered", seq=last)
    wanted: set[str] = {"edge", *cosigners}
    missing = wanted
    for head in covering:
        missing = wanted - _signers(head.note, keys)
        if not missing:
            return head
    raise NotProven("proof.not_cosigned", size=covering[-1].size, missing=sorted(missing))


def _signers(note: str, keys: KeyRing) -> set[str]:
    good, _ = attestations(parse_note(note), keys.all())
    return {a.key.role for a in good if a.cosignature == (a.key.role != "edge")}


def _same_roots(tree: Tree, heads: Sequence[_Head]) -> None:
    for head in heads:
        if head.size > tree.size or tree.root(head.size) != head.root:
            raise NotProven("proof.root_differs", size=head.size)


def _inclusion(tree: Tree, seqs: Sequence[int], final: _Head) -> dict[str, Any]:
    rows = [
        {"seq": seq, "hash": tree.leaf(seq - 1).hex(), "path": _hex(tree.inclusion(seq - 1, final.size))}
        for seq in seqs
    ]
    return {"v": VERSION, "size": final.size, "root": final.root.hex(), "facts": rows}


def _consistency(tree: Tree, heads: Sequence[_Head]) -> dict[str, Any]:
    rows = [
        {"from": old.size, "to": new.size, "path": _hex(tree.consistency(old.size, new.size))}
        for old, new in pairwise(heads)
    ]
    return {"v": VERSION, "proofs": rows}


def _hex(path: Iterable[bytes]) -> list[str]:
    return [part.hex() for part in path]


def _json(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode() + b"\n"
