"""Which tests prove which duty: `python -m tests.requirements_table [--json]`; exit 1 when a duty has none.

Reads the marks `@pytest.mark.req("C4")` from the sources, without running or importing a test.
"""

import argparse
import ast
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parent
GROUPS = {"V": 12, "C": 12, "M": 8, "S": 9, "A": 8, "X": 8, "T": 23, "G": 5, "I": 4}
"""How many duties each group of the requirements has; a mark that names another one is a slip."""

DUTIES = {
    "V1": "describe a venue: sites, areas, rooms, equipment",
    "V2": "book rooms; no room given twice",
    "V3": "change a booking and everything that hangs on it",
    "V4": "prepare a session by a check list; facilities on in time",
    "V5": "tell those concerned",
    "V6": "screens and signs; secret things never shown",
    "C1": "check an expert's identity for this session and time",
    "C2": "keep phones and give them back to the same person",
    "C3": "detection gate interlocked with the door",
    "C4": "doors: only one's room, only in one's time",
    "C6": "lead people in order, in plain words and pictures",
    "C7": "attendance: who came, when, through which door",
    "C8": "all goes on without the link, nothing is lost",
    "M1": "record public areas all the time",
    "M2": "record opening and evaluation rooms, sound in step",
    "M4": "watch live; who watched what is on record",
    "M5": "log and pictures tell one story on one time line",
    "M7": "evidence traceable, whole, provable to a stranger",
    "M8": "watch sessions live, picture and sound",
    "A1": "one project, one file",
    "A2": "complete, in order, with a catalogue; what is missing is shown",
    "X2": "random draw; nobody names or hints",
    "X6": "names drawn stay secret until check-in",
    "I4": "every action leaves a trace",
}
"""What the system does so far, each to be proved by at least one test."""


def known(duty: str) -> bool:
    """Whether there is such a duty at all."""
    number = duty[1:]
    return duty[:1] in GROUPS and number.isdecimal() and 1 <= int(number) <= GROUPS[duty[0]]


def marks(source: str) -> Iterator[tuple[str, str]]:
    """(duty, test) of one file; a mark of the module counts for each of its tests."""
    tree = ast.parse(source)
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    tests = [n for n in ast.walk(tree) if isinstance(n, functions) and n.name.startswith("test_")]
    everywhere = [
        node for node in tree.body if isinstance(node, ast.Assign) and _names(node) == ["pytestmark"]
    ]
    for test in tests:
        for marked in (*test.decorator_list, *everywhere):
            for duty in _duties(marked):
                yield duty, test.name


def _names(node: ast.Assign) -> list[str]:
    return [target.id for target in node.targets if isinstance(target, ast.Name)]


def _duties(marked: ast.AST) -> Iterator[str]:
    for call in ast.walk(marked):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.req":
            yield from (str(ast.literal_eval(word)) for word in call.args)


def table(files: Iterable[Path]) -> dict[str, list[str]]:
    """Duty → tests as `file::test`, every listed duty and whatever else a mark names."""
    found: dict[str, list[str]] = {duty: [] for duty in DUTIES}
    for path in sorted(files):
        for duty, test in marks(path.read_text(encoding="utf-8")):
            found.setdefault(duty, []).append(f"{path.relative_to(TESTS)}::{test}")
    return found


def lines(found: dict[str, list[str]]) -> Iterator[str]:
    """The table for a terminal."""
    for duty, tests in found.items():
        yield f"{duty:4} {len(tests):3}  {DUTIES.get(duty, '')}".rstrip()
        yield from (f"          {test}" for test in tests)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    found = table(TESTS.rglob("test_*.py"))
    text = json.dumps(found, indent=1) if parser.parse_args().json else "\n".join(lines(found))
    sys.stdout.write(f"{text}\n")
    return 0 if all(found[duty] for duty in DUTIES) else 1


if __name__ == "__main__":
    sys.exit(main())
