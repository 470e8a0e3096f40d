"""The draw's arithmetic: repeatable from its shares, fair, and every change to what was committed is found."""

import dataclasses
import hashlib
import hmac
from collections import Counter
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venue.experts import rules
from venue.experts.rules import Candidate, Disclosure, DrawRefused, Seat

pytestmark = pytest.mark.fast
CODES = ["A0401", "A0402", "A08", "B01"]
pools = st.lists(st.frozensets(st.sampled_from(CODES), min_size=1), min_size=1, max_size=14).map(
    lambda all_codes: [Candidate(f"p{n:02}", codes) for n, codes in enumerate(all_codes)]
)
seat_lists = st.lists(
    st.builds(Seat, st.sampled_from(["A04", "A0401", "A08", "B01", "A"]), st.integers(1, 3)),
    min_size=1,
    max_size=3,
)
shares_of = st.binary(min_size=32, max_size=32)


def held(pool: list[Candidate], seats: list[Seat], share: bytes = b"s" * 32) -> Disclosure:
    shares = {holder: hashlib.sha256(share + holder.encode()).digest() for holder in rules.HOLDERS}
    committed = rules.pool_commitment("d1", pool, seats)
    drawn = rules.choose(rules.seed(shares, committed), pool, seats)
    commitments = {holder: rules.commitment("d1", holder, one) for holder, one in shares.items()}
    return Disclosure("d1", commitments, committed, shares, pool, seats, drawn)


@given(pools, seat_lists, shares_of)
def test_a_pool_that_passes_the_check_fills_every_seat_whatever_the_seed(
    pool: list[Candidate], seats: list[Seat], the_seed: bytes
) -> None:
    try:
        rules.check_pool(pool, seats)
    except DrawRefused:
        return
    drawn = rules.choose(the_seed, pool, seats)
    assert Counter(one.specialty for one in drawn) == sum(
        (Counter({seat.specialty: seat.count}) for seat in seats), Counter()
    )
    assert len({one.person for one in drawn}) == len(drawn)
    codes = {one.person: one.specialties for one in pool}
    assert all(any(code.startswith(one.specialty) for code in codes[one.person]) for one in drawn)


@given(pools, shares_of)
def test_ranking_is_the_keyed_hash(pool: list[Candidate], the_seed: bytes) -> None:
    persons = [one.person for one in pool]
    plain = sorted(persons, key=lambda p: hmac.new(the_seed, p.encode(), hashlib.sha256).hexdigest())
    assert rules.ranking(the_seed, reversed(persons)) == plain


@pytest.mark.req("X2")
def test_every_order_of_three_comes_up_about_equally() -> None:
    seen = Counter(tuple(rules.ranking(n.to_bytes(32, "big"), "abc")) for n in range(6000))
    assert set(seen) == set(permutations("abc"))
    assert all(850 < count < 1150 for count in seen.values())  # binomial(6000, 1/6): five sigma is 144


def pool_of(count: int, code: str = "A08") -> list[Candidate]:
    return [Candidate(f"p{n:02}", frozenset({code})) for n in range(count)]


def test_an_honest_draw_verifies() -> None:
    rules.verify(held(pool_of(10), [Seat("A08", 5)]))


def swap_drawn(it: Disclosure) -> Disclosure:
    return dataclasses.replace(it, drawn=[*it.drawn[1:], it.drawn[0]])


def other_share(it: Disclosure) -> Disclosure:
    return dataclasses.replace(it, shares={**it.shares, "witness": b"x" * 32})


def smaller_pool(it: Disclosure) -> Disclosure:
    return dataclasses.replace(it, pool=it.pool[:-1])


def lost_share(it: Disclosure) -> Disclosure:
    return dataclasses.replace(it, shares={k: v for k, v in it.shares.items() if k != "operator"})


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (swap_drawn, "draw.result_differs"),
        (other_share, "draw.share_differs"),
        (smaller_pool, "draw.pool_differs"),
        (lost_share, "draw.share_missing"),
    ],
)
def test_every_change_is_found_and_named(change, key: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DrawRefused) as refused:
        rules.verify(change(held(pool_of(10), [Seat("A08", 5)])))
    assert refused.value.key == key


def test_a_commitment_binds_draw_and_holder() -> None:
    made = {rules.commitment(d, h, b"s" * 32) for d in ("d1", "d2") for h in rules.HOLDERS}
    assert len(made) == 6
    assert (
        rules.commitment("d1", "centre", b"s" * 32)
        == hashlib.sha256(b"jianzheng-draw-share-v1\nd1centre" + b"s" * 32).hexdigest()
    )


def test_a_share_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(DrawRefused):
        rules.commitment("d1", "centre", b"short")


def test_avoidance_comes_before_the_draw() -> None:
    pool = [Candidate("p1", frozenset({"A08"}), frozenset({"e1"})), Candidate("p2", frozenset({"A08"}))]
    assert rules.eligible(pool, frozenset({"e1"})) == [pool[1]]


def test_a_pool_that_would_give_the_drawn_away_is_refused() -> None:
    with pytest.raises(DrawRefused) as refused:
        rules.check_pool(pool_of(7), [Seat("A08", 5)])
    assert refused.value.params == {"specialty": "A08", "found": 7, "needed": 8}
