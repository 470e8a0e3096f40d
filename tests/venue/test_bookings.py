"""The guard in the database: threads race for one room, and no way past the rules gets past it (keeps I-13)."""

import threading
from datetime import timedelta
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from tests.venue.desk import Centre, make_centre
from venue.bookings import service
from venue.bookings.rules import Buffers, Interval, Wish
from venue.bookings.service import BookingRefused, Owner
from venue.bookings.tables import Booking

pytestmark = pytest.mark.fast
NONE = Buffers()
THREADS, ROUNDS = 16, 8


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return make_centre(tmp_path)


def window(centre: Centre, hour: float, hours: float = 2) -> Interval:
    start = centre.clock.now() + timedelta(hours=hour)
    return Interval(start, start + timedelta(hours=hours))


def place(centre: Centre, who: str, span: Interval, buffers: Buffers = NONE, room: str = "eval-1") -> str:
    with centre.database.writing() as db:
        return service.place(
            db, "t", Wish(room, "evaluation", span), Owner(f"s-{who}", f"t-{who}", who), buffers
        ).id


def standing(centre: Centre) -> list[Booking]:
    with centre.database.reading() as db:
        return list(db.exec(select(Booking).where(Booking.state == "booked")))


def overlaps(bookings: list[Booking]) -> list[tuple[str, str]]:
    return [
        (a.id, b.id)
        for a, b in combinations(bookings, 2)
        if a.room == b.room and a.blocked_from < b.blocked_until and b.blocked_from < a.blocked_until
    ]


@pytest.mark.req("V2")
def test_threads_that_race_for_a_room_give_it_once(centre: Centre) -> None:  # keeps I-13
    results: list[str] = []

    def run(number: int, barrier: threading.Barrier, round_: int) -> None:
        barrier.wait()
        try:
            place(centre, f"{round_}-{number}", window(centre, round_ * 3, 2 + number % 3))
            results.append("placed")
        except BookingRefused as refused:
            results.append("refused" if refused.refusals[0].clashes else "refused without who and when")

    for round_ in range(ROUNDS):
        barrier = threading.Barrier(THREADS)
        threads = [threading.Thread(target=run, args=(n, barrier, round_ * 2)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(results) == THREADS * ROUNDS
    assert results.count("placed") == ROUNDS
    assert results.count("refused") == (THREADS - 1) * ROUNDS
    assert overlaps(standing(centre)) == []


def raw(centre: Centre, number: int, span: Interval, **other: object) -> Booking:
    fields = {
        "id": f"raw-{number}", "room": "eval-1", "session": "s", "sitting": f"t{number}", "purpose": "evaluation",
        "who": "w", "people": 1, "starts_at": span.start, "ends_at": span.end, "blocked_from": span.start,
        "blocked_until": span.end, "state": "booked", "made_by": "t", "made_at": centre.clock.now(),
    }  # fmt: skip
    return Booking(**(fields | other))


def test_the_database_refuses_what_the_rules_never_saw(centre: Centre) -> None:
    with centre.database.writing() as db:
        db.add(raw(centre, 1, window(centre, 1)))
        db.add(raw(centre, 2, window(centre, 2), state="cancelled", reason="x"))
        db.add(raw(centre, 3, window(centre, 3)))
    for number, change in (
        (4, None),
        (2, {"state": "booked"}),
        (3, {"blocked_from": window(centre, 2.5).start}),
    ):
        with pytest.raises(IntegrityError, match="booking_no_overlap"):
            force(centre, number, change)


def force(centre: Centre, number: int, change: dict[str, object] | None) -> None:
    """Write past the rules."""
    with centre.database.writing() as db:
        row = (
            raw(centre, number, window(centre, 2)) if change is None else db.get_one(Booking, f"raw-{number}")
        )
        for name, value in (change or {}).items():
            setattr(row, name, value)
        db.add(row)


@pytest.mark.parametrize("fault", ["empty", "inverted", "buffer_inside"])
def test_the_database_refuses_windows_that_are_none(centre: Centre, fault: str) -> None:
    span = window(centre, 1)
    wrong = {
        "empty": {"ends_at": span.start},
        "inverted": {"starts_at": span.end, "ends_at": span.start},
        "buffer_inside": {"blocked_from": span.start + timedelta(minutes=1)},
    }[fault]
    with pytest.raises(IntegrityError, match="ck_booking"), centre.database.writing() as db:
        db.add(raw(centre, 1, span, **wrong))


def test_a_refusal_by_the_database_alone_is_told_as_a_clash(centre: Centre) -> None:
    """Where two checks both passed (PostgreSQL), the loser hears the same words."""
    place(centre, "first", window(centre, 1))
    with centre.database.writing() as db:
        row = raw(centre, 9, window(centre, 1))
        wish = Wish("eval-1", "evaluation", window(centre, 1))
        with pytest.raises(BookingRefused) as refused:
            service._store(db, row, wish)
        assert refused.value.refusals[0].clashes[0].who == "first"
        # The transaction lives on: only the losing statement was undone.
        assert [b.who for b in db.exec(select(Booking))] == ["first"]


def test_the_guard_is_there_after_every_migration(centre: Centre) -> None:
    with centre.database.reading() as db:
        found = {
            row[0]
            for row in db.connection().exec_driver_sql(
                "SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name='booking'"
            )
        }
    assert found == {"booking_no_overlap_insert", "booking_no_overlap_update"}


def test_buffers_keep_neighbours_apart(centre: Centre) -> None:
    airing = Buffers(after=timedelta(minutes=10))
    place(centre, "first", window(centre, 1), airing)
    with pytest.raises(BookingRefused):
        place(centre, "second", window(centre, 3), airing)
    place(centre, "second", window(centre, 3 + 10 / 60), airing)


def test_a_day_of_another_zone_is_the_same_day(centre: Centre) -> None:
    """Stored times are UTC text: a booking given in another zone clashes all the same."""
    from zoneinfo import ZoneInfo

    span = window(centre, 1)
    place(centre, "first", span)
    zone = ZoneInfo("Asia/Shanghai")
    with pytest.raises(BookingRefused):
        place(centre, "second", Interval(span.start.astimezone(zone), span.end.astimezone(zone)))


steps = st.lists(
    st.tuples(
        st.sampled_from(["place", "shift", "release"]),
        st.integers(0, 5),
        st.integers(0, 40),
        st.integers(1, 10),
    ),
    max_size=14,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_any_course_of_changes_agrees_with_brute_force(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int, int]]
) -> None:
    centre = make_centre(tmp_path_factory.mktemp("bookings"))
    model: dict[int, tuple[int, int]] = {}
    ids: dict[int, str] = {}
    for what, number, first, length in steps:
        free = all(
            number == other or first + length <= start or start + long <= first
            for other, (start, long) in model.items()
        )
        span = window(centre, first, length)
        try:
            if what == "place" and number not in ids:
                ids[number] = place(centre, str(number), span)
                model[number] = (first, length)
            elif what == "shift" and number in model:
                with centre.database.writing() as db:
                    service.shift(db, "t", db.get_one(Booking, ids[number]), span, "eval-1", NONE, "")
                model[number] = (first, length)
            elif what == "release" and number in model:
                with centre.database.writing() as db:
                    service.release(db, "t", db.get_one(Booking, ids[number]), "")
                del model[number]
            else:
                continue
            assert free or what == "release"
        except BookingRefused:
            assert not free
        assert overlaps(standing(centre)) == []
        assert len(standing(centre)) == len(model)
