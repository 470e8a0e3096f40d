"""Where each person of a session is, by alias and from facts alone."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session, select

from venue.edge_link.tables import LedgerFact


@dataclass(frozen=True, slots=True)
class Person:
    """A visit: `step` is the last thing that counted, `place` where they are counted in, None outside."""

    visit: str
    alias: str
    role: str
    step: str
    place: str | None
    since: datetime


_STEPS = frozenset({
    "identity_confirmed", "identity_refused", "custody_settled", "gate_passed", "admission_granted",
    "admission_withdrawn", "custody_returned",
})  # fmt: skip


def facts_of(db: Session, session: str) -> list[LedgerFact]:
    """The session's facts in the order of the ledger."""
    query = select(LedgerFact).where(LedgerFact.session == session)
    return list(db.exec(query.order_by(LedgerFact.position)))  # type: ignore[arg-type]


def people(rows: Iterable[LedgerFact]) -> list[Person]:
    """Fold a session's facts; one entry a visit, in order of arrival."""
    found: dict[str, Person] = {}
    for row in rows:
        if row.visit is None:
            continue
        body = json.loads(row.raw)["body"]
        if row.kind == "visit_started":
            found[row.visit] = Person(row.visit, body["alias"], body["role"], row.kind, None, row.wall)
        elif row.visit in found:
            found[row.visit] = _after(found[row.visit], row, body)
    return list(found.values())


def _after(person: Person, row: LedgerFact, body: dict[str, object]) -> Person:
    if row.kind == "person_entered":
        return replace(person, step=row.kind, place=str(body["place"]), since=row.wall)
    if row.kind in {"person_left", "visit_ended"}:
        return replace(person, step=row.kind, place=None, since=row.wall)
    if row.kind in _STEPS:
        return replace(person, step=row.kind, since=row.wall)
    return person
