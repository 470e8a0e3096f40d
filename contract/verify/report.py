"""Every check in order, over one package; the answer as one value. No printing, no exit codes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from contract.keys import KeyRing
from contract.package import INCLUSION, JOURNAL, journal_venue, proof_path
from contract.verify.bag import Bag, Unreadable, read_json
from contract.verify.findings import Finding
from contract.verify.journal import Journal, check_journal, read_journal
from contract.verify.manifests import (
    Measures,
    check_catalogue,
    check_catalogue_head,
    check_manifests,
    measure_all,
)
from contract.verify.proofs import check_proofs, packed_keys
from contract.verify.reckoning import check_reckoning
from contract.verify.recordings import check_recordings
from contract.verify.statement import check_statement

_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
"""What a record's body of a wrong form does to arithmetic on it."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked and found. `good` needs trusted keys and not one finding."""

    findings: tuple[Finding, ...]
    keys_trusted: bool
    timestamps: str
    """`none` or `not checked`."""
    sessions: tuple[str, ...]
    counts: dict[str, int]

    @property
    def good(self) -> bool:
        """True only when everything holds and the signers are trusted."""
        return self.keys_trusted and not self.findings

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "ok": self.good, "keys": "trusted" if self.keys_trusted else "not trusted",
            "timestamps": self.timestamps, "sessions": list(self.sessions), "checked": self.counts,
            "findings": [finding.as_dict() for finding in self.findings],
        }  # fmt: skip


def verify(bag: Bag, trusted: KeyRing | None, *, require_timestamps: bool = False) -> Report:
    """Check a package. `trusted` None: the package's own keys are used and the report is never good."""
    findings: list[Finding] = []
    measures = measure_all(bag, findings)
    findings += check_manifests(bag, measures)
    findings += check_catalogue(bag, measures)
    journals = _journals(bag, findings)
    for journal in journals:
        findings += check_journal(journal)
        findings += check_proofs(bag, journal, trusted)
        findings += _facts_allow(journal, lambda j: check_recordings(bag, j, measures))
        findings += _facts_allow(journal, lambda j: check_reckoning(bag, j, measures))
    sessions = tuple(sorted({journal.session for journal in journals if journal.session}))
    findings += check_catalogue_head(bag, sessions)
    ring = packed_keys(bag, (journal.venue for journal in journals)) if trusted is None else trusted
    findings += check_statement(bag, measures, sessions, ring)
    timestamps = _timestamps(bag, journals, findings, require_timestamps)
    if len(sessions) > 1:
        findings.append(Finding(JOURNAL, "journal.sessions", params={"found": ", ".join(sessions)}))
    by_key = {_key(finding): finding for finding in findings}
    return Report(tuple(by_key[key] for key in sorted(by_key)), trusted is not None, timestamps, sessions,
                  _counts(journals, measures))  # fmt: skip


def _key(finding: Finding) -> tuple[str, str, str, str]:
    return finding.file, finding.second or "", finding.key, repr(finding.params)


def _journals(bag: Bag, findings: list[Finding]) -> list[Journal]:
    venues = {name: venue for name in bag.names() if (venue := journal_venue(name)) is not None}
    if not venues:
        findings.append(Finding(JOURNAL, "journal.none"))
    return [read_journal(bag, name, venue, findings) for name, venue in sorted(venues.items())]


def _facts_allow(journal: Journal, check: Callable[[Journal], Iterable[Finding]]) -> Iterator[Finding]:
    """Run a check that reads bodies; a body of a wrong form is a finding, not a crash."""
    try:
        yield from list(check(journal))
    except _MALFORMED as error:
        detail = f"{type(error).__name__} {error}"
        yield Finding(journal.path, "reckoning.facts", params={"detail": detail})


def _timestamps(bag: Bag, journals: list[Journal], findings: list[Finding], required: bool) -> str:
    """RFC 3161 tokens are carried, and not checked by this version, which says so."""
    found = [n for n in bag.names() if "/timestamps/" in n and n.endswith(".tsr")]
    if required:
        for journal in journals:
            path = _token(bag, journal.venue)
            key = "timestamp.not_checked" if path in found else "timestamp.missing"
            findings.append(Finding(path, key))
    return "not checked" if found else "none"


def _token(bag: Bag, venue: str) -> str:
    try:
        size = read_json(bag, proof_path(venue, INCLUSION)).get("size")
    except Unreadable:
        size = None
    return proof_path(venue, f"timestamps/{size:012d}.tsr" if type(size) is int else "timestamps/")


def _counts(journals: list[Journal], measures: Measures) -> dict[str, int]:
    segments = sum(f["kind"] == "segment_finalised" for j in journals for f in j.facts)
    records = sum(len(journal.lines) for journal in journals)
    return {"files": len(measures), "bytes": sum(size for size, _ in measures.values()),
            "records": records, "segments": segments}  # fmt: skip
