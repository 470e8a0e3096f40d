"""The register: kept by the pool keeper, whose every look at names is an event (I-14, I-16)."""

import base64
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from venue.db import Writing, audit
from venue.experts import register
from venue.experts.register import AlreadyRegistered
from venue.experts.tables import Expert
from venue.experts.vault import PHOTO_BYTES, Person, Vault, vault_of
from venue.identity import Actor, require
from venue.identity.gate import refuse
from venue.settings import Settings

router = APIRouter(tags=["experts"])
_JPEG = b"\xff\xd8\xff"
Specialty = Annotated[str, Field(pattern=r"^[A-Z](\d{2}){0,4}$")]


class ExpertIn(BaseModel):
    """A person to be taken in; `photo` is a JPEG in base64."""

    name: str = Field(min_length=1, max_length=60)
    id_number: str = Field(min_length=6, max_length=30)
    phone: str = Field(min_length=5, max_length=30)
    employer: str = Field(default="", max_length=120)
    specialties: list[Specialty] = Field(min_length=1, max_length=20)
    photo: str | None = Field(default=None, max_length=PHOTO_BYTES * 4 // 3 + 8)


class ExpertOut(BaseModel):
    """A row of the register. `name` is for the pool keeper."""

    id: str
    alias: str
    name: str
    specialties: list[str]
    photo: bool
    state: str
    added_at: datetime


def vault_for(request: Request) -> Vault:
    """The vault of the centre that answers."""
    settings: Settings = request.app.state.settings
    return vault_of(settings)


def _out(row: Expert, vault: Vault) -> ExpertOut:
    return ExpertOut(
        id=row.id, alias=row.alias, name=vault.open(row.id, row.sealed).name, specialties=row.specialties,
        photo=row.photo is not None, state=row.state, added_at=row.added_at,
    )  # fmt: skip


def _jpeg(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise refuse(422, "expert.bad_photo") from error
    if not data.startswith(_JPEG):
        raise refuse(422, "expert.bad_photo")
    return data


@router.get("/experts", operation_id="list_experts")
def list_experts(
    request: Request, db: Writing, actor: Annotated[Actor, require("experts.read")]
) -> list[ExpertOut]:
    """The register with names, for its keeper; the look is on record."""
    rows = register.listed(db)
    audit.write(db, actor.name, "experts.looked_at", "register", {"rows": len(rows)})
    vault = vault_for(request)
    return [_out(row, vault) for row in rows]


@router.post("/experts", operation_id="add_expert", status_code=201)
def add_expert(
    request: Request, db: Writing, actor: Annotated[Actor, require("experts.write")], new: ExpertIn
) -> ExpertOut:
    """Take a person into the register; 409 when the number is there already."""
    vault, photo = vault_for(request), _jpeg(new.photo)
    person = Person(new.name, new.id_number, new.phone, new.employer)
    try:
        row = register.add(db, actor.name, vault, person, new.specialties, photo)
    except AlreadyRegistered as error:
        raise refuse(409, "expert.already_registered") from error
    except ValueError as error:
        raise refuse(422, "expert.too_long", photo_bytes=PHOTO_BYTES - 4) from error
    return _out(row, vault)
