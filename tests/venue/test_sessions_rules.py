"""The state table: total over states and events, the same as on the page, and suspension returns whence it came."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from venue.sessions.rules import TRANSITIONS, Event, Standing, State, TransitionRefused, allowed, transition
from venue.settings import CHECKOUT

pytestmark = pytest.mark.fast
LIFE = [
    State.DRAFT, State.BOOKED, State.PREPARED, State.CHECKING_IN, State.IN_PROGRESS, State.CLOSED, State.FILING,
    State.FILED,
]  # fmt: skip
WAY = [
    Event.BOOK, Event.PREPARE, Event.CHECKIN_OPENED, Event.SESSION_OPENED, Event.SESSION_CLOSED, Event.FILE,
    Event.PACKAGE_SEALED,
]  # fmt: skip


def test_the_whole_life() -> None:
    at = Standing(State.DRAFT)
    for event, (_, target) in zip(WAY, pairwise(LIFE), strict=True):
        at = transition(at, event)
        assert at == Standing(target)


@pytest.mark.parametrize("before", [State.BOOKED, State.PREPARED, State.CHECKING_IN, State.IN_PROGRESS])
def test_a_suspension_goes_back_to_what_it_interrupted(before: State) -> None:
    held = transition(Standing(before), Event.ENTRY_HELD)
    assert held == Standing(State.SUSPENDED, before)
    assert transition(held, Event.ENTRY_RESUMED) == Standing(before)


def test_opening_while_suspended_is_remembered() -> None:
    held = Standing(State.SUSPENDED, State.CHECKING_IN)
    opened = transition(held, Event.SESSION_OPENED)
    assert transition(opened, Event.ENTRY_RESUMED) == Standing(State.IN_PROGRESS)


standings = st.sampled_from(State).flatmap(
    lambda state: st.builds(
        Standing,
        st.just(state),
        st.sampled_from([State.BOOKED, State.PREPARED, State.CHECKING_IN, State.IN_PROGRESS])
        if state is State.SUSPENDED
        else st.none(),
    )
)


@given(standings, st.sampled_from(Event))
def test_allowed_is_exactly_what_transition_takes(at: Standing, event: Event) -> None:
    try:
        after = transition(at, event)
    except TransitionRefused:
        assert event not in allowed(at)
    else:
        assert event in allowed(at)
        assert (after.back is not None) == (after.state is State.SUSPENDED)


@given(st.lists(st.sampled_from(Event), max_size=20))
def test_nothing_leaves_the_end_states(events: list[Event]) -> None:
    at = Standing(State.DRAFT)
    ended = None
    for event in events:
        try:
            at = transition(at, event)
        except TransitionRefused:
            continue
        assert ended in (None, at.state)
        ended = at.state if at.state in {State.FILED, State.CANCELLED} else None


def test_the_page_says_what_the_code_does() -> None:
    page = (CHECKOUT / "docs/design/states.md").read_text(encoding="utf-8")
    section = page.split("## Session", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    table = {(row[0].strip(" `"), row[1].strip(" `")): row[2].strip(" `") for row in rows[2:]}
    assert table == {(str(state), str(event)): str(target) for (state, event), target in TRANSITIONS.items()}


def test_every_state_can_be_reached() -> None:
    assert set(TRANSITIONS.values()) | {State.DRAFT} == set(State)
