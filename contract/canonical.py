"""Canonical JSON (RFC 8785): the one way to turn a value into bytes that are hashed or signed."""

from typing import Any

import rfc8785


class NotCanonical(ValueError):
    """The value has no canonical form of ours: a float, an integer beyond 2^53-1, or an unknown type."""


def canonical(obj: Any) -> bytes:
    """UTF-8 bytes of RFC 8785 form. Floats are refused: nothing hashed may depend on their printing."""
    _refuse_floats(obj)
    try:
        return rfc8785.dumps(obj)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonical(str(error)) from error


def _refuse_floats(obj: Any) -> None:
    """Walk containers only; depth is bounded by the interpreter's own recursion limit."""
    if isinstance(obj, float):
        raise NotCanonical(f"float {obj!r}: write an integer in a smaller unit")
    if isinstance(obj, dict):
        for key, value in obj.items():
            if not isinstance(key, str):
                raise NotCanonical(f"key {key!r} is not a string")
            _refuse_floats(value)
    elif isinstance(obj, list | tuple):
        for value in obj:
            _refuse_floats(value)
