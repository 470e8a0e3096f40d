"""The row `tamper` of the story on a sample package: it fails when a forgery is not found, and each forger is betrayed
by what it is meant to be betrayed by."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.stage.story.context import Scene
from scripts.stage.story.report import Report
from scripts.stage.story.steps import after, tamper
from scripts.stage.story.steps.rewrite import rewrite_history

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))

from sample_package import SESSION, Keys, Ledger, pack, play  # type: ignore[import-not-found]


class Archive:
    """What the forgers ask of a stage: its folder, with the signing keys where a thief finds them, and the ledger."""

    def __init__(self, home: Path, ledger: Ledger) -> None:
        self.home, self._ledger = home, ledger
        ledger.keys.edge.save(home / "edge/keys/signing.pem")
        ledger.keys.centre.save(home / "centre/keys/centre-1.pem")

    def ledger_records(self) -> list[bytes]:
        return list(self._ledger.records)


@pytest.fixture
def filed(tmp_path: Path) -> Scene:
    """A scene after filing: the sample session's package and trust on disk; nobody else is at home."""
    alarm = {"lane": "lane-1", "gate": "gate-1", "passage_no": 1, "clear": False, "kinds": ["phone"]}
    ledger = play(Keys(), lambda one: one.add("gate_passed", {**alarm, "doubtful": False}))
    stage: Any = Archive(tmp_path, ledger)
    absent: Any = dict.fromkeys(("sim", "wire", "walker", "kiosk"))
    scene = Scene(stage, Report(lambda _: None), **absent, accounts={}, people=[], session=SESSION)
    made = pack(ledger)
    scene.report.package = made.write(tmp_path / "package")
    scene.report.trust = made.write_trust(tmp_path / "trust")
    return scene


def missed(scene: Scene) -> str:
    """What the row says it did not see."""
    judgement = scene.report.judgements["tamper"]
    assert judgement.judged
    assert not judgement.ok
    return "; ".join(judgement.failed)


def findings_of(scene: Scene, forge: tamper.Forgery) -> set[tuple[str, str]]:
    """Key and file of everything that is found in a copy forged with the manifests rebuilt."""
    assert scene.report.package
    assert scene.report.trust
    copy = scene.stage.home / "copy"
    shutil.copytree(scene.report.package, copy)
    forge(copy)
    tamper.rebuild_manifests(copy)
    return {(row["key"], row["file"]) for row in after.verify(copy, scene.report.trust)[1]}


@pytest.mark.parametrize("rebuilt", [False, True])
def test_tamper_fails_when_a_forgery_is_not_found(filed: Scene, rebuilt: bool) -> None:
    with filed.report.judge("tamper") as j:
        tamper.judge_forgery(filed, j, "nothing done", lambda _: "segment", rebuilt)
    assert "nothing done: found" in missed(filed)


def test_tamper_fails_when_the_finding_names_something_else(filed: Scene) -> None:
    def forge(copy: Path) -> str:
        tamper.change_byte(copy)
        return "no-such-file"

    with filed.report.judge("tamper") as j:
        tamper.judge_forgery(filed, j, "one byte", forge, False)
    assert "names no-such-file" in missed(filed)


def test_tamper_holds_when_every_forgery_is_found(filed: Scene) -> None:
    tamper.tamper(filed)
    judgement = filed.report.judgements["tamper"]
    assert judgement.ok, judgement.failed


@pytest.mark.parametrize("forge", [tamper.swap_document, tamper.rename_project])
def test_only_the_centre_s_statement_betrays_what_no_journal_speaks_of(
    filed: Scene, forge: Callable[[Path], str]
) -> None:
    found = findings_of(filed, forge)
    assert ("statement.catalogue", "data/catalogue.json") in found
    assert {key.split(".")[0] for key, _ in found} == {"statement"}


def test_only_the_witness_betrays_who_holds_the_keys_of_edge_and_centre(filed: Scene) -> None:
    found = findings_of(filed, lambda copy: rewrite_history(filed, copy))
    assert {key for key, _ in found} == {"note.cosignature_missing"}
