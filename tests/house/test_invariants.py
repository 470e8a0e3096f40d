"""The page of invariants against the code: who is said to keep one cites it, who is said to prove it is there."""

import re
from pathlib import Path

import pytest

from edge_agent.fsck import CHECKS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/design/invariants.md"
ALL = [f"I-{n}" for n in range(1, 20)]
PATH = re.compile(r"`([a-z_]+(?:/[\w.]+)+)`")


def rows(text: str) -> dict[str, list[str]]:
    """Invariant → cells (code, tests, checks) of the second table."""
    table = text.split("## Where each is kept", 1)[1]
    found = re.findall(r"^\| (I-\d+) \| (.*?) \| (.*?) \| (.*?) \|$", table, re.MULTILINE)
    return {name: cells for name, *cells in found}


def cites(path: Path) -> set[str]:
    """The invariants that a file names."""
    return set(re.findall(r"I-\d+\b", path.read_text(encoding="utf-8")))


def faults(text: str) -> list[str]:
    """What the page says and the tree does not, one line each."""
    found = []
    for name, (code, tests, checks) in rows(text).items():
        named = PATH.findall(code)
        found += [f"{name}: no code"] if not named else []
        found += [
            f"{name}: {p} is not there" for p in named + PATH.findall(tests) if not (ROOT / p).is_file()
        ]
        found += [
            f"{name}: {p} does not cite it"
            for p in named
            if (ROOT / p).is_file() and name not in cites(ROOT / p)
        ]
        found += [f"{name}: no test"] if not PATH.findall(tests) else []
        found += [f"{name}: no check {c}" for c in re.findall(r"\bF\d+", checks) if c not in CHECKS]
        said = re.search(r"\b[FP]-?\d+|[Nn]ot yet|none", checks)
        found += [] if said else [f"{name}: checks are left open"]
    return found


def test_every_invariant_has_its_row_and_the_row_is_true() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert list(rows(text)) == ALL
    assert re.findall(r"^\| (I-\d+) \|", text.split("## ", 1)[0], re.MULTILINE) == ALL
    assert faults(text) == []


def test_every_invariant_is_kept_somewhere_in_code() -> None:
    packages = ("contract", "devices", "access_control", "recording", "edge_agent", "venue")
    kept = set()
    for package in packages:
        for path in (ROOT / package).rglob("*.py"):
            for said in re.findall(r"keeps (I-\d+(?:(?:, | and )I-\d+)*)", path.read_text(encoding="utf-8")):
                kept |= set(re.findall(r"I-\d+", said))
    assert [name for name in ALL if name not in kept] == []
    assert kept <= set(ALL)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (
            "| I-9 | `contract/ids.py` | `tests/house/test_house.py` | F5 |",
            "contract/ids.py does not cite it",
        ),
        ("| I-9 | `contract/gone.py` | `tests/house/test_house.py` | F5 |", "contract/gone.py is not there"),
        ("| I-9 | `contract/signing.py` | by hand | F5 |", "no test"),
        ("| I-9 | everywhere | `tests/house/test_house.py` | F5 |", "no code"),
        ("| I-9 | `contract/signing.py` | `tests/house/test_house.py` | F99 |", "no check F99"),
        ("| I-9 | `contract/signing.py` | `tests/house/test_house.py` | – |", "checks are left open"),
    ],
)
def test_a_row_that_is_not_true_is_found(wrong: str, says: str) -> None:
    assert faults(f"## Where each is kept\n\n{wrong}\n") == [f"I-9: {says}"]
