"""`venue-verify` as a stranger runs it: exit codes, output, and that it stands alone; and what cannot be proved yet."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sample_package import SESSION, Keys, Ledger, finish, pack, play, sample

from contract.proofs import NotProven, session_proofs
from contract.verify.cli import main, run

pytestmark = pytest.mark.fast
ROOT = Path(__file__).parents[2]


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    good = sample()
    good.write_trust(tmp_path / "trust")
    return good.write(tmp_path / "bag")


def test_good_is_0_and_says_so(bag: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([str(bag), "--trust", str(bag.parent / "trust")]) == 0
    out = capsys.readouterr().out
    assert "keys: trusted" in out
    assert out.endswith("good\n")


def test_without_trust_is_1_and_says_why(bag: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([str(bag)]) == 1
    assert "keys: not trusted" in capsys.readouterr().out


def test_a_finding_is_1_and_names_file_second_and_fault(
    bag: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "data/recordings/V01/C2/20261120T010000.002000Z.mov"
    (bag / name).unlink()
    assert run([str(bag), "--trust", str(bag.parent / "trust")]) == 1
    out = capsys.readouterr().out
    assert f"{name}  2026-11-20T01:00:00Z  the recording of C2 is missing" in out
    assert "does not hold" in out


def test_json_is_one_object(bag: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([str(bag), "--trust", str(bag.parent / "trust"), "--json", "--require-timestamps"]) == 1
    value = json.loads(capsys.readouterr().out)
    assert (value["ok"], value["keys"], value["timestamps"]) == (False, "trusted", "none")
    assert [finding["key"] for finding in value["findings"]] == ["timestamp.missing"]


@pytest.mark.parametrize("trust", [None, b"{", b"[]", b'{"keys":[{}]}'])
def test_wrong_trust_is_2(bag: Path, trust: bytes | None, capsys: pytest.CaptureFixture[str]) -> None:
    folder = bag.parent / "other"
    folder.mkdir()
    if trust is not None:
        (folder / "trust.json").write_bytes(trust)
    assert run([str(bag), "--trust", str(folder)]) == 2
    assert "venue-verify:" in capsys.readouterr().err


def test_a_path_that_is_no_package_is_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    assert run([str(tmp_path / "file")]) == 2
    assert run([str(tmp_path / "nowhere")]) == 2
    for wrong in ([], ["--nonsense"]):
        with pytest.raises(SystemExit) as left:
            main(wrong)
        assert left.value.code == 2


def test_an_empty_folder_is_a_package_that_lacks_everything(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        main([str(tmp_path)])
    assert left.value.code == 1


def test_it_runs_with_the_standard_library_and_cryptography_alone(bag: Path) -> None:
    code = (
        "import sys; sys.modules.update(pydantic=None, rfc8785=None, bagit=None)\n"
        "from contract.verify.cli import main; main()"
    )
    command = [sys.executable, "-c", code, str(bag), "--trust", str(bag.parent / "trust")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# --- what the archive is told when a session cannot be proved yet -----------------------------------------------------


def _key(ledger: Ledger, records: list[bytes] | None = None, notes: list[str] | None = None) -> str:
    with pytest.raises(NotProven) as refused:
        session_proofs(records or ledger.records, SESSION, notes or ledger.notes, ledger.keys.ring())
    return refused.value.key


def test_an_open_session_cannot_be_proved() -> None:
    ledger = play(Keys())
    assert _key(ledger, ledger.records[:-3]) == "proof.not_closed"


def test_a_session_that_no_checkpoint_covers_cannot_be_proved() -> None:
    ledger = play(Keys())
    assert _key(ledger, notes=ledger.notes[:3]) == "proof.not_covered"


def test_a_session_without_the_witness_cannot_be_proved() -> None:
    ledger = play(Keys())
    assert _key(ledger, notes=[*ledger.notes[:5], "no note", ledger.notes[0].replace("V01", "V02")]) == (
        "proof.not_cosigned"
    )


def test_a_note_of_another_history_is_refused() -> None:
    keys = Keys()
    one, other = play(keys), Ledger(keys)
    other.add("session_opened", {"sitting": "s", "rooms": [], "cameras": []})
    while other.tree.size < one.tree.size - 4:
        other.add("door_opened", {"door": "d"})
    finish(other)
    assert _key(one, notes=other.notes) in {"proof.root_differs", "proof.not_covered"}
    other.checkpoint()
    assert _key(one, notes=other.notes[-3:]) == "proof.root_differs"


def test_the_first_covering_checkpoint_with_all_signatures_proves() -> None:
    ledger = play(Keys())
    ledger.checkpoint(())
    ledger.add("door_opened", {"door": "d"}, session=None)
    ledger.checkpoint()
    table = json.loads(pack(ledger).files["data/proof/V01/inclusion.json"])
    assert table["size"] == len(ledger.records) - 1
