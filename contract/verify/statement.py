"""The centre's statement over the catalogue: who vouches for papers, terms and project, which no journal speaks of?"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contract.chain import BadRecord, read_record
from contract.clock import parse_stamp, stamp, to_us
from contract.completeness import second_of
from contract.keys import SUITE, KeyRing
from contract.package import CATALOGUE, COMPOSED, STATEMENT, VERSION
from contract.verify.bag import Bag, Unreadable, read, read_json
from contract.verify.findings import Finding
from contract.verify.manifests import Measures

_PURPOSE = b"jianzheng-statement-v1\n"
_TEXTS = ("session", "project", "catalogue_sha256", "composed_at")


@dataclass(frozen=True, slots=True)
class Statement:
    """What stands in `statement.json`: the signed text as stored, its fields, and who is said to have signed it."""

    text: bytes
    fields: Mapping[str, Any]
    at: datetime
    suite: str
    key: str
    signature: bytes

    @property
    def second(self) -> str:
        """The second the package says it was composed in."""
        return second_of(to_us(self.at))


def check_statement(
    bag: Bag, measures: Measures, sessions: Sequence[str], ring: KeyRing
) -> Iterator[Finding]:
    """Signed by the centre within its key's term, over this catalogue, of this project and session (keeps I-9)."""
    if STATEMENT not in bag.names():
        yield Finding(STATEMENT, "statement.missing")
        return
    try:
        statement = _read(bag)
    except (Unreadable, BadRecord, ValueError) as error:
        yield Finding(STATEMENT, "statement.unreadable", params={"detail": str(error)})
        return
    yield from _signed(statement, ring)
    yield from _fields(bag, statement, sessions)
    expected, found = (
        statement.fields["catalogue_sha256"],
        measures.get(CATALOGUE, (0, "nothing readable"))[1],
    )
    if expected != found:
        yield Finding(
            CATALOGUE, "statement.catalogue", statement.second, {"expected": expected, "found": found}
        )


def _read(bag: Bag) -> Statement:
    """Raises Unreadable, BadRecord or ValueError: not an envelope, or not a statement inside."""
    envelope = read_record(read(bag, STATEMENT))
    text, suite, key = (_text(envelope, name) for name in ("signed", "suite", "key"))
    signature = base64.b64decode(_text(envelope, "signature"), validate=True)
    if base64.b64encode(signature).decode("ascii") != envelope["signature"]:
        raise ValueError("signature: base64 not in its one form")
    fields = read_record(text.encode())
    for name in _TEXTS:
        _text(fields, name)
    return Statement(text.encode(), fields, parse_stamp(fields["composed_at"]), suite, key, signature)


def _text(table: Mapping[str, Any], name: str) -> str:
    value = table.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{name}: not a text")
    return value


def _signed(statement: Statement, ring: KeyRing) -> Iterator[Finding]:
    key = ring.find(statement.key)
    params = {"key": statement.key}
    if key is None or key.role != "centre" or not statement.suite == key.suite == SUITE:
        yield Finding(STATEMENT, "statement.signer", statement.second, params)
    elif not key.verifies(statement.signature, _PURPOSE + statement.text):
        yield Finding(STATEMENT, "statement.signature", statement.second, params)
    elif not key.valid_at(statement.at):
        yield Finding(
            STATEMENT, "statement.key_term", statement.second, {**params, "at": stamp(statement.at)}
        )


def _fields(bag: Bag, statement: Statement, sessions: Sequence[str]) -> Iterator[Finding]:
    """Against this version, the journals' session, and what the catalogue names."""
    rows: list[tuple[str, str, Any]] = [
        ("v", "this version", VERSION),
        ("kind", "this version", COMPOSED),
        ("package_version", "this version", VERSION),
        ("session", "the journals", ", ".join(sessions)),
    ]
    try:
        table = read_json(bag, CATALOGUE)
        rows += [(name, "the catalogue", table.get(name)) for name in ("session", "project")]
    except Unreadable:
        pass  # check_catalogue has reported it
    for name, whose, value in rows:
        stated = statement.fields.get(name)
        if stated != value or type(stated) is not type(value):
            params = {"field": name, "expected": stated, "whose": whose, "found": value}
            yield Finding(STATEMENT, "statement.differs", statement.second, params)
