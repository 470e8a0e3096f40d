"""The register of experts (X1): add, list, find; personal data only as ciphertext (I-14)."""

import secrets
from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from venue.db import audit, new_id, now
from venue.experts.rules import Candidate
from venue.experts.tables import Expert
from venue.experts.vault import Person, Vault

_ALIAS_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class AlreadyRegistered(Exception):
    """Somebody of that number is in the register."""


def add(
    db: Session, actor: str, vault: Vault, person: Person, specialties: Sequence[str], photo: bytes | None
) -> Expert:
    """Take a person in; raises AlreadyRegistered, or ValueError when something is too long."""
    person_id = new_id(db)
    expert = Expert(
        id=person_id, alias=_alias(), specialties=sorted(set(specialties)),
        sealed=vault.close(person_id, person),
        photo=None if photo is None else vault.close_photo(person_id, photo),
        number_index=vault.index("id_number", person.id_number),
        employer_indexes=[vault.index("employer", person.employer)] if person.employer.strip() else [],
        state="active", added_by=actor, added_at=now(db),
    )  # fmt: skip
    try:
        with db.begin_nested():
            db.add(expert)
            db.flush()
    except IntegrityError as error:
        raise AlreadyRegistered from error
    detail = {"specialties": expert.specialties, "photo": photo is not None}
    audit.write(db, actor, "expert.added", person_id, detail)
    return expert


def _alias() -> str:
    """Random, so that it tells neither name nor order of entry."""
    return "R-" + "".join(secrets.choice(_ALIAS_LETTERS) for _ in range(8))


def listed(db: Session) -> list[Expert]:
    """The whole register, by alias."""
    return list(db.exec(select(Expert).order_by(Expert.alias)))


def candidates(db: Session) -> list[Candidate]:
    """Everybody who may be drawn, without personal data."""
    rows = db.exec(select(Expert).where(Expert.state == "active").order_by(Expert.id))
    return [Candidate(row.id, frozenset(row.specialties), frozenset(row.employer_indexes)) for row in rows]
