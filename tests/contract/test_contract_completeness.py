"""The reckoning of seconds against a brute force that looks at every microsecond of a small world."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_package import Keys, Ledger, play

from contract.completeness import (
    FRAME_SPACING_US,
    Gap,
    Piece,
    differences,
    reckon,
    second_of,
    statement,
    undeclared,
    windows,
)
from contract.spans import intersect, longer_than, subtract, total, union

pytestmark = pytest.mark.fast
END = 40
SPANS = st.lists(
    st.tuples(st.integers(0, END), st.integers(0, END)).map(lambda p: (min(p), max(p))), max_size=5
)
PIECES = st.lists(st.builds(lambda s, v, a: Piece(*s, v, a), SPANS.filter(bool).map(lambda s: s[0]),
                            st.booleans(), st.booleans()), max_size=5)  # fmt: skip
GAPS = st.lists(st.builds(lambda s, m: Gap(*s, m, "c"), SPANS.filter(bool).map(lambda s: s[0]),
                          st.sampled_from(["both", "video", "audio"])), max_size=4)  # fmt: skip


def points(spans: list[tuple[int, int]]) -> set[int]:
    return {t for start, end in spans for t in range(start, end)}


def runs(marks: set[int]) -> list[tuple[int, int]]:
    """Maximal runs of neighbouring points."""
    starts = sorted(t for t in marks if t - 1 not in marks)
    ends = sorted(t + 1 for t in marks if t + 1 not in marks)
    return list(zip(starts, ends, strict=True))


@given(SPANS, SPANS)
@settings(max_examples=300)
def test_sets_of_time_are_sets_of_points(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    a, b = points(one), points(other)
    assert union(one) == runs(a)
    assert subtract(one, other) == runs(a - b)
    assert intersect(one, other) == runs(a & b)
    assert total(one) == len(a)
    assert longer_than(one, 3) == [s for s in runs(a) if s[1] - s[0] > 3]


@given(SPANS, PIECES, GAPS, st.integers(0, 5))
@settings(max_examples=300)
def test_reckoning_equals_brute_force(spans, pieces, gaps, tolerance) -> None:
    row = reckon(spans, pieces, gaps, tolerance)
    window = points(spans)
    holes = {}
    for medium, key in (("video", "recorded_us"), ("audio", "sound_us")):
        have = points([(p.start_us, p.end_us) for p in pieces if getattr(p, medium)])
        told = points([(g.start_us, g.end_us) for g in gaps if g.media in (medium, "both")])
        assert row[key] == len(window & have)
        long = [r for r in runs(window - have - told) if r[1] - r[0] > tolerance]
        holes[medium] = points(long)
    assert row["expected_us"] == len(window)
    found = {m: points([(g["start_us"], g["end_us"]) for g in row["gaps_undeclared"] if g["media"] == m])
             for m in ("both", "video", "audio")}  # fmt: skip
    assert found["both"] == holes["video"] & holes["audio"]
    assert found["video"] == holes["video"] - holes["audio"]
    assert found["audio"] == holes["audio"] - holes["video"]
    declared = points([(g["start_us"], g["end_us"]) for g in row["gaps_declared"]])
    assert declared == window & points([(g.start_us, g.end_us) for g in gaps])


def test_a_hole_of_one_frame_spacing_is_no_gap_and_one_more_is() -> None:
    window = [(0, 10_000_000)]
    for extra, count in ((0, 0), (1, 1)):
        apart = [Piece(0, 5_000_000), Piece(5_000_000 + FRAME_SPACING_US + extra, 10_000_000)]
        assert len(reckon(window, apart, [])["gaps_undeclared"]) == count


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return play(Keys())


@pytest.mark.req("M2")
def test_the_statement_of_a_session(ledger: Ledger) -> None:
    mine = [f for f in ledger.facts() if f["session"]]
    stated = statement(mine)
    assert stated["people"] == {"expected": 2, "entered": 2, "left": 2, "still_inside": []}
    assert stated["lockers"] == {"assigned": 2, "returned": 2, "outstanding": []}
    assert stated["doors"]["D1"]["unlocked"] == 2
    one, two = stated["cameras"]["C1"], stated["cameras"]["C2"]
    assert (one["expected_us"], one["recorded_us"], one["sound_us"]) == (4_000_000, 4_000_000, 4_000_000)
    assert (two["recorded_us"], len(two["gaps_declared"]), two["gaps_undeclared"]) == (2_000_000, 1, [])
    assert undeclared(stated) == []


def test_everybody_gets_the_same_before_and_after_it_is_stated(ledger: Ledger) -> None:
    mine = [f for f in ledger.facts() if f["session"]]
    assert mine[-2]["kind"] == "completeness_stated"
    assert statement(mine[:-2]) == statement(mine) == mine[-2]["body"]["statement"]


def test_a_file_that_did_not_arrive_is_an_undeclared_gap(ledger: Ledger) -> None:
    mine = [f for f in ledger.facts() if f["session"]]
    segments = [f["body"] for f in mine if f["kind"] == "segment_finalised"]
    held = {s["sha256"] for s in segments[1:]}
    ((camera, gap),) = undeclared(statement(mine, held))
    assert camera == "C1"
    assert (gap["start_us"], gap["end_us"], gap["media"]) == (
        segments[0]["start_us"],
        segments[0]["end_us"],
        "both",
    )


def fact(kind: str, second: int, visit: str | None = None, **body: object) -> dict[str, object]:
    return {
        "kind": kind,
        "session": "s",
        "visit": visit,
        "wall": f"2026-11-20T01:00:{second:02d}.000000Z",
        "body": body,
    }


@pytest.mark.req("C7")
def test_who_stays_inside_and_which_locker_is_not_returned() -> None:
    facts = [
        fact("roster_opened", 0, expected=3),
        fact("locker_assigned", 1, "v1", bank="L1", locker=1),
        fact("locker_assigned", 1, "v2", bank="L1", locker=2),
        fact("custody_settled", 1, "v2", declared_empty=True),
        fact("person_entered", 2, "v1", place="area"),
        fact("person_entered", 3, "v1", place="room"),
        fact("person_entered", 3, "v2", place="area"),
        fact("person_entered", 3, "v3", place="area"),
        fact("person_entered", 3, None, place="area"),
        fact("person_left", 4, "v1", place="room"),
        fact("person_left", 4, "v9", place="room"),
        fact("visit_ended", 5, "v2", outcome="left"),
        fact("visit_ended", 5, "v3", outcome="cancelled"),
        fact("door_unlocked", 6, "v1", door="D", result="unknown"),
        fact("door_unlocked", 6, "v1", door="D", result="refused"),
        fact("door_forced", 6, door="D"),
    ]
    stated = statement(facts)
    assert stated["people"] == {"expected": 3, "entered": 3, "left": 1, "still_inside": ["v1", "v3"]}
    assert stated["lockers"]["outstanding"] == [{"bank": "L1", "locker": 1, "visit": "v1"}]
    assert (stated["doors"]["D"]["unknown"], stated["doors"]["D"]["unlocked"]) == (1, 0)
    assert stated["doors"]["D"]["forced"] == 1


def test_two_sittings_have_two_windows_and_an_open_one_ends_with_the_last_fact() -> None:
    base = 1_795_136_400_000_000
    facts = [
        fact("session_opened", 1, from_us=base, cameras=["C"]), fact("recording_stopped", 5, cameras=["C"]),
        fact("session_opened", 20, cameras=["C"]), fact("door_opened", 30, door="D"),
    ]  # fmt: skip
    assert windows(facts) == [(base, base + 5_000_000), (base + 20_000_000, base + 30_000_000)]


def test_an_empty_session_states_nothing() -> None:
    assert statement([])["cameras"] == {}
    assert statement([])["session"] is None


def test_differences_name_the_path() -> None:
    assert differences({"a": {"b": 1}, "c": 2}, {"a": {"b": 3}, "c": 2}) == ["a.b"]
    assert differences({"a": 1}, {"a": True}) == ["a"]
    assert differences({"a": 1}, None) == [""]


def test_the_second_of_an_instant() -> None:
    assert second_of(1_795_136_400_999_999) == "2026-11-20T01:00:00Z"
    assert second_of(253_402_300_799_999_999) == "9999-12-31T23:59:59Z"
    assert second_of(1 << 63) == "9223372036854775808 us"
