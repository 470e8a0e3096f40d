"""A wrong file is told by file, line, place and what to write; a durable file is whole or not there."""

from pathlib import Path

import pytest

from contract.config_file import ConfigError
from contract.durable_file import replace_file, write_new
from contract.plan import PlanError, load_plan

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = (ROOT / "config/example/venue.toml").read_text(encoding="utf-8")


def line_of(text: str, wanted: str) -> int:
    return text[: text.index(wanted)].count("\n") + 1


@pytest.mark.req("V1")
@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ('id = "clar-1"', 'id = "clar 1"', "rooms.{n}.id: String should match"),
        ('kind = "clarification"', 'kind = "chatting"', "rooms.{n}.kind: Input should be"),
        ('kind = "clarification"', 'kinds = "clarification"', "rooms.{n}.kinds: unknown key; remove it"),
    ],
)
def test_a_fault_in_the_nth_room_is_named_by_its_line(
    tmp_path: Path, right: str, wrong: str, says: str
) -> None:
    text = EXAMPLE.replace(right, wrong, 1)
    (tmp_path / "venue.toml").write_text(text, encoding="utf-8")
    place = EXAMPLE[: EXAMPLE.index(right)].count("[[rooms]]") - 1
    with pytest.raises(PlanError) as refused:
        load_plan(tmp_path / "venue.toml")
    expected = f"venue.toml:{line_of(text, wrong)}: {says.format(n=place)}"
    assert expected in str(refused.value)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[rooms\n", None])
def test_a_file_that_is_none_is_refused_by_name(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "venue.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"venue\.toml: "):
        load_plan(tmp_path / "venue.toml")


def test_a_new_file_is_private_and_never_replaces_another(tmp_path: Path) -> None:
    write_new(tmp_path / "a.key", b"first")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "a.key", b"second")
    assert (tmp_path / "a.key").read_bytes() == b"first"
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a.key"]


def test_a_replaced_file_is_the_new_one_whatever_a_crash_left_behind(tmp_path: Path) -> None:
    (tmp_path / "crl.pem.new").write_bytes(b"half of wh")
    replace_file(tmp_path / "crl.pem", b"one", 0o600)
    replace_file(tmp_path / "crl.pem", b"two", 0o600)
    assert (tmp_path / "crl.pem").read_bytes() == b"two"
    assert (tmp_path / "crl.pem").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["crl.pem"]
