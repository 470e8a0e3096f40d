"""Keys, sealed envelopes, signed notes and cosignatures: each lie about them fails."""

import base64
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from contract.clock import FakeClock
from contract.keys import BadKeyTable, KeyFileError, KeyRing, PublicKey, SigningKey
from contract.notes import (
    BadNote,
    Checkpoint,
    attestations,
    cosign,
    key_hash,
    merge,
    origin,
    parse_checkpoint,
    parse_note,
    read_note,
    sign_checkpoint,
)
from contract.signing import BadSignature, KeyNotValid, MalformedEnvelope, UnknownKey, open_, seal

pytestmark = pytest.mark.fast
AT = FakeClock().now()
CENTRE, EDGE, WITNESS = (SigningKey.generate(name) for name in ("centre", "V01.edge", "V01.witness"))
RING = KeyRing([
    CENTRE.describe("centre", AT, AT + timedelta(days=1)), EDGE.describe("edge", AT), WITNESS.describe("witness", AT)
])  # fmt: skip
POINT = Checkpoint(origin("V01"), 41, bytes(range(32)), AT)
NOTE = sign_checkpoint(POINT, EDGE)


def test_what_is_sealed_opens() -> None:
    payload = {"seq": 41, "文": "字"}
    assert open_("receipt", seal("receipt", payload, CENTRE), RING, at=AT) == payload


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"signed": '{"seq":42}'}, BadSignature),
        ({"signature": base64.b64encode(bytes(64)).decode()}, BadSignature),
        ({"signature": "not base64!"}, MalformedEnvelope),
        ({"signed": 7}, MalformedEnvelope),
        ({"signed": "\ud800"}, MalformedEnvelope),
        ({"key": "centre-2"}, UnknownKey),
        ({"key": "V01.edge-1"}, BadSignature),
        ({"suite": "sm2"}, UnknownKey),
        ({"suite": None}, UnknownKey),
    ],
)
def test_a_changed_envelope_is_refused(change: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        open_("receipt", {**seal("receipt", {"seq": 41}, CENTRE), **change}, RING)


def test_a_receipt_never_passes_as_a_command() -> None:
    with pytest.raises(BadSignature):
        open_("command", seal("receipt", {"seq": 41}, CENTRE), RING)


def test_a_key_outside_its_term_or_role_is_refused() -> None:
    envelope = seal("command", {}, CENTRE)
    for at in (AT - timedelta(seconds=1), AT + timedelta(days=1)):
        with pytest.raises(KeyNotValid):
            open_("command", envelope, RING, at=at)
    with pytest.raises(UnknownKey):
        open_("command", seal("command", {}, EDGE), RING.only("centre"))


def test_signed_text_must_be_an_object() -> None:
    for text in ("[]", "nonsense"):
        signature = CENTRE.sign(f"jianzheng-receipt-v1\n{text}".encode())
        envelope = {"signed": text, "suite": "ed25519", "key": "centre-1"}
        with pytest.raises(MalformedEnvelope):
            open_("receipt", {**envelope, "signature": base64.b64encode(signature).decode()}, RING)


def test_a_key_survives_its_file_and_the_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "edge.pem"
    EDGE.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SigningKey.load(path, "V01.edge").public == EDGE.public
    with pytest.raises(FileExistsError):
        EDGE.save(path)


def test_key_files_that_cannot_be_trusted_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "edge.pem"
    with pytest.raises(KeyFileError, match="cannot be read"):
        SigningKey.load(path, "V01.edge")
    EDGE.save(path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        SigningKey.load(path, "V01.edge")
    path.chmod(0o600)
    path.write_bytes(b"nonsense")
    with pytest.raises(KeyFileError, match="PEM"):
        SigningKey.load(path, "V01.edge")
    other = generate_private_key(SECP256R1())
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(KeyFileError, match="Ed25519"):
        SigningKey.load(path, "V01.edge")


def test_a_ring_survives_its_table() -> None:
    assert KeyRing.from_table(RING.as_table()).all() == RING.all()


@pytest.mark.parametrize(
    "table",
    [{}, {"keys": 1}, {"keys": [1]}, {"keys": [{}]}]
    + [{"keys": [{**EDGE.describe("edge", AT).as_dict(), **change}]} for change in (
        {"role": "king"}, {"public": "AAAA"}, {"public": "?"}, {"from": "today"}, {"epoch": "x"}, {"until": 3})],
)  # fmt: skip
def test_a_bad_key_table_is_refused(table: dict[str, object]) -> None:
    with pytest.raises(BadKeyTable):
        KeyRing.from_table(table)


def test_a_note_reads_back_and_carries_three_signatures() -> None:
    note = cosign(cosign(NOTE, CENTRE, AT), WITNESS, AT)
    assert read_note(note) == POINT
    good, bad = attestations(parse_note(note), RING.all())
    assert [(a.key.id, a.cosignature) for a in good] == [
        ("V01.edge-1", False), ("centre-1", True), ("V01.witness-1", True)]  # fmt: skip
    assert good[1].seconds == int(AT.timestamp())
    assert bad == []


def test_the_note_is_the_c2sp_form_to_the_byte() -> None:
    lines = NOTE.split("\n")
    assert lines[0] == "jianzheng/V01"
    assert lines[1] == "41"
    assert base64.b64decode(lines[2]) == bytes(range(32))
    assert lines[3] == "time 2026-11-20T01:00:00.000000Z"
    assert lines[4] == ""
    blob = base64.b64decode(lines[5].removeprefix("— V01.edge "))
    assert blob[:4] == key_hash("V01.edge", 1, EDGE.public)
    assert EDGE.private.public_key().verify(blob[4:], NOTE.split("\n\n")[0].encode() + b"\n") is None


def test_a_changed_text_or_time_makes_each_signature_bad() -> None:
    note = cosign(NOTE, WITNESS, AT)
    good, bad = attestations(parse_note(note.replace("\n41\n", "\n42\n")), RING.all())
    assert (good, [s.name for s in bad]) == ([], ["V01.edge", "V01.witness"])
    parsed = parse_note(note)
    line = parsed.signatures[1]
    later = type(line)(line.name, line.key_hash, (1).to_bytes(8, "big") + line.value[8:])
    good, bad = attestations(type(parsed)(parsed.text, (parsed.signatures[0], later)), RING.all())
    assert [s.name for s in bad] == ["V01.witness"]
    short = type(line)(line.name, line.key_hash, line.value[:20])
    assert attestations(type(parsed)(parsed.text, (short,)), RING.all())[1] == [short]


def test_signatures_of_strangers_are_ignored_and_of_namesakes_are_bad() -> None:
    stranger = sign_checkpoint(POINT, SigningKey.generate("V09.edge"))
    assert attestations(parse_note(stranger), RING.all()) == ([], [])
    namesake = sign_checkpoint(POINT, SigningKey.generate("V01.edge"))
    good, bad = attestations(parse_note(namesake), RING.all())
    assert (good, len(bad)) == ([], 1)


def test_a_plain_signature_is_no_cosignature() -> None:
    good, _ = attestations(parse_note(sign_checkpoint(POINT, WITNESS)), RING.all())
    assert [a.cosignature for a in good] == [False]


def test_merge_joins_lines_once_and_refuses_other_texts() -> None:
    one, two = cosign(NOTE, CENTRE, AT), cosign(NOTE, WITNESS, AT)
    assert [s.name for s in parse_note(merge([one, two, one])).signatures] == [
        "V01.edge",
        "centre",
        "V01.witness",
    ]
    with pytest.raises(BadNote):
        merge([one, sign_checkpoint(Checkpoint(origin("V02"), 1, bytes(32), AT), EDGE)])


@pytest.mark.parametrize(
    "note",
    ["", "a", "a\n\n", "a\n\nb\n", NOTE[:-1], NOTE + "\n", NOTE.replace("— ", "- "), NOTE.replace("\n\n", "\n"),
     NOTE + "— V01.edge AAAA\n", NOTE + "— V01.edge A\n", NOTE + "\x00\n", NOTE + "x" * 70_000],
)  # fmt: skip
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(BadNote):
        parse_note(note)


@pytest.mark.parametrize(
    "text",
    ["", "o\n1\nAA==\n", POINT.text() + "more\n", POINT.text().replace("41", "041"), POINT.text().replace("41", "٤"),
     POINT.text().replace("time ", "at "), POINT.text().replace(".000000Z", "Z"), POINT.text()[:-1],
     POINT.text().replace("AAEC", "AAEC "), POINT.text().replace("jianzheng/V01", ""), "o\n1\nAAAA\n" + "time x\n"],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        parse_checkpoint(text)


@given(st.text(max_size=200))
def test_no_text_makes_the_note_reader_crash(text: str) -> None:
    try:
        parse_checkpoint(parse_note(text).text)
    except BadNote:
        return


def test_unknown_suites_verify_nothing() -> None:
    key = PublicKey("x", "edge", 1, EDGE.public, AT, suite="sm2")
    assert not key.verifies(EDGE.sign(b"m"), b"m")
