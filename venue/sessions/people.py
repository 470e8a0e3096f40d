"""Where each person of a session is, by alias and from facts alone."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session, col, select

from venue.edge_link.tables import LedgerFact
from venue.sessions.tables import Part, Sitting, TradingSession


@dataclass(frozen=True, slots=True)
class Person:
    """A visit: `step` is the last thing that counted, `places` what they are counted into, outermost first."""

    visit: str
    alias: str
    role: str
    step: str
    since: datetime
    places: tuple[str, ...] = ()

    @property
    def place(self) -> str | None:
        """The innermost place; None outside."""
        return self.places[-1] if self.places else None


_STEPS = frozenset({
    "identity_confirmed", "identity_refused", "custody_settled", "gate_passed", "admission_granted",
    "admission_withdrawn", "custody_returned",
})  # fmt: skip


def edges_of(db: Session, session: str) -> set[str]:
    """The edges of the venues where the session is held: any other may name it in its facts and is not heard."""
    parts = select(Part.venue).join(Sitting).where(Sitting.session == session)
    own = select(TradingSession.venue).where(TradingSession.id == session)
    return {f"{venue}.edge" for venue in {*db.exec(parts), *db.exec(own)}}


def facts_of(db: Session, session: str) -> list[LedgerFact]:
    """The session's facts, as its own edges state them, in the order of the ledger."""
    mine = col(LedgerFact.edge).in_(edges_of(db, session))
    query = select(LedgerFact).where(LedgerFact.session == session, mine)
    return list(db.exec(query.order_by(LedgerFact.position)))  # type: ignore[arg-type]


def people(rows: Iterable[LedgerFact]) -> list[Person]:
    """Fold a session's facts; one entry a visit, in order of arrival."""
    found: dict[str, Person] = {}
    for row in rows:
        if row.visit is None:
            continue
        body = json.loads(row.raw)["body"]
        if row.kind == "visit_started":
            found[row.visit] = Person(row.visit, body["alias"], body["role"], row.kind, row.wall)
        elif row.visit in found:
            found[row.visit] = _after(found[row.visit], row, body)
    return list(found.values())


def _after(person: Person, row: LedgerFact, body: dict[str, object]) -> Person:
    """Counted as `contract.completeness` counts: left is who left a place, or ended the visit by leaving."""
    if row.kind == "person_entered":
        others = tuple(place for place in person.places if place != body["place"])
        return replace(person, step=row.kind, since=row.wall, places=(*others, str(body["place"])))
    if row.kind == "person_left":
        others = tuple(place for place in person.places if place != body["place"])
        return replace(person, step=row.kind, since=row.wall, places=others)
    if row.kind == "visit_ended":
        places = () if body["outcome"] == "left" else person.places
        return replace(person, step=row.kind, since=row.wall, places=places)
    if row.kind in _STEPS:
        return replace(person, step=row.kind, since=row.wall)
    return person
