"""What the story found: one judgement a row, with seconds and detail, and figures in the house's one form."""

import json
import platform
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STEPS = (
    "book", "draw", "admit", "stand_in", "phone", "wrong_room", "offline", "record",
    "watch", "suspend", "leave", "file", "tamper",
)  # fmt: skip


class NotSeen(AssertionError):
    """What had to be seen was not; the text says what was seen instead."""


@dataclass
class Judgement:
    """One row: holds only if it was judged at least once and nothing failed."""

    name: str
    seconds: float = 0.0
    judged: bool = False
    seen: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Seen and not failed."""
        return self.judged and not self.failed

    def require(self, holds: object, what: str) -> None:
        """Note what was seen; NotSeen when it does not hold."""
        if not holds:
            raise NotSeen(what)
        self.seen.append(what)

    def row(self) -> dict[str, Any]:
        """The row of the report."""
        detail = "; ".join(self.failed or self.seen) or "not judged"
        return {"name": self.name, "ok": self.ok, "seconds": round(self.seconds, 2), "detail": detail}


class Report:
    """All judgements and figures of one telling."""

    def __init__(self, say: Any = print) -> None:
        self.judgements = {name: Judgement(name) for name in STEPS}
        self.figures: dict[str, dict[str, Any]] = {}
        self.package: Path | None = None
        self.trust: Path | None = None
        self._say = say
        self._start = time.monotonic()

    @contextmanager
    def judge(self, name: str) -> Iterator[Judgement]:
        """Judge (a part of) a row; an error inside is the row's failure, not the story's end."""
        judgement, began = self.judgements[name], time.monotonic()
        try:
            yield judgement
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            judgement.failed.append(
                f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"
            )
        judgement.judged = True
        judgement.seconds += time.monotonic() - began
        mark = "ok  " if judgement.ok else "FAIL"
        last_words = (judgement.failed or judgement.seen or [""])[-1]
        self._say(f"{time.monotonic() - self._start:7.1f} s  {mark} {name}: {last_words}")

    def figure(
        self, name: str, value: float, unit: str, goal: str | None = None, holds: bool | None = None
    ) -> None:
        """Note a measured figure; with a goal it counts towards `ok`."""
        entry: dict[str, Any] = {"value": round(value, 3), "unit": unit}
        if goal is not None:
            entry |= {"goal": goal, "holds": bool(holds)}
        self.figures[name] = entry

    @property
    def ok(self) -> bool:
        """Every step held and every figure with a goal holds."""
        return all(j.ok for j in self.judgements.values()) and all(
            f.get("holds", True) for f in self.figures.values()
        )

    def as_json(self, seed: int = 0) -> dict[str, Any]:
        """The report in the form the design fixes."""
        return {
            "name": "story",
            "machine": {"python": platform.python_version(), "system": platform.platform()},
            "seed": seed,
            "seconds": round(time.monotonic() - self._start, 1),
            "ok": self.ok,
            "steps": [j.row() for j in self.judgements.values()],
            "figures": self.figures,
            "package": str(self.package) if self.package else None,
            "trust": str(self.trust) if self.trust else None,
        }

    def write(self, target: Path) -> None:
        """Write the JSON file."""
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(self.as_json(), ensure_ascii=False, indent=1), encoding="utf-8")
