"""Golden messages: every kind has one, it parses by its model and its bytes are canonical."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contract.canonical import canonical
from contract.clock import parse_stamp
from contract.commands import Command
from contract.documents import Document
from contract.envelope import parse_fact
from contract.keys import KeyRing, SigningKey
from contract.kinds import KINDS, Kind
from contract.notes import attestations, parse_note
from contract.replies import Receipt
from contract.signing import open_

pytestmark = pytest.mark.fast
FOLDER = Path(__file__).parents[2] / "contract" / "examples"
AT = parse_stamp("2026-11-20T01:00:00.000000Z")


def _key(name: str, first: int) -> SigningKey:
    return SigningKey(name, 1, Ed25519PrivateKey.from_private_bytes(bytes(range(first, first + 32))))


RING = KeyRing([
    _key("centre", 0).describe("centre", AT), _key("V01.edge", 32).describe("edge", AT),
    _key("V01.witness", 64).describe("witness", AT),
])  # fmt: skip


def _of(message_class: str) -> list[Kind]:
    return [kind for kind in KINDS.values() if kind.message_class == message_class]


def _bytes(name: str) -> bytes:
    return (FOLDER / f"{name}.json").read_bytes()


def test_every_kind_has_one_and_nothing_else_is_there() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == {*KINDS, "receipt"}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda p: p.stem)
def test_bytes_are_canonical(path: Path) -> None:
    data = path.read_bytes()
    assert canonical(json.loads(data)) + b"\n" == data


@pytest.mark.parametrize("kind", _of("fact"), ids=lambda k: k.name)
def test_fact_parses_by_its_model_and_keeps_its_bytes(kind: Kind) -> None:
    data = _bytes(kind.name).rstrip(b"\n")
    record = parse_fact(data)
    assert record.fact.kind == kind.name
    assert canonical(record.fact.wire()) == data
    typed = record.fact.typed()
    assert isinstance(typed, kind.model)
    assert typed.wire() == record.fact.body


@pytest.mark.parametrize("kind", [*_of("document"), *_of("command")], ids=lambda k: k.name)
def test_document_and_command_open_under_the_centres_key(kind: Kind) -> None:
    name = "document" if kind.message_class == "document" else "command"
    payload = open_(name, json.loads(_bytes(kind.name)), RING.only("centre"))
    head = (Document if name == "document" else Command).read(payload)
    assert head.wire() == payload
    assert payload["kind"] == kind.name
    assert kind.model.read(payload["body"]).wire() == payload["body"]


@pytest.mark.parametrize("kind", _of("request"), ids=lambda k: k.name)
def test_request_and_reply_parse(kind: Kind) -> None:
    both = json.loads(_bytes(kind.name))
    assert kind.reply is not None
    assert kind.model.read(both["request"]).wire() == both["request"]
    assert kind.reply.read(both["reply"]).wire() == both["reply"]


def test_receipt_carries_a_note_that_edge_and_witness_signed() -> None:
    receipt = Receipt.read(open_("receipt", json.loads(_bytes("receipt")), RING))
    assert receipt.note is not None
    good, bad = attestations(parse_note(receipt.note), RING.all())
    assert [a.key.id for a in good] == ["V01.edge-1", "V01.witness-1"]
    assert bad == []
