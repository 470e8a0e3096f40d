"""The tables of `docs/design/states.md` are the tables in code; every state can be reached and left."""

import re
from pathlib import Path

import pytest

from access_control.states import LOCKER, VISIT, LockerState, VisitState
from venue.sessions.rules import TRANSITIONS

PAGE = (Path(__file__).resolve().parents[2] / "docs/design/states.md").read_text(encoding="utf-8")


def rows(page: str, title: str) -> list[tuple[str, ...]]:
    """The rows `state | event | becomes` of one section."""
    section = re.split(r"^## ", page, flags=re.MULTILINE)
    text = next(part for part in section if part.startswith(title))
    return [
        found.groups()
        for found in re.finditer(r"^\| `([\w:]+)` \| `([\w:]+)` \| `([\w:]+)` \|$", text, re.MULTILINE)
    ]


@pytest.mark.parametrize(
    ("title", "table"), [("Session", TRANSITIONS), ("Visit", VISIT), ("Locker use", LOCKER)]
)
def test_the_page_is_the_code(title, table):
    assert rows(PAGE, title) == [
        (state.value, str(event), after.value) for (state, event), after in table.items()
    ]


def test_a_missing_row_is_seen():
    line = next(line for line in PAGE.splitlines() if "lane_entered" in line)
    assert rows(PAGE.replace(line + "\n", ""), "Visit") != rows(PAGE, "Visit")


@pytest.mark.parametrize(
    ("table", "states", "first", "last"),
    [
        (VISIT, VisitState, VisitState.ARRIVED, VisitState.ENDED),
        (LOCKER, LockerState, LockerState.FREE, None),
    ],
)
def test_every_state_is_reached_and_none_is_a_trap(table, states, first, last):
    reached = {first} | set(table.values())
    assert reached == set(states)
    assert set(states) - {state for state, _ in table} == ({last} if last else set())
