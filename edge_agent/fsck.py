"""`venue-edge fsck`: does the journal still say what it must? Numbered checks, read-only, also while the edge runs.

Each check names the seq, file or id at fault. Findings are keys with parameters; exit code 1 when there is one.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pysqlite3 as sqlite

from contract.chain import (
    GENESIS,
    BadRecord,
    check_chain,
    check_session_chain,
    fact_hash,
    read_record,
)
from contract.keys import KeyRing
from contract.notes import BadNote, attestations, parse_note, read_note
from contract.tree import Tree


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that does not hold; `at` says where (a seq, an id, a file)."""

    check: str
    key: str
    at: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Book:
    """Everything the checks read, loaded once."""

    rows: list[tuple[Any, ...]]
    """(seq, id, kind, session, session_seq, hash, data) in order of seq"""
    facts: list[dict[str, Any]]
    tree: Tree
    commands: list[tuple[Any, ...]]
    documents: list[tuple[Any, ...]]
    reports: list[tuple[Any, ...]]
    receipt: tuple[int, str] | None
    ring: KeyRing
    recordings: Path

    def of(self, *kinds: str) -> Iterator[dict[str, Any]]:
        """Facts of these kinds, in order."""
        return (fact for fact in self.facts if fact["kind"] in kinds)


def load(journal: Path, enrolled: KeyRing, recordings: Path) -> Book:
    """Read one consistent state. Raises sqlite.DatabaseError or OSError."""
    db = sqlite.connect(f"file:{journal}?mode=ro", uri=True, isolation_level=None)
    try:
        db.execute("BEGIN")
        rows = [tuple(row) for row in db.execute("SELECT * FROM fact ORDER BY seq")]
        tables = {
            name: [tuple(row) for row in db.execute(f"SELECT * FROM {name}")]  # noqa: S608 - our own names
            for name in ("command", "document", "report", "receipt")
        }
    finally:
        db.close()
    receipt = tables["receipt"][0] if tables["receipt"] else None
    return Book(
        rows, _readable(rows), Tree(hashlib.sha256(b"\0" + row[6]).digest() for row in rows),
        tables["command"], tables["document"], tables["report"],
        None if receipt is None else (receipt[1], receipt[2]), _ring(tables["document"], enrolled), recordings,
    )  # fmt: skip


def _ring(documents: list[tuple[Any, ...]], enrolled: KeyRing) -> KeyRing:
    """The keys of enrolment and those of the `trust` document in force."""
    keys = list(enrolled.all())
    for kind, _, _, _, envelope, _ in documents:
        if kind == "trust":
            payload = json.loads(json.loads(envelope)["signed"])
            keys += KeyRing.from_table(payload["body"]).all()
    return KeyRing(keys)


def _readable(rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    facts = []
    for row in rows:
        try:
            facts.append(read_record(row[6]))
        except BadRecord:
            continue
    return facts


def _rows_match(book: Book) -> Iterator[Finding]:
    """F1: every stored row says what its bytes say."""
    for seq, id_, kind, session, session_seq, hash_, data in book.rows:
        try:
            fact = read_record(data)
        except BadRecord:
            yield Finding("F1", "fsck.unreadable", str(seq))
            continue
        written = (seq, id_, kind, session, session_seq, hash_)
        read = tuple(fact.get(k) for k in ("seq", "id", "kind", "session", "session_seq"))
        if written != (*read, fact_hash(data)):
            yield Finding("F1", "fsck.row_differs", str(seq))


def _chain(book: Book) -> Iterator[Finding]:
    """F2: contiguous from 1, each naming its predecessor's hash (keeps I-7)."""
    if len(book.facts) != len(book.rows):
        return
    for broken in check_chain(row[6] for row in book.rows):
        yield Finding("F2", f"fsck.{broken.key}", str(broken.seq))


def _session_chains(book: Book) -> Iterator[Finding]:
    """F3: each session's facts are 1..n, chained; its close counts them and is the last."""
    sessions: dict[str, list[bytes]] = {}
    for row in book.rows:
        if row[3] is not None:
            sessions.setdefault(row[3], []).append(row[6])
    for session, records in sessions.items():
        for broken in check_session_chain(records, session):
            yield Finding("F3", f"fsck.{broken.key}", str(broken.seq), {"session": session})
        for place, data in enumerate(records):
            fact = read_record(data)
            if fact["kind"] != "session_closed":
                continue
            last = fact_hash(records[place - 1]) if place else GENESIS
            if (fact["body"]["count"], fact["body"]["last_hash"]) != (place, last):
                yield Finding("F3", "fsck.close_count", str(fact["seq"]), {"session": session})
            if place != len(records) - 1:
                yield Finding("F3", "fsck.after_close", str(fact["seq"]), {"session": session})


def _checkpoints(book: Book) -> Iterator[Finding]:
    """F4: every checkpoint and cosignature is over this very history and verifies (keeps I-8)."""
    for fact in book.of("checkpoint_signed", "checkpoint_cosigned"):
        by = fact["body"].get("by", "edge")
        try:
            checkpoint = read_note(fact["body"]["note"])
            good, _ = attestations(parse_note(fact["body"]["note"]), book.ring.only(by).all())
        except BadNote:
            yield Finding("F4", "fsck.bad_note", str(fact["seq"]))
            continue
        if checkpoint.size >= fact["seq"] or book.tree.root(checkpoint.size) != checkpoint.root:
            yield Finding("F4", "fsck.other_root", str(fact["seq"]))
        if not any(found.cosignature == (by != "edge") for found in good):
            yield Finding("F4", "fsck.not_signed", str(fact["seq"]), {"by": by})


def _once(book: Book) -> Iterator[Finding]:
    """F5: every command was accepted once and answered at most once; serials only rise (keeps I-5, I-9)."""
    for kind in ("command_accepted", "command_executed"):
        seen: set[str] = set()
        for fact in book.of(kind):
            if fact["body"]["command_id"] in seen:
                yield Finding("F5", f"fsck.{kind}_twice", str(fact["seq"]))
            seen.add(fact["body"]["command_id"])
    stored = {row[0] for row in book.commands}
    for fact in book.of("command_accepted"):
        if fact["body"]["command_id"] not in stored:
            yield Finding("F5", "fsck.command_not_stored", str(fact["seq"]))
    accepted = {(f["body"]["document_id"], f["body"]["serial"]) for f in book.of("document_accepted")}
    for kind, about, serial, id_, *_ in book.documents:
        if (id_, serial) not in accepted:
            yield Finding("F5", "fsck.document_not_accepted", f"{kind}/{about}")


def _unlocks(book: Book) -> Iterator[Finding]:
    """F6: no entry door was unlocked without an earlier grant, nor twice on one (keeps I-1)."""
    grants = {f["body"]["admission"]: f for f in book.of("admission_granted")}
    used: set[str] = set()
    for fact in book.of("door_unlocked"):
        body = fact["body"]
        if body["for"] != "entry":
            continue
        grant = grants.get(body.get("admission"))
        if grant is None or grant["seq"] >= fact["seq"] or grant["body"]["door"] != body["door"]:
            yield Finding("F6", "fsck.unlock_without_grant", str(fact["seq"]), {"door": body["door"]})
        elif body["admission"] in used:
            yield Finding("F6", "fsck.unlock_twice", str(fact["seq"]), {"door": body["door"]})
        used.add(str(body.get("admission")))


_GROUNDS: Mapping[str, str] = {
    "identity_seq": "identity_confirmed", "custody_seq": "custody_settled", "gate_seq": "gate_passed",
}  # fmt: skip


def _grounds(book: Book) -> Iterator[Finding]:
    """F7: what a grant names exists, is of the same visit, and came in order (keeps I-2)."""
    by_seq = {fact["seq"]: fact for fact in book.facts}
    for grant in book.of("admission_granted"):
        named = grant["body"]["grounds"]
        seqs = [named[key] for key in _GROUNDS if named.get(key) is not None]
        for key, kind in _GROUNDS.items():
            ground = by_seq.get(named.get(key))
            if named.get(key) is not None and (
                ground is None or (ground["kind"], ground["visit"]) != (kind, grant["visit"])
            ):
                yield Finding("F7", "fsck.ground_missing", str(grant["seq"]), {"ground": key})
        if seqs != sorted(seqs) or any(seq >= grant["seq"] for seq in seqs):
            yield Finding("F7", "fsck.ground_order", str(grant["seq"]))


def _receipt(book: Book) -> Iterator[Finding]:
    """F8: the centre's receipt names a fact of ours (keeps I-7, I-8)."""
    if book.receipt is None or book.receipt[0] == 0:
        return
    seq, head = book.receipt
    if seq > book.tree.size or book.tree.leaf(seq - 1).hex() != head:
        yield Finding("F8", "fsck.receipt_of_other_history", str(seq))


def _reports(book: Book) -> Iterator[Finding]:
    """F9: the recorder's reports were journalled once each (keeps I-11)."""
    named = {(row[0], row[1]): row[2] for row in book.reports}
    seen: set[tuple[str, int]] = set()
    for fact in book.of("segment_finalised", "gap_declared"):
        key = (fact["body"]["worker"], fact["body"]["number"])
        if key in seen:
            yield Finding("F9", "fsck.report_twice", str(fact["seq"]))
        elif named.get(key) != fact["seq"]:
            yield Finding("F9", "fsck.report_not_stored", str(fact["seq"]))
        seen.add(key)


def _files(book: Book) -> Iterator[Finding]:
    """F10: every segment that was stated is on the disk with its size and hash (keeps I-11)."""
    for fact in book.of("segment_finalised"):
        body = fact["body"]
        path = book.recordings / body["file"]
        if not path.is_file():
            yield Finding("F10", "fsck.file_missing", body["file"], {"seq": fact["seq"]})
        elif path.stat().st_size != body["bytes"] or _sha256(path) != body["sha256"]:
            yield Finding("F10", "fsck.file_changed", body["file"], {"seq": fact["seq"]})


CHECKS: Mapping[str, Callable[[Book], Iterator[Finding]]] = {
    "F1": _rows_match, "F2": _chain, "F3": _session_chains, "F4": _checkpoints, "F5": _once, "F6": _unlocks,
    "F7": _grounds, "F8": _receipt, "F9": _reports, "F10": _files,
}  # fmt: skip


def check(book: Book) -> list[Finding]:
    """All findings, in order of the checks."""
    return [finding for judge in CHECKS.values() for finding in judge(book)]


def report(findings: list[Finding], facts: int) -> dict[str, Any]:
    """The form of `fsck --json`."""
    failed = {finding.check for finding in findings}
    return {
        "ok": not findings, "facts": facts,
        "checks": [{"check": name, "ok": name not in failed} for name in CHECKS],
        "findings": [asdict(finding) for finding in findings],
    }  # fmt: skip


def line(finding: Finding) -> str:
    """One finding for a terminal: check, key, place."""
    return f"{finding.check} {finding.key} {finding.at} {json.dumps(finding.params)}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
