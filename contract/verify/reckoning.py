"""Completeness as stated against completeness as the records and files give it (keeps I-11)."""

from collections.abc import Iterator, Mapping
from typing import Any

from contract.completeness import differences, second_of, statement, undeclared
from contract.package import COMPLETENESS, VERSION
from contract.verify.bag import Bag, Unreadable, read_json
from contract.verify.findings import Finding
from contract.verify.journal import Journal
from contract.verify.manifests import Measures
from contract.verify.recordings import held


def check_reckoning(bag: Bag, journal: Journal, measures: Measures) -> Iterator[Finding]:
    """Edge's fact, edge's and centre's statements in completeness.json, and gaps nobody declared."""
    stated = [line for line in journal.lines if line.fact["kind"] == "completeness_stated"]
    told = statement(journal.facts)
    here = statement(journal.facts, held(journal, measures))
    if not stated:
        yield Finding(journal.path, "reckoning.not_stated")
    else:
        body = stated[-1].fact["body"].get("statement")
        yield from _compare(journal.path, "the edge's record", told, body, stated[-1].second)
    yield from _completeness_file(bag, journal, told, here)
    for camera, gap in undeclared(here):
        millis = (gap["end_us"] - gap["start_us"]) // 1000
        params = {"camera": camera, "media": gap["media"], "millis": millis}
        yield Finding(journal.path, "reckoning.gap", second_of(gap["start_us"]), params)


def _completeness_file(
    bag: Bag, journal: Journal, told: Mapping[str, Any], here: Mapping[str, Any]
) -> Iterator[Finding]:
    try:
        table = read_json(bag, COMPLETENESS)
    except Unreadable as error:
        yield Finding(COMPLETENESS, "reckoning.unreadable", params={"detail": str(error)})
        return
    venues = table.get("venues")
    row = venues.get(journal.venue) if isinstance(venues, dict) else None
    if not isinstance(row, dict):
        yield Finding(COMPLETENESS, "reckoning.unreadable", params={"detail": f"nothing of {journal.venue}"})
        return
    apart = differences(row.get("edge"), row.get("centre"))
    head = {"v": VERSION, "session": journal.session, "differences": apart}
    stated = {"v": table.get("v"), "session": table.get("session"), "differences": row.get("differences")}
    yield from _compare(COMPLETENESS, "the file", head, stated, None)
    yield from _compare(COMPLETENESS, "the edge", told, row.get("edge"), None)
    yield from _compare(COMPLETENESS, "the centre", here, row.get("centre"), None)


def _compare(file: str, who: str, expected: Any, found: Any, second: str | None) -> Iterator[Finding]:
    for path in differences(expected, found):
        yield Finding(file, "reckoning.differs", second, {"who": who, "path": path or "everything"})
