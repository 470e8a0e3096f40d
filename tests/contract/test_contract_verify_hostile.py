"""Packages made to break the verifier: it names what is wrong, ends with 1 or 2, and is never steered by a name."""

import io
import json
import os
import zipfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from sample_package import VENUE, Package, manifest, sample, tag_files

from contract import package
from contract.verify.bag import open_bag
from contract.verify.cli import run
from contract.verify.findings import MOST_BAD_LINES
from contract.verify.report import verify

pytestmark = pytest.mark.fast
JOURNAL, KEYS = package.journal_path(VENUE), package.proof_path(VENUE, package.KEYS)


@pytest.fixture
def good() -> Package:
    return sample()


def ends(bag: Path, *more: str) -> str:
    """What the command prints on a strict UTF-8 terminal; it must not be good."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict")
    with redirect_stdout(out):
        assert run([str(bag), *more]) == 1
    out.flush()
    out.seek(0)
    return out.read()


def each_way(bag: Path, made: Package) -> str:
    trust = made.write_trust(bag.parent / "trust")
    json.loads(ends(bag, "--trust", str(trust), "--json"))
    ends(bag)
    return ends(bag, "--trust", str(trust))


def with_key(**changes: Any) -> Callable[[Package], None]:
    def change(made: Package) -> None:
        table = made.json(KEYS)
        table["keys"][0].update(changes)
        made.set_json(KEYS, table)

    return change


def with_body(place: int, **changes: Any) -> Callable[[Package], None]:
    def change(made: Package) -> None:
        lines = made.lines()
        fact = json.loads(lines[place])
        fact["body"].update(changes)
        lines[place] = json.dumps(fact).encode()
        made.set_lines(lines)

    return change


@pytest.mark.parametrize(
    "change",
    [
        with_key(epoch=float("inf")), with_key(name="\ud800"), with_key(suite="\udfff"), with_key(epoch="9" * 5000),
        with_body(-1, count="\ud800"), with_body(1, cameras="\ud800"), with_body(1, cameras=[10**400]),
        lambda made: made.set_json(package.COMPLETENESS, {"v": 1, "session": "\ud800", "venues": {}}),
    ],
)  # fmt: skip
def test_no_value_breaks_it(tmp_path: Path, good: Package, change: Callable[[Package], None]) -> None:
    change(good)
    each_way(good.write(tmp_path / "bag"), good)


def test_a_payload_oxum_of_endless_digits_is_named(tmp_path: Path, good: Package) -> None:
    bag = good.write(tmp_path / "bag")
    (bag / package.BAG_INFO).write_text(f"Payload-Oxum: {'9' * 5000}.3\n")
    tags = {n: (bag / n).read_bytes() for n in (package.DECLARATION, package.BAG_INFO, package.MANIFEST)}
    (bag / package.TAG_MANIFEST).write_bytes(manifest(tags))
    assert "Payload-Oxum" in each_way(bag, good)


@pytest.mark.parametrize("name", [b"x\ngood", b"\x1b[2Jgood", b"\xff\xfe", "\u202egood".encode()])
def test_a_name_neither_breaks_a_line_nor_steers_the_terminal(
    tmp_path: Path, good: Package, name: bytes
) -> None:
    bag = good.write(tmp_path / "bag")
    Path(os.fsdecode(os.fsencode(bag / "data" / "documents") + b"/" + name)).write_bytes(b"")
    out = each_way(bag, good)
    assert all(line.isprintable() for line in out.split("\n"))
    assert "good" not in out.split("\n")


def test_a_journal_of_nothing_but_bad_lines_is_read_no_further(tmp_path: Path, good: Package) -> None:
    good.files[JOURNAL] = b"\n" * 200_000
    report = verify(open_bag(good.write(tmp_path / "bag")), good.keys.ring())
    assert sum(finding.key == "journal.line" for finding in report.findings) == MOST_BAD_LINES
    assert not report.good


def test_a_manifest_of_nothing_but_bad_lines_is_read_no_further(tmp_path: Path, good: Package) -> None:
    bag = good.write(tmp_path / "bag")
    (bag / package.MANIFEST).write_bytes(b"x\n" * 200_000)
    report = verify(open_bag(bag), good.keys.ring())
    assert sum(finding.key == "bag.manifest_line" for finding in report.findings) == MOST_BAD_LINES
    assert not report.good


def test_a_zip_name_with_a_nul_is_refused(tmp_path: Path, good: Package) -> None:
    path = good.write_zip(tmp_path / "bag.zip")
    with zipfile.ZipFile(path, "a") as more:
        more.writestr("data/XevilY", b"")
    path.write_bytes(path.read_bytes().replace(b"data/XevilY", b"data/\0evilY"))
    assert "bag.name" in {finding.key for finding in verify(open_bag(path), good.keys.ring()).findings}


def test_links_out_of_the_package_are_named_and_not_followed(tmp_path: Path, good: Package) -> None:
    bag = good.write(tmp_path / "bag")
    outside = tmp_path / "outside"
    (bag / "data" / "recordings").rename(outside)
    (bag / "data" / "recordings").symlink_to(outside)
    os.mkfifo(bag / "data" / "documents" / "pipe")
    names = {f.file for f in verify(open_bag(bag), good.keys.ring()).findings if f.key == "bag.name"}
    assert names == {"data/recordings", "data/documents/pipe"}


@pytest.mark.parametrize(("field", "value"), [("session", "other"), ("session", None), ("v", 2)])
def test_a_catalogue_of_another_session_or_form_is_named(
    tmp_path: Path, good: Package, field: str, value: object
) -> None:
    bag = good.write(tmp_path / "bag")
    table = json.loads((bag / package.CATALOGUE).read_bytes())
    (bag / package.CATALOGUE).write_text(json.dumps({**table, field: value}))
    stated = good.signed((bag / package.CATALOGUE).read_bytes())
    payload = {n: (bag / n).read_bytes() for n in open_bag(bag).names() if n.startswith(package.DATA)}
    for name, data in tag_files(payload, {package.STATEMENT: stated}).items():
        (bag / name).write_bytes(data)
    report = verify(open_bag(bag), good.keys.ring())
    said = [(f.file, f.key, f.params["field"]) for f in report.findings]
    also = [(package.STATEMENT, "statement.differs", field)] if field == "session" else []
    assert said == [(package.CATALOGUE, "catalogue.differs", field), *also]
