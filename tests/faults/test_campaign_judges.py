"""The kill campaign's judges can fail: an unlock without a grant, one grant used twice, a lost and a doubled fact."""

import json
from pathlib import Path
from typing import Any

import pytest

from contract.clock import SystemClock
from scripts.stage.campaign import ungranted, violations
from scripts.stage.story.context import Scene
from scripts.stage.story.report import Report
from scripts.stage.story.visit import mono_us
from scripts.stage.story.wire import WireLog, crc16


class Stored:
    """A stage whose journal, ledger and fsck answers are given."""

    def __init__(
        self, journal: list[bytes], ledger: list[bytes] | None = None, findings: list[str] | None = None
    ) -> None:
        self._journal, self._ledger, self._findings = (
            journal,
            journal if ledger is None else ledger,
            findings or [],
        )
        self.plan = {"doors": [{"id": "door-main", "coil": 0, "guards": "evaluation"}]}
        self.config = Path("config")

    def journal(self) -> list[bytes]:
        return self._journal

    def edge_head(self) -> int:
        return len(self._journal)

    def ledger_head(self) -> int:
        return len(self._ledger)

    def ledger_is_prefix(self) -> bool:
        return self._ledger == self._journal[: len(self._ledger)]

    def run(self, *_: str) -> str:
        return json.dumps({"ok": not self._findings, "findings": self._findings})


def fact(seq: int, kind: str = "note", mono: int = 0, fact_id: str | None = None) -> bytes:
    return json.dumps(
        {"seq": seq, "id": fact_id or f"f{seq}", "kind": kind, "mono_us": mono, "body": {"door": "door-main"}}
    ).encode()


def scene(tmp_path: Path, stage: Stored, frames_us: list[int]) -> Scene:
    frame = bytes.fromhex("01050000ff00")
    lines = [
        {"t_us": t, "wire": "relays-1", "dir": "rx", "hex": (frame + crc16(frame)).hex()} for t in frames_us
    ]
    (tmp_path / "wire.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    nobody: Any = None
    parts: Any = {"stage": stage, "sim": nobody, "walker": nobody, "kiosk": nobody}
    return Scene(
        report=Report(lambda _: None), wire=WireLog(tmp_path / "wire.jsonl"), accounts={}, people=[], **parts
    )


def granted(tmp_path: Path, grants_us: list[int], frames_us: list[int]) -> list[str]:
    shift = SystemClock().mono_us() - mono_us()
    journal = [fact(n, "admission_granted", t + shift - 50_000) for n, t in enumerate(grants_us, 1)]
    facts = [json.loads(data) for data in journal]
    return ungranted(scene(tmp_path, Stored(journal), frames_us), facts)


def test_every_unlock_needs_its_own_earlier_grant(tmp_path: Path) -> None:
    assert granted(tmp_path, [1_000_000], [1_000_000]) == []
    assert len(granted(tmp_path, [], [1_000_000])) == 1
    assert len(granted(tmp_path, [1_000_000], [1_000_000, 2_000_000])) == 1
    assert len(granted(tmp_path, [2_000_000], [1_000_000])) == 1


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        (Stored([fact(1), fact(3)]), "not contiguous"),
        (Stored([fact(1), fact(2, fact_id="f1")]), "stands twice"),
        (Stored([fact(1), fact(2)], ledger=[fact(1), fact(9)]), "not a prefix"),
        (Stored([fact(1)], findings=["F1"]), "F1"),
    ],
)
def test_a_violation_is_named(tmp_path: Path, stage: Stored, said: str) -> None:
    found = violations(scene(tmp_path, stage, []))
    assert len(found) == 1
    assert said in found[0]


def test_nothing_wrong_says_nothing(tmp_path: Path) -> None:
    assert violations(scene(tmp_path, Stored([fact(1), fact(2)]), [])) == []
