"""The journal's chain: every record names its predecessor's hash, and so does every record of a session
(keeps I-7).

Standard library only: the offline verifier reads chains with this module. Hashes are lower-case hex SHA-256
over 0x00 and the stored bytes, which is also the RFC 6962 leaf hash; stored bytes are never re-serialised.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

GENESIS = "0" * 64
"""`prev` of the first record of a journal, `session_prev` of the first record of a session."""


class BadRecord(ValueError):
    """The bytes are not one JSON object, or a key stands in it twice."""


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """One broken link: `position` is the 0-based place in the records given, `key` says what is wrong."""

    position: int
    seq: int
    key: str
    expected: str
    found: str


def fact_hash(data: bytes) -> str:
    """SHA-256 over 0x00 and the record's bytes, as hex."""
    return hashlib.sha256(b"\x00" + data).hexdigest()


def read_record(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`. Raises BadRecord; a doubled key is refused since readers would differ."""
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_no_doubles, parse_float=_no_float)
    except (ValueError, RecursionError) as error:
        raise BadRecord(str(error)) from error
    if not isinstance(value, dict):
        raise BadRecord("not an object")
    return value


def check_chain(records: Iterable[bytes], *, seq: int = 1, prev: str = GENESIS) -> Iterator[ChainBreak]:
    """Walk contiguous journal records, the first of which must be number `seq` after hash `prev`."""
    for position, data in enumerate(records):
        record = read_record(data)
        found_seq = record.get("seq")
        if found_seq != seq:
            yield ChainBreak(position, seq, "chain.seq", str(seq), str(found_seq))
        if record.get("prev") != prev:
            yield ChainBreak(position, seq, "chain.prev", prev, str(record.get("prev")))
        seq = (found_seq if isinstance(found_seq, int) else seq) + 1
        prev = fact_hash(data)


def check_session_chain(records: Iterable[bytes], session: str) -> Iterator[ChainBreak]:
    """Walk all records of one session in order: session_seq must run 1, 2, ... and session_prev must link."""
    prev, number = GENESIS, 1
    for position, data in enumerate(records):
        record = read_record(data)
        seq = record["seq"] if isinstance(record.get("seq"), int) else 0
        if record.get("session") != session:
            yield ChainBreak(position, seq, "chain.session", session, str(record.get("session")))
        found = record.get("session_seq")
        if found != number:
            yield ChainBreak(position, seq, "chain.session_seq", str(number), str(found))
        if record.get("session_prev") != prev:
            yield ChainBreak(position, seq, "chain.session_prev", prev, str(record.get("session_prev")))
        number = (found if isinstance(found, int) else number) + 1
        prev = fact_hash(data)


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BadRecord("a key stands twice")
    return found


def _no_float(text: str) -> float:
    raise BadRecord(f"float {text}")
