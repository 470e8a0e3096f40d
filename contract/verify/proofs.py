"""Notes, keys, consistency and inclusion: is what the journal says what was signed at the time? (keeps I-8)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from contract.chain import fact_hash
from contract.clock import stamp, to_us
from contract.completeness import second_of
from contract.keys import BadKeyTable, KeyRing, PublicKey
from contract.notes import (
    Attested,
    BadNote,
    Checkpoint,
    Note,
    attestations,
    origin,
    parse_checkpoint,
    parse_note,
)
from contract.package import CONSISTENCY, INCLUSION, KEYS, VERSION, checkpoint_name, proof_path
from contract.tree import verify_consistency, verify_inclusion
from contract.verify.bag import Bag, Unreadable, read, read_json
from contract.verify.findings import Finding
from contract.verify.journal import Journal

_HASH = re.compile(r"[0-9a-f]{64}")
_WITHIN_SECOND = timedelta(microseconds=999_999)


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint in the package, with who signed it."""

    path: str
    checkpoint: Checkpoint
    signed: tuple[Attested, ...]

    @property
    def second(self) -> str:
        """The second it was made in."""
        return second_of(to_us(self.checkpoint.time))


def check_proofs(bag: Bag, journal: Journal, trusted: KeyRing | None) -> Iterator[Finding]:
    """Everything under `data/proof/VENUE/`. Without trusted keys the package's own are used."""
    venue = journal.venue
    findings: list[Finding] = []
    own = _own_keys(bag, venue, findings)
    ring = own if trusted is None else trusted
    findings += _differing(venue, own, trusted)
    heads = _heads(bag, venue, ring, findings)
    table = _table(bag, proof_path(venue, INCLUSION), findings)
    findings += _consistency(bag, venue, heads)
    if table is not None:
        findings += _inclusion(journal, heads, table)
    yield from findings


def packed_keys(bag: Bag, venues: Iterable[str]) -> KeyRing:
    """The package's own keys of these venues, for a reader who trusts none. `check_proofs` tells what is wrong."""
    return KeyRing(key for venue in venues for key in _own_keys(bag, venue, []).all())


def _own_keys(bag: Bag, venue: str, findings: list[Finding]) -> KeyRing:
    path = proof_path(venue, KEYS)
    table = _table(bag, path, findings)
    try:
        return KeyRing.from_table(table) if table is not None else KeyRing()
    except BadKeyTable as error:
        findings.append(Finding(path, "proof.unreadable", params={"detail": str(error)}))
        return KeyRing()


def _differing(venue: str, own: KeyRing, trusted: KeyRing | None) -> Iterator[Finding]:
    """Keys of the package that bear a trusted name and are not that key."""
    for key in own.all():
        known = None if trusted is None else trusted.find(key.id)
        if known is not None and _as_used(known) != _as_used(key):
            yield Finding(proof_path(venue, KEYS), "keys.differ", params={"key": key.id})


def _as_used(key: PublicKey) -> tuple[object, ...]:
    """`until` may have been set since the package was made."""
    return key.public, key.role, key.suite, key.from_


def _heads(bag: Bag, venue: str, ring: KeyRing, findings: list[Finding]) -> list[Head]:
    folder = proof_path(venue, "checkpoints/")
    heads = []
    for path in sorted(name for name in bag.names() if name.startswith(folder)):
        try:
            note = parse_note(read(bag, path).decode("utf-8"))
            checkpoint = parse_checkpoint(note.text)
        except (Unreadable, BadNote, UnicodeDecodeError) as error:
            findings.append(Finding(path, "note.unreadable", params={"detail": str(error)}))
            continue
        good = _signatures(path, venue, note, checkpoint, ring, findings)
        heads.append(Head(path, checkpoint, tuple(good)))
    return sorted(heads, key=lambda head: head.checkpoint.size)


def _signatures(
    path: str, venue: str, note: Note, checkpoint: Checkpoint, ring: KeyRing, findings: list[Finding]
) -> list[Attested]:
    second = second_of(to_us(checkpoint.time))
    if path != proof_path(venue, checkpoint_name(checkpoint.size)):
        findings.append(Finding(path, "note.name", second, {"size": checkpoint.size}))
    if checkpoint.origin != origin(venue):
        params = {"found": checkpoint.origin, "expected": origin(venue)}
        findings.append(Finding(path, "note.origin", second, params))
    good, bad = attestations(note, ring.all())
    findings += [Finding(path, "note.signature_bad", second, {"name": s.name}) for s in bad]
    in_term = []
    for attested in good:
        at = checkpoint.time if attested.seconds is None else _instant(attested.seconds)
        if at is not None and _in_term(attested, at):
            in_term.append(attested)
        else:
            params = {"key": attested.key.id, "at": stamp(at) if at else str(attested.seconds)}
            findings.append(Finding(path, "note.key_term", second, params))
    if not any(_is_edge(a, venue) for a in in_term):
        findings.append(Finding(path, "note.unsigned", second, {"name": f"{venue}.edge"}))
    return in_term


def _is_edge(attested: Attested, venue: str) -> bool:
    key: PublicKey = attested.key
    return not attested.cosignature and key.role == "edge" and key.name == f"{venue}.edge"


def _in_term(attested: Attested, at: datetime) -> bool:
    """A cosignature's time is cut to whole seconds: any instant of that second may be the true one."""
    latest = at if attested.seconds is None else at + _WITHIN_SECOND
    return attested.key.valid_at(at) or attested.key.valid_at(latest)


def _instant(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _consistency(bag: Bag, venue: str, heads: list[Head]) -> Iterator[Finding]:
    path = proof_path(venue, CONSISTENCY)
    findings: list[Finding] = []
    table = _table(bag, path, findings)
    yield from findings
    proofs = _rows(table, "proofs", lambda row: (row["from"], row["to"])) if table is not None else {}
    for old, new in pairwise(heads):
        one, two = old.checkpoint, new.checkpoint
        params = {"old": one.size, "new": two.size}
        row = proofs.get((one.size, two.size))
        if row is None:
            yield Finding(path, "consistency.missing", new.second, params)
        elif not verify_consistency(one.size, two.size, one.root, two.root, _path(row)):
            yield Finding(path, "consistency.fails", new.second, params)


def _inclusion(journal: Journal, heads: list[Head], table: Mapping[str, Any]) -> Iterator[Finding]:
    path = proof_path(journal.venue, INCLUSION)
    size, root = table.get("size"), table.get("root")
    head = next((h for h in heads if (h.checkpoint.size, h.checkpoint.root.hex()) == (size, root)), None)
    if head is None:
        yield Finding(path, "inclusion.checkpoint", params={"size": size})
        return
    for role in ("centre", "witness"):
        if not any(_cosigns(a, role, journal.venue) for a in head.signed):
            yield Finding(head.path, "note.cosignature_missing", head.second, {"role": role})
    last = journal.lines[-1] if journal.lines else None
    if last is not None and last.fact["seq"] > head.checkpoint.size:
        params = {"size": head.checkpoint.size, "seq": last.fact["seq"]}
        yield Finding(path, "inclusion.not_covered", last.second, params)
    proofs = _rows(table, "facts", lambda row: row["seq"])
    for line in journal.lines:
        yield from _included(
            journal.path, path, line.data, line.fact["seq"], line.second, proofs, head.checkpoint
        )


def _included(
    journal: str, path: str, data: bytes, seq: int, second: str, proofs: Mapping[Any, Any], head: Checkpoint
) -> Iterator[Finding]:
    row = proofs.get(seq)
    if row is None:
        yield Finding(path, "inclusion.missing", second, {"seq": seq})
        return
    leaf = fact_hash(data)
    holds = verify_inclusion(bytes.fromhex(leaf), seq - 1, head.size, _path(row), head.root)
    if not holds or row.get("hash") != leaf:
        yield Finding(journal, "inclusion.fails", second, {"seq": seq})


def _cosigns(attested: Attested, role: str, venue: str) -> bool:
    """A witness must be this venue's; the centre may run under several names."""
    key = attested.key
    named = key.name == f"{venue}.witness" if role == "witness" else True
    return attested.cosignature and key.role == role and named


def _table(bag: Bag, path: str, findings: list[Finding]) -> dict[str, Any] | None:
    if path not in bag.names():
        findings.append(Finding(path, "proof.missing"))
        return None
    try:
        table = read_json(bag, path)
        if not path.endswith(f"/{KEYS}") and table.get("v") != VERSION:
            raise Unreadable(f"version {table.get('v')!r}")
        return table
    except Unreadable as error:
        findings.append(Finding(path, "proof.unreadable", params={"detail": str(error)}))
        return None


def _rows(table: Mapping[str, Any], name: str, key: Any) -> dict[Any, Any]:
    """Rows of a proof table by key; rows of another form prove nothing and are left out."""
    rows = table.get(name)
    found = {}
    for row in rows if isinstance(rows, list) else ():
        try:
            found[key(row)] = row
        except (KeyError, TypeError):
            continue
    return found


def _path(row: Mapping[str, Any]) -> list[bytes]:
    """The hashes of a proof; one of wrong form becomes an empty hash, which no proof accepts."""
    path = row.get("path")
    if not isinstance(path, list) or not all(isinstance(p, str) and _HASH.fullmatch(p) for p in path):
        return [b""]
    return [bytes.fromhex(part) for part in path]
