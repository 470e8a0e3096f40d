"""Checkpoints as C2SP signed notes, and timestamped Ed25519 cosignatures (`cosignature/v1`).

A checkpoint is the text `origin, size, base64 root, time STAMP`, one a line. A signed note is that text, an
empty line and one signature line a signer. Standard library and `cryptography` only. The bytes:
docs/design/proof.md.
"""

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from contract.clock import parse_stamp, stamp
from contract.keys import PublicKey, SigningKey

ED25519, COSIGNATURE_V1 = 0x01, 0x04
"""Signature types of the C2SP signed-note registry."""

_LINE = re.compile("^\u2014 ([^ +\n]+) ([A-Za-z0-9+/]+={0,2})$")
_COSIGNED = "cosignature/v1\ntime {seconds}\n{text}"
_TIME = struct.Struct(">Q")
MAX_NOTE = 64 * 1024


class BadNote(ValueError):
    """The text is not a signed note, or not a checkpoint."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a journal: `size` records, their RFC 6962 `root`, stated at `time` (edge's wall clock)."""

    origin: str
    size: int
    root: bytes
    time: datetime

    def text(self) -> str:
        """The note text; ends with a newline."""
        root = base64.b64encode(self.root).decode("ascii")
        return f"{self.origin}\n{self.size}\n{root}\ntime {stamp(self.time)}\n"


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line. `key_hash` is 4 bytes, `value` what follows them."""

    name: str
    key_hash: bytes
    value: bytes

    def line(self) -> str:
        """The line without its newline."""
        return f"\u2014 {self.name} {base64.b64encode(self.key_hash + self.value).decode('ascii')}"


@dataclass(frozen=True, slots=True)
class Note:
    """A signed note taken apart; nothing is verified yet."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(f"{signature.line()}\n" for signature in self.signatures)


@dataclass(frozen=True, slots=True)
class Attested:
    """A signature line that verified: by whom, as what, (cosignatures only) at which second since 1970."""

    key: PublicKey
    cosignature: bool
    seconds: int | None


def origin(venue: str) -> str:
    """First line of a venue's checkpoints."""
    return f"jianzheng/{venue}"


def key_hash(name: str, kind: int, public: bytes) -> bytes:
    """First 4 bytes of SHA-256(name, newline, signature type, public key)."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> str:
    """A signed note with the edge's own signature (type 0x01, over the text alone)."""
    text = checkpoint.text()
    signature = Signature(key.name, key_hash(key.name, ED25519, key.public), key.sign(text.encode()))
    return str(Note(text, (signature,)))


def cosign(note: str, key: SigningKey, at: datetime) -> str:
    """The note with one more line: a `cosignature/v1` (0x04) made at `at`, whole seconds. Raises BadNote."""
    parsed = parse_note(note)
    seconds = int(at.timestamp())
    message = _COSIGNED.format(seconds=seconds, text=parsed.text).encode()
    value = _TIME.pack(seconds) + key.sign(message)
    signature = Signature(key.name, key_hash(key.name, COSIGNATURE_V1, key.public), value)
    return str(Note(parsed.text, (*parsed.signatures, signature)))


def parse_note(note: str) -> Note:
    """Take a signed note apart; raises BadNote. At least one signature line is required."""
    if len(note) > MAX_NOTE or any(ord(c) < 0x20 and c != "\n" for c in note):
        raise BadNote("too long, or a control character")
    text, found, tail = note.rpartition("\n\n")
    if not found or not tail.endswith("\n"):
        raise BadNote("no signature block")
    return Note(text + "\n", tuple(_parse_line(line) for line in tail[:-1].split("\n")))


def parse_checkpoint(text: str) -> Checkpoint:
    """Read the note text of one of our checkpoints; raises BadNote."""
    lines = text.split("\n")
    if len(lines) != 5 or lines[4] or not lines[0] or not lines[3].startswith("time "):
        raise BadNote("not a checkpoint of four lines")
    if not re.fullmatch(r"0|[1-9][0-9]{0,17}", lines[1], re.ASCII):
        raise BadNote(f"size {lines[1]!r}")
    try:
        root = base64.b64decode(lines[2], validate=True)
        checkpoint = Checkpoint(lines[0], int(lines[1]), root, parse_stamp(lines[3][5:]))
    except (ValueError, binascii.Error) as error:
        raise BadNote(str(error)) from error
    if len(root) != 32 or checkpoint.text() != text:
        raise BadNote("not the canonical form")
    return checkpoint


def read_note(note: str) -> Checkpoint:
    """The checkpoint in a signed note, signatures unverified; raises BadNote."""
    return parse_checkpoint(parse_note(note).text)


def attestations(note: Note, keys: Iterable[PublicKey]) -> tuple[list[Attested], list[Signature]]:
    """Signatures that verify under `keys`, and those that name one of `keys` but do not verify.

    Lines of keys that are not in `keys` are ignored, as C2SP demands; terms of keys are the caller's to
    judge.
    """
    good: list[Attested] = []
    bad: list[Signature] = []
    known = {(key.name, key_hash(key.name, kind, key.public)): (key, kind)
             for key in keys for kind in (ED25519, COSIGNATURE_V1)}  # fmt: skip
    names = {key.name for key, _ in known.values()}
    for signature in note.signatures:
        key, kind = known.get((signature.name, signature.key_hash), (None, 0))
        attested = _attest(note.text, signature, key, kind) if key else None
        if attested:
            good.append(attested)
        elif signature.name in names:
            bad.append(signature)
    return good, bad


def merge(notes: Iterable[str]) -> str:
    """One note with the signature lines of all, doubles dropped, in order. BadNote unless one text."""
    parsed = [parse_note(note) for note in notes]
    if not parsed or {note.text for note in parsed} != {parsed[0].text}:
        raise BadNote("notes of different texts")
    lines = dict.fromkeys(signature for note in parsed for signature in note.signatures)
    return str(Note(parsed[0].text, tuple(lines)))


def _attest(text: str, signature: Signature, key: PublicKey, kind: int) -> Attested | None:
    if kind == ED25519:
        return Attested(key, False, None) if key.verifies(signature.value, text.encode()) else None
    if len(signature.value) != _TIME.size + 64:
        return None
    (seconds,) = _TIME.unpack_from(signature.value)
    message = _COSIGNED.format(seconds=seconds, text=text).encode()
    return Attested(key, True, seconds) if key.verifies(signature.value[_TIME.size :], message) else None


def _parse_line(line: str) -> Signature:
    match = _LINE.match(line)
    if match is None:
        raise BadNote(f"not a signature line: {line[:80]!r}")
    try:
        blob = base64.b64decode(match[2], validate=True)
    except binascii.Error as error:
        raise BadNote("signature is not base64") from error
    if len(blob) < 5:
        raise BadNote("signature too short")
    signature = Signature(match[1], blob[:4], blob[4:])
    if signature.line() != line:
        raise BadNote("base64 not in its one form")
    return signature
