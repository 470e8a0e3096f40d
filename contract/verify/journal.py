"""The session's records of one venue: form, chain, numbers 1..count, and the closing that counts them."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from contract.chain import BadRecord, check_session_chain, fact_hash, read_record
from contract.clock import parse_stamp
from contract.completeness import second_of, wall_us
from contract.verify.bag import Bag, Unreadable, read
from contract.verify.findings import MOST_BAD_LINES, Finding

_TYPES: dict[str, tuple[type, ...]] = {
    "v": (int,), "id": (str,), "kind": (str,), "venue": (str,), "boot": (str,), "seq": (int,), "prev": (str,),
    "session": (str,), "session_seq": (int,), "session_prev": (str,), "visit": (str, type(None)),
    "wall": (str,), "mono_us": (int,), "clock_error_ms": (int, type(None)), "body": (dict,),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One record that could be read; `number` is its line, from 1."""

    number: int
    data: bytes
    fact: dict[str, Any]

    @property
    def second(self) -> str:
        """The second it was stated in."""
        return second_of(wall_us(self.fact))


@dataclass(frozen=True, slots=True)
class Journal:
    """One venue's part of the session. `whole` is False when a line could not be read."""

    venue: str
    path: str
    lines: tuple[Line, ...]
    whole: bool

    @property
    def session(self) -> str | None:
        """The session of the first record; all must share it."""
        return self.lines[0].fact["session"] if self.lines else None

    @property
    def facts(self) -> list[dict[str, Any]]:
        """Records as parsed."""
        return [line.fact for line in self.lines]


def read_journal(bag: Bag, path: str, venue: str, findings: list[Finding]) -> Journal:
    """Read the lines that are records; the others become findings."""
    try:
        text = read(bag, path)
    except Unreadable as error:
        findings.append(Finding(path, "bag.unreadable", params={"detail": str(error)}))
        return Journal(venue, path, (), whole=False)
    lines: list[Line] = []
    bad = 0
    for number, data in enumerate(io.BytesIO(text), 1):
        if not data.endswith(b"\n"):
            findings.append(_bad_line(path, number, "no newline at its end"))
        line = _read_line(path, number, data.removesuffix(b"\n"), findings)
        if line is not None:
            lines.append(line)
            continue
        bad += 1
        if bad == MOST_BAD_LINES:
            break
    return Journal(venue, path, tuple(lines), whole=not bad)


def check_journal(journal: Journal) -> Iterator[Finding]:
    """Venue, order of seq, the session's chain, the closing."""
    for line in journal.lines:
        if line.fact["venue"] != journal.venue:
            yield _field(journal.path, line, "venue")
    for before, line in zip(journal.lines, journal.lines[1:], strict=False):
        if line.fact["seq"] <= before.fact["seq"]:
            params = {"line": line.number, "found": line.fact["seq"], "previous": before.fact["seq"]}
            yield Finding(journal.path, "journal.order", line.second, params)
    yield from _chain(journal)
    yield from _closing(journal)


def _chain(journal: Journal) -> Iterator[Finding]:
    for broken in check_session_chain((line.data for line in journal.lines), journal.session or ""):
        line = journal.lines[broken.position]
        params = {"number": line.fact["session_seq"], "expected": broken.expected, "found": broken.found}
        yield Finding(journal.path, broken.key, line.second, params)


def _closing(journal: Journal) -> Iterator[Finding]:
    if not journal.lines or journal.lines[-1].fact["kind"] != "session_closed":
        last = journal.lines[-1] if journal.lines else None
        params = {"found": last.fact["kind"] if last else "nothing"}
        yield Finding(journal.path, "journal.not_closed", last.second if last else None, params)
        return
    closing = journal.lines[-1]
    count, found = closing.fact["body"].get("count"), len(journal.lines) - 1
    if count != found or type(count) is not int:
        yield Finding(journal.path, "journal.count", closing.second, {"expected": count, "found": found})
    last_hash = fact_hash(journal.lines[-2].data) if found else None
    if closing.fact["body"].get("last_hash") != last_hash:
        yield Finding(journal.path, "journal.last_hash", closing.second)


def _read_line(path: str, number: int, data: bytes, findings: list[Finding]) -> Line | None:
    try:
        fact = read_record(data)
    except BadRecord as error:
        findings.append(_bad_line(path, number, str(error)))
        return None
    for key, types in _TYPES.items():
        if type(fact.get(key)) not in types:
            params = {"line": number, "field": key, "found": repr(fact.get(key))[:80]}
            findings.append(Finding(path, "journal.field", params=params))
            return None
    try:
        parse_stamp(fact["wall"])
    except ValueError:
        params = {"line": number, "field": "wall", "found": repr(fact["wall"])[:80]}
        findings.append(Finding(path, "journal.field", params=params))
        return None
    return Line(number, data, fact)


def _bad_line(path: str, number: int, detail: str) -> Finding:
    return Finding(path, "journal.line", params={"line": number, "detail": detail})


def _field(path: str, line: Line, name: str) -> Finding:
    params = {"line": line.number, "field": name, "found": line.fact[name]}
    return Finding(path, "journal.field", line.second, params)
