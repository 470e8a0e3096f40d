"""Booking rules against brute force: overlap minute by minute, and free slots are exactly what is accepted."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venue.bookings.rules import Buffers, Interval, RoomFacts, Taken, Wish, free_slots, refusals

pytestmark = pytest.mark.fast
START = datetime(2026, 11, 20, 0, 0, tzinfo=UTC)
ROOM = RoomFacts("E1", "evaluation", 10, frozenset({"projector"}))


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def interval(first: int, length: int) -> Interval:
    return Interval(at(first), at(first + length))


intervals = st.builds(interval, st.integers(0, 200), st.integers(1, 60))
buffers = st.builds(
    lambda before, after: Buffers(timedelta(minutes=before), timedelta(minutes=after)),
    st.integers(0, 20),
    st.integers(0, 20),
)


def minutes(span: Interval) -> set[int]:
    first = int((span.start - START).total_seconds() // 60)
    return set(range(first, int((span.end - START).total_seconds() // 60)))


def taken(spans: list[Interval], room: str = "E1") -> list[Taken]:
    return [Taken(f"b{n}", room, span, f"project {n}") for n, span in enumerate(spans)]


@given(intervals, intervals)
def test_overlap_is_a_shared_minute(one: Interval, other: Interval) -> None:
    assert one.overlaps(other) == other.overlaps(one) == bool(minutes(one) & minutes(other))


@given(intervals, st.lists(intervals, max_size=6), buffers)
def test_clashes_are_those_that_share_a_blocked_minute(
    window: Interval, spans: list[Interval], around: Buffers
) -> None:
    found = refusals(Wish("E1", "evaluation", window), ROOM, taken(spans), around)
    blocked = minutes(window.grown(around))
    expected = {f"b{n}" for n, span in enumerate(spans) if minutes(span) & blocked}
    assert {clash.booking for refusal in found for clash in refusal.clashes} == expected
    assert [refusal.key for refusal in found] == (["booking.clash"] if expected else [])


@pytest.mark.req("V2")
@given(st.lists(intervals, max_size=6), buffers, st.integers(1, 90), st.integers(5, 30))
def test_free_slots_are_exactly_what_is_accepted(  # keeps I-13
    spans: list[Interval], around: Buffers, length: int, step: int
) -> None:
    wish = Wish("E1", "evaluation", interval(0, 240), 4)
    span, pace = timedelta(minutes=length), timedelta(minutes=step)
    listed = {slot.start for slot in free_slots(wish, ROOM, taken(spans), around, span, pace)}
    busy = set().union(*(minutes(one) for one in spans)) if spans else set()
    expected = {
        at(first)
        for first in range(0, 241 - length, step)
        if not minutes(Interval(at(first), at(first) + span).grown(around)) & busy
    }
    assert listed == expected


def test_other_rooms_do_not_matter() -> None:
    assert (
        refusals(Wish("E1", "evaluation", interval(0, 9)), ROOM, taken([interval(0, 9)], "E2"), Buffers())
        == ()
    )


@pytest.mark.parametrize(
    ("wish", "key"),
    [
        (Wish("E1", "opening", interval(0, 9)), "booking.wrong_kind"),
        (Wish("E1", "evaluation", interval(0, 9), 11), "booking.too_small"),
        (Wish("E1", "evaluation", interval(0, 9), 1, frozenset({"organ"})), "booking.lacks_equipment"),
        (Wish("E9", "evaluation", interval(0, 9)), "booking.unknown_room"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_reason(wish: Wish, key: str) -> None:
    assert [refusal.key for refusal in refusals(wish, ROOM, [], Buffers())] == [key]


def test_an_empty_or_naive_interval_is_an_error() -> None:
    with pytest.raises(ValueError, match="empty"):
        Interval(at(1), at(1))
    with pytest.raises(ValueError, match="naive"):
        Interval(at(1).replace(tzinfo=None), at(2))
