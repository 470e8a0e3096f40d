"""The fact record: a row of the journal, a line of the ledger, a leaf of the tree.

`build_fact` is the one place where a draft becomes bytes. From then on the bytes are stored, sent and
hashed as they are; nobody serialises a fact again (keeps I-7, I-17).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from contract.body import Body, Hash, Micros, Name, Stamp
from contract.canonical import canonical
from contract.chain import GENESIS, BadRecord, fact_hash, read_record
from contract.clock import Clock, parse_stamp, stamp
from contract.ids import uuid7
from contract.kinds import check_body, read_body

VERSION = 1


class BadFact(ValueError):
    """The bytes are not a fact record."""


@dataclass(frozen=True, slots=True)
class FactDraft:
    """What a decision wants stated: everything but the place in the journal."""

    kind: str
    body: Mapping[str, Any] = field(default_factory=dict)
    session: str | None = None
    visit: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where the next fact stands. The session pair is read only when the draft names a session."""

    venue: str
    boot: str
    seq: int = 1
    prev: str = GENESIS
    session_seq: int = 1
    session_prev: str = GENESIS


class Fact(Body):
    """A fact record as read. `body` stays a plain object; `typed()` gives its model."""

    v: Literal[1]
    id: Name
    kind: Name
    venue: Name
    boot: Name
    seq: Annotated[int, Field(ge=1)]
    prev: Hash
    session: Name | None
    session_seq: Annotated[int, Field(ge=1)] | None
    session_prev: Hash | None
    visit: Name | None
    wall: Stamp
    mono_us: Micros
    clock_error_ms: int | None
    body: dict[str, Any]

    @model_validator(mode="after")
    def _session_whole(self) -> Self:
        given = {self.session is None, self.session_seq is None, self.session_prev is None}
        if len(given) != 1:
            raise ValueError("session, session_seq and session_prev come together")
        return self

    @property
    def at(self) -> datetime:
        """Wall time as an aware instant."""
        return parse_stamp(self.wall)

    def typed(self) -> Body | None:
        """The body's model, or None for a kind of a newer version. Raises pydantic.ValidationError."""
        return read_body(self.kind, self.body)


@dataclass(frozen=True, slots=True)
class Record:
    """A fact together with the bytes that are the truth, and their hash."""

    data: bytes
    hash: str
    fact: Fact


def build_fact(draft: FactDraft, position: Position, clock: Clock, clock_error_ms: int | None) -> Record:
    """Make a record. A wrong draft raises UnknownKind, ValidationError, NotCanonical or BadFact."""
    inside = draft.session is not None
    data = canonical({
        "v": VERSION, "id": uuid7(clock), "kind": draft.kind, "venue": position.venue, "boot": position.boot,
        "seq": position.seq, "prev": position.prev, "session": draft.session,
        "session_seq": position.session_seq if inside else None,
        "session_prev": position.session_prev if inside else None,
        "visit": draft.visit, "wall": stamp(clock.now()), "mono_us": clock.mono_us(),
        "clock_error_ms": clock_error_ms, "body": dict(draft.body),
    })  # fmt: skip
    record = parse_fact(data)
    check_body("fact", draft.kind, record.fact.body)
    return record


def parse_fact(data: bytes) -> Record:
    """Read stored bytes. Unknown kinds and fields are kept; raises BadFact on anything that is no record."""
    try:
        return Record(data, fact_hash(data), Fact.read(read_record(data)))
    except (BadRecord, ValidationError) as error:
        raise BadFact(str(error)) from error
