"""The signed envelope of documents, commands, receipts and statements (keeps I-9).

`{"signed": canonical JSON text, "suite", "key", "signature"}`; the signature covers a purpose line and the
text as it stands, so that a receipt can never pass as a command and nothing is re-serialised before it is
checked.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from contract.canonical import canonical
from contract.keys import SUITE, KeyFileError, KeyRing, PublicKey, SigningKey

Class = Literal["document", "command", "receipt", "statement"]

__all__ = [
    "BadSignature", "Class", "KeyFileError", "KeyNotValid", "KeyRing", "MalformedEnvelope", "PublicKey",
    "SigningError", "SigningKey", "UnknownKey", "open_", "seal",
]  # fmt: skip


class SigningError(Exception):
    """A sealed envelope cannot be believed."""


class BadSignature(SigningError):
    """The signature does not fit text, class and key."""


class MalformedEnvelope(BadSignature):
    """Not an envelope: a field is missing or of the wrong form."""


class UnknownKey(SigningError):
    """The ring has no such key, or the envelope names a suite that nobody here can check."""


class KeyNotValid(UnknownKey):
    """The key is known but outside its term at the instant asked about."""


def seal(class_: Class, payload: Mapping[str, Any], key: SigningKey) -> dict[str, str]:
    """Sign a payload. NotCanonical when it holds a float."""
    text = canonical(dict(payload)).decode("utf-8")
    signature = base64.b64encode(key.sign(_message(class_, text))).decode("ascii")
    return {"signed": text, "suite": SUITE, "key": key.id, "signature": signature}


def open_(
    class_: Class, envelope: Mapping[str, Any], keys: KeyRing, *, at: datetime | None = None
) -> dict[str, Any]:
    """The payload of a good envelope, or MalformedEnvelope, UnknownKey, KeyNotValid (`at`), BadSignature."""
    text, signature, key_id = _fields(envelope)
    key = keys.find(key_id)
    if key is None or envelope.get("suite") != key.suite or key.suite != SUITE:
        raise UnknownKey(key_id)
    if at is not None and not key.valid_at(at):
        raise KeyNotValid(key_id)
    if not key.verifies(signature, _message(class_, text)):
        raise BadSignature(key_id)
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedEnvelope("signed text is not JSON") from error
    if not isinstance(payload, dict):
        raise MalformedEnvelope("signed text is not an object")
    return payload


def _message(class_: Class, text: str) -> bytes:
    return f"jianzheng-{class_}-v1\n{text}".encode()


def _fields(envelope: Mapping[str, Any]) -> tuple[str, bytes, str]:
    if not isinstance(envelope, Mapping):
        raise MalformedEnvelope("not an object")
    text, signature, key_id = (envelope.get(name) for name in ("signed", "signature", "key"))
    if not (isinstance(text, str) and isinstance(signature, str) and isinstance(key_id, str)):
        raise MalformedEnvelope("signed, signature and key are texts")
    try:
        text.encode()
        return text, base64.b64decode(signature, validate=True), key_id
    except (ValueError, binascii.Error) as error:
        raise MalformedEnvelope("signature is not base64") from error
