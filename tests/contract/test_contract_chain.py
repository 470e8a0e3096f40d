"""The chain and the fact record: any edit, drop, swap or doubling is seen."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from contract.canonical import NotCanonical, canonical
from contract.chain import GENESIS, BadRecord, check_chain, check_session_chain, fact_hash, read_record
from contract.clock import FakeClock
from contract.envelope import BadFact, FactDraft, Position, Record, build_fact, parse_fact
from contract.kinds import UnknownKind, check_body, read_body
from contract.tree import leaf_hash

pytestmark = pytest.mark.fast
SESSION = "s-1"


def journal(length: int = 8) -> list[bytes]:
    clock, records = FakeClock(), []
    position = Position("V01", "boot-1")
    for n in range(length):
        record = build_fact(FactDraft("door_opened", {"door": f"d{n}"}, SESSION), position, clock, None)
        records.append(record.data)
        position = Position("V01", "boot-1", n + 2, record.hash, n + 2, record.hash)
    return records


RECORDS = journal()


def breaks(records: list[bytes]) -> list[str]:
    found = [*check_chain(records), *check_session_chain(records, SESSION)]
    return [broken.key for broken in found]


def test_an_untouched_chain_has_no_break() -> None:
    assert breaks(RECORDS) == []


def test_hash_is_the_leaf_hash() -> None:
    assert fact_hash(RECORDS[0]) == leaf_hash(RECORDS[0]).hex()


@given(st.integers(0, 6), st.text(max_size=4))
def test_any_edit_of_a_record_breaks_the_next(place: int, door: str) -> None:
    fact = json.loads(RECORDS[place])
    assume(fact["body"]["door"] != door)
    fact["body"]["door"] = door
    edited = [*RECORDS[:place], canonical(fact), *RECORDS[place + 1 :]]
    assert {"chain.prev", "chain.session_prev"} <= set(breaks(edited))


@given(st.integers(0, 7))
def test_any_drop_but_the_last_breaks(place: int) -> None:
    left = RECORDS[:place] + RECORDS[place + 1 :]
    assert bool(breaks(left)) == (place < 7)  # a cut tail is for closing and checkpoint to see


@given(st.integers(0, 7), st.integers(0, 7))
def test_any_swap_breaks(one: int, other: int) -> None:
    assume(one != other)
    swapped = list(RECORDS)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    assert breaks(swapped)


@given(st.integers(0, 7))
def test_any_doubling_breaks(place: int) -> None:
    assert breaks([*RECORDS[: place + 1], *RECORDS[place:]])


def test_a_record_of_another_session_is_named() -> None:
    found = [b.key for b in check_session_chain(RECORDS, "s-2")]
    assert set(found) == {"chain.session"}


def test_a_later_part_is_checked_from_where_it_starts() -> None:
    assert list(check_chain(RECORDS[3:], seq=4, prev=fact_hash(RECORDS[2]))) == []
    assert [b.key for b in check_chain(RECORDS[3:], seq=4, prev=GENESIS)] == ["chain.prev"]


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"1", b'{"a":1,"a":1}', b'{"a":1.5}', b'{"a":NaN', b"\xff", b'{"a":1e3}', b"[" * 9999],
)
def test_bytes_that_are_no_record_are_refused(data: bytes) -> None:
    with pytest.raises(BadRecord):
        read_record(data)
    with pytest.raises(BadFact):
        parse_fact(data)


def test_build_makes_canonical_bytes_of_draft_position_and_clock() -> None:
    clock = FakeClock()
    draft = FactDraft("identity_confirmed", {"methods": ("card",)}, SESSION, "visit-1")
    record = build_fact(draft, Position("V01", "boot-1", 5, "a" * 64, 2, "b" * 64), clock, -3)
    fact = json.loads(record.data)
    assert canonical(fact) == record.data
    assert (fact["seq"], fact["prev"], fact["session_seq"], fact["session_prev"]) == (
        5,
        "a" * 64,
        2,
        "b" * 64,
    )
    assert (fact["wall"], fact["mono_us"], fact["clock_error_ms"]) == (
        "2026-11-20T01:00:00.000000Z",
        1_000_000,
        -3,
    )
    assert fact["body"] == {"methods": ["card"]}
    assert record == parse_fact(record.data)
    assert record.fact.at == clock.now()


def test_outside_a_session_the_session_pair_is_null() -> None:
    record = build_fact(FactDraft("door_opened", {"door": "d"}), Position("V01", "boot-1"), FakeClock(), None)
    assert (record.fact.session, record.fact.session_seq, record.fact.session_prev) == (None, None, None)


@pytest.mark.parametrize(
    ("draft", "error"),
    [
        (FactDraft("door_opened", {}), ValidationError),
        (FactDraft("door_opened", {"door": 1}), ValidationError),
        (FactDraft("door_opened", {"door": "d", "angle": 1.5}), NotCanonical),
        (FactDraft("never_heard_of", {}), UnknownKind),
        (FactDraft("suspend_entry", {"rooms": []}), UnknownKind),
    ],
)
def test_a_wrong_draft_never_becomes_bytes(draft: FactDraft, error: type[Exception]) -> None:
    with pytest.raises(error):
        build_fact(draft, Position("V01", "boot-1"), FakeClock(), None)


def _changed(**changes: object) -> bytes:
    return canonical({**json.loads(RECORDS[0]), **changes})


def test_unknown_kinds_and_fields_of_a_newer_writer_are_kept() -> None:
    data = _changed(kind="roof_flown_off", body={"wind": 9}, colour="blue")
    record: Record = parse_fact(data)
    assert record.fact.typed() is None
    assert canonical(record.fact.wire()) == data


@pytest.mark.parametrize(
    "changes",
    [
        {"seq": 0}, {"seq": "1"}, {"prev": "xyz"}, {"wall": "2026-11-20"}, {"session": None}, {"v": 2},
        {"session_seq": None}, {"mono_us": -1}, {"body": []}, {"venue": ""}, {"kind": 7},
    ],
)  # fmt: skip
def test_a_record_of_wrong_form_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(BadFact):
        parse_fact(_changed(**changes))


@pytest.mark.parametrize("value", [1.0, {"a": [1.5]}, 1 << 53, {1: 2}, {"a": b"x"}, "\ud800"])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(NotCanonical):
        canonical(value)


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(
    st.characters(exclude_categories=["Cs"])), lambda inner: st.lists(inner) | st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])), inner), max_leaves=8))  # fmt: skip
def test_canonical_form_is_a_fixed_point(value: object) -> None:
    data = canonical(value)
    assert canonical(json.loads(data)) == data


def test_a_body_with_a_python_spelling_is_refused() -> None:
    with pytest.raises(ValidationError):
        check_body("fact", "door_unlocked", {"door": "d", "result": "done", "for_": "entry"})
    assert read_body("never_heard_of", {}) is None
