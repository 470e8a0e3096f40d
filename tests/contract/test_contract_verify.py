"""The tamper campaign: every check of the verifier is made to fail once, and the finding names what was done."""

import io
import shutil
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sample_package import SESSION, VENUE, Keys, Ledger, Package, manifest, pack, play, sample, tag_files
from tamper_moves import CASES, INCLUSION, JOURNAL, KEYS, SEGMENT, notes, relink, swap_document

from contract import package
from contract.clock import FakeClock
from contract.keys import KeyRing
from contract.media import scan
from contract.notes import cosign
from contract.package import proof_path
from contract.verify.bag import open_bag
from contract.verify.findings import TEXTS
from contract.verify.report import Report, verify

pytestmark = pytest.mark.fast


def look(path: Path, pack_: Package, **options: Any) -> Report:
    ring = options.pop("ring", pack_.keys.ring())
    report = verify(open_bag(path), ring, **options)
    assert all(finding.text for finding in report.findings)
    return report


def found(report: Report) -> dict[str, str]:
    """Key to file; of several of one key the first."""
    rows: dict[str, str] = {}
    for finding in report.findings:
        rows.setdefault(finding.key, finding.file)
    return rows


@pytest.fixture
def good() -> Package:
    return sample()


@pytest.mark.req("M7")
@pytest.mark.req("A1")
def test_an_untouched_package_is_good_as_folder_and_as_zip(tmp_path: Path, good: Package) -> None:
    for path in (
        good.write(tmp_path / "bag"),
        good.write_zip(tmp_path / "a.zip"),
        good.write_zip(tmp_path / "b.zip", "p/"),
    ):
        report = look(path, good)
        assert report.good, report.findings
        assert report.counts == {"files": 17, "bytes": report.counts["bytes"], "records": 25, "segments": 3}
        assert report.sessions == (SESSION,)


def test_without_trusted_keys_nothing_is_good(tmp_path: Path, good: Package) -> None:
    report = look(good.write(tmp_path / "bag"), good, ring=None)
    assert (report.findings, report.good, report.as_dict()["keys"]) == ((), False, "not trusted")


# --- the bag: changed on disk, manifests as they were -------------------------------------------------------------


def damage_file(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def shut_out(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/null")


@pytest.mark.parametrize(
    ("change", "key", "file"),
    [
        (lambda bag: damage_file(bag / SEGMENT), "bag.altered", SEGMENT),
        (lambda bag: damage_file(bag / SEGMENT), "recording.altered", SEGMENT),
        (lambda bag: damage_file(bag / SEGMENT), "media.chain", SEGMENT),
        (lambda bag: damage_file(bag / SEGMENT), "catalogue.differs", SEGMENT),
        (lambda bag: (bag / SEGMENT).unlink(), "bag.missing", SEGMENT),
        (lambda bag: (bag / SEGMENT).unlink(), "recording.missing", SEGMENT),
        (lambda bag: (bag / SEGMENT).unlink(), "reckoning.gap", JOURNAL),
        (lambda bag: (bag / SEGMENT).unlink(), "catalogue.gone", SEGMENT),
        (lambda bag: (bag / "data/more.txt").write_bytes(b"x"), "bag.extra", "data/more.txt"),
        (lambda bag: (bag / "note.txt").write_bytes(b"x"), "bag.extra", "note.txt"),
        (lambda bag: (bag / "data/more.txt").write_bytes(b"x"), "catalogue.missing", "data/more.txt"),
        (lambda bag: (bag / "data/more.txt").write_bytes(b"x"), "bag.oxum", "bag-info.txt"),
        (lambda bag: (bag / "bag-info.txt").write_bytes(b""), "bag.oxum", "bag-info.txt"),
        (lambda bag: (bag / "bagit.txt").write_bytes(b"BagIt"), "bag.declaration", "bagit.txt"),
        (lambda bag: (bag / "bagit.txt").unlink(), "bag.declaration", "bagit.txt"),
        (lambda bag: (bag / "manifest-sha256.txt").unlink(), "bag.manifest_missing", "manifest-sha256.txt"),
        (lambda bag: (bag / "tagmanifest-sha256.txt").unlink(), "bag.manifest_missing", "tagmanifest-sha256.txt"),
        (lambda bag: (bag / "manifest-sha256.txt").write_bytes(b"x"), "bag.manifest_line", "manifest-sha256.txt"),
        (lambda bag: shut_out(bag / SEGMENT), "bag.name", SEGMENT),
        (lambda bag: (bag / JOURNAL).unlink(), "journal.none", "data/journal/"),
        (lambda bag: (bag / package.CATALOGUE).write_bytes(b"{}"), "catalogue.unreadable", package.CATALOGUE),
        (lambda bag: (bag / package.CATALOGUE).write_bytes(b'{"items":[{"path":"a"},{"path":"a"}]}'),
         "catalogue.unreadable", package.CATALOGUE),
        (lambda bag: (bag / package.CATALOGUE).write_bytes(b'{"items":[3]}'), "catalogue.unreadable",
         package.CATALOGUE),
    ],
)  # fmt: skip
def test_a_change_on_disk_is_named(
    tmp_path: Path, good: Package, change: Callable[[Path], Any], key: str, file: str
) -> None:
    bag = good.write(tmp_path / "bag")
    change(bag)
    report = look(bag, good)
    assert (key, file) in {(finding.key, finding.file) for finding in report.findings}
    assert not report.good


@pytest.mark.req("M7")
def test_a_changed_byte_names_the_second_of_the_segment_and_of_the_fragment(
    tmp_path: Path, good: Package
) -> None:
    bag = good.write(tmp_path / "bag")
    damage_file(bag / SEGMENT)
    at = {finding.key: finding.second for finding in look(bag, good).findings}
    assert at["recording.altered"] == "2026-11-20T01:00:00Z"
    assert at["media.chain"] == "2026-11-20T01:00:01Z"  # third fragment of 0.4 s ends at 1.202 s


def test_a_broken_zip_member_is_named_and_the_rest_still_checked(tmp_path: Path, good: Package) -> None:
    path = good.write_zip(tmp_path / "bag.zip")
    data = bytearray(path.read_bytes())
    where = bytes(data).index(good.files[SEGMENT][5000:5100])
    data[where] ^= 1
    path.write_bytes(data)
    rows = found(look(path, good))
    assert rows["bag.unreadable"] == SEGMENT
    assert rows["media.chain"] == SEGMENT
    assert "chain.session_prev" not in rows


def test_doubled_and_upward_names_of_a_zip_are_refused(tmp_path: Path, good: Package) -> None:
    path = good.write_zip(tmp_path / "bag.zip")
    with zipfile.ZipFile(path, "a") as more:
        more.writestr("../outside", b"x")
        with pytest.warns(UserWarning, match="Duplicate"):
            more.writestr(SEGMENT, b"x")
    names = {f.file for f in look(path, good).findings if f.key == "bag.name"}
    assert names == {"../outside", SEGMENT}


def test_percent_codes_in_manifest_names_are_read(tmp_path: Path, good: Package) -> None:
    good.files["data/documents/100%.txt"] = b"x"
    bag = good.write(tmp_path / "bag")
    for name in (package.MANIFEST, package.TAG_MANIFEST):
        path = bag / name
        path.write_bytes(path.read_bytes().replace(b"100%.txt", b"100%25.txt"))
    tag_names = (package.DECLARATION, package.BAG_INFO, package.MANIFEST, package.STATEMENT)
    (bag / package.TAG_MANIFEST).write_bytes(manifest({n: (bag / n).read_bytes() for n in tag_names}))
    assert look(bag, good).good


@pytest.mark.parametrize("name", ["paper.pdf", "documents/report.txt", "fetch.txt", "tagmanifest-paper.pdf"])
def test_a_file_outside_the_payload_that_the_manifests_list_is_refused(
    tmp_path: Path, good: Package, name: str
) -> None:
    files = good.seal()
    payload = {n: data for n, data in files.items() if n.startswith(package.DATA)}
    more = {package.STATEMENT: files[package.STATEMENT], name: b"x"}
    bag = good.write(tmp_path / "bag")
    for path, data in {**tag_files(payload, more), name: b"x"}.items():
        (bag / path).parent.mkdir(exist_ok=True)
        (bag / path).write_bytes(data)
    assert found(look(bag, good)) == {"bag.stray": name}


# --- changed, and catalogue and manifests rebuilt ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "change", "file"), CASES, ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)]
)
def test_a_change_with_manifests_rebuilt_is_named(
    tmp_path: Path, good: Package, key: str, change: Callable[[Package], None], file: str | None
) -> None:
    change(good)
    report = look(good.write(tmp_path / "bag"), good)
    assert not report.good
    files = {finding.file for finding in report.findings if finding.key == key}
    assert files, [finding.key for finding in report.findings]
    assert file is None or file in files
    assert not any(finding.key.startswith("bag.") for finding in report.findings)


@pytest.mark.req("M7")
@pytest.mark.req("A1")
def test_a_swapped_paper_is_betrayed_by_the_statement_alone(tmp_path: Path, good: Package) -> None:
    swap_document(good)
    report = look(good.write(tmp_path / "bag"), good)
    assert found(report) == {"statement.catalogue": package.CATALOGUE}
    assert (report.findings[0].second, report.good) == ("2026-11-20T01:01:00Z", False)


def test_without_trusted_keys_the_package_s_own_are_asked_for_the_statement(
    tmp_path: Path, good: Package
) -> None:
    swap_document(good)
    bag = good.write(tmp_path / "bag")
    assert found(look(bag, good, ring=None)) == {"statement.catalogue": package.CATALOGUE}
    good.files.pop(KEYS)
    good.statement = None
    shutil.rmtree(bag)
    assert found(look(good.write(bag), good, ring=None))["statement.signer"] == package.STATEMENT


@pytest.mark.req("M7")
def test_segment_and_row_removed_consistently_are_found(tmp_path: Path, good: Package) -> None:
    good.files.pop(SEGMENT)
    lines = [
        line for line in good.lines() if SEGMENT.rsplit("/", 1)[1].encode() not in line or b'"C1"' not in line
    ]
    relink(good, lines)
    report = look(good.write(tmp_path / "bag"), good)
    rows = found(report)
    assert rows["inclusion.fails"] == JOURNAL
    assert rows["reckoning.gap"] == JOURNAL
    gap = next(f for f in report.findings if f.key == "reckoning.gap")
    assert (gap.second, gap.params["camera"], gap.params["millis"]) == ("2026-11-20T01:00:00Z", "C1", 2000)


# --- history rewritten with stolen keys ------------------------------------------------------------------------------


def rewrite(keys: Keys, stolen: tuple[str, ...], glue: Callable[[Ledger, str], str] | None = None) -> Package:
    """The same session told otherwise, signed by whoever's keys were stolen; the others are the thief's own."""
    thief = Keys()
    for name in stolen:
        setattr(thief, name, getattr(keys, name))
    ledger = play(thief, lambda ledger: ledger.add("door_forced", {"door": "D9"}))
    forged = pack(ledger)
    if glue is not None:
        path = notes(forged)[-1]
        forged.files[path] = glue(ledger, forged.files[path].decode()).encode()
    forged.set_json(KEYS, keys.ring().as_table())
    return forged


@pytest.mark.req("M7")
def test_edge_and_centre_rewritten_with_both_keys_is_exposed_by_the_witness(tmp_path: Path) -> None:
    keys = Keys()
    forged = rewrite(keys, ("edge", "centre"))
    report = look(forged.write(tmp_path / "bag"), forged, ring=keys.ring())
    missing = [f.params["role"] for f in report.findings if f.key == "note.cosignature_missing"]
    assert missing == ["witness"]
    assert not report.good


def test_the_witness_signature_of_the_true_history_does_not_fit_the_forged_one(tmp_path: Path) -> None:
    keys = Keys()
    true = play(keys)

    def glue(_: Ledger, note: str) -> str:
        line = next(
            x for x in cosign(true.notes[-1], keys.witness, FakeClock().now()).splitlines() if ".witness" in x
        )
        kept = [x for x in note.splitlines() if ".witness" not in x]
        return "\n".join([*kept, line]) + "\n"

    forged = rewrite(keys, ("edge", "centre"), glue)
    keys_found = {f.key for f in look(forged.write(tmp_path / "bag"), forged, ring=keys.ring()).findings}
    assert {"note.signature_bad", "note.cosignature_missing"} <= keys_found


def test_an_old_true_checkpoint_beside_a_forged_history_does_not_fit(tmp_path: Path) -> None:
    keys = Keys()
    true = pack(play(keys))
    forged = rewrite(keys, ("edge", "centre", "witness"))
    forged.files[notes(forged)[0]] = true.files[notes(true)[0]]
    report = look(forged.write(tmp_path / "bag"), forged, ring=keys.ring())
    assert "consistency.fails" in {f.key for f in report.findings}


def test_another_edges_signature_is_none(tmp_path: Path, good: Package) -> None:
    other = Keys()
    report = look(good.write(tmp_path / "bag"), good, ring=other.ring())
    assert {"note.unsigned", "note.signature_bad", "note.cosignature_missing", "keys.differ"} <= set(
        found(report)
    )


def test_a_witness_of_another_venue_and_a_key_of_another_role_do_not_count(
    tmp_path: Path, good: Package
) -> None:
    since = FakeClock().now()
    roles = {"V01.edge": "witness", "V01.witness": "centre", "centre": "edge"}
    swapped = KeyRing(
        key.describe(roles[key.name], since) for key in (good.keys.edge, good.keys.centre, good.keys.witness)
    )
    rows = found(look(good.write(tmp_path / "bag"), good, ring=swapped))
    assert {"note.unsigned", "note.cosignature_missing"} <= set(rows)


def test_a_key_used_outside_its_term_does_not_count(tmp_path: Path, good: Package) -> None:
    ring = good.keys.ring(until=FakeClock().now() + timedelta(seconds=1))
    rows = found(look(good.write(tmp_path / "bag"), good, ring=ring))
    assert {"note.key_term", "note.unsigned", "note.cosignature_missing"} <= set(rows)
    assert rows["note.key_term"] == notes(good)[-1]  # the first head was signed within the term


# --- what the session itself lacks -----------------------------------------------------------------------------------


@pytest.mark.req("M2")
@pytest.mark.req("A2")
def test_a_gap_that_nobody_declared_is_named_with_camera_and_second(tmp_path: Path) -> None:
    ledger = play(
        Keys(), lambda ledger: ledger.add("session_opened", {"sitting": "s", "rooms": [], "cameras": ["C3"]})
    )
    lacking = pack(ledger)
    report = look(lacking.write(tmp_path / "bag"), lacking)
    gaps = [(f.params["camera"], f.second) for f in report.findings if f.key == "reckoning.gap"]
    assert gaps[0] == ("C3", "2026-11-20T01:00:00Z")
    assert "recording.hole" in found(report)


def test_a_session_without_the_edges_reckoning_is_named(tmp_path: Path, good: Package) -> None:
    lines = [line for line in good.lines() if b'"completeness_stated"' not in line]
    relink(good, lines)
    assert found(look(good.write(tmp_path / "bag"), good))["reckoning.not_stated"] == JOURNAL


def test_required_timestamps_that_are_missing_or_unchecked_do_not_hold(tmp_path: Path, good: Package) -> None:
    bag = good.write(tmp_path / "bag")
    assert "timestamp.missing" in found(look(bag, good, require_timestamps=True))
    token = proof_path(VENUE, "timestamps/000000000028.tsr")
    good.files[token] = b"token"
    shutil.rmtree(bag)
    bag = good.write(bag)
    report = look(bag, good)
    assert (report.good, report.timestamps) == (True, "not checked")
    assert found(look(bag, good, require_timestamps=True))["timestamp.not_checked"] == token
    good.files.pop(INCLUSION)
    shutil.rmtree(bag)
    assert "timestamp.missing" in found(look(good.write(bag), good, require_timestamps=True))


def test_media_without_a_whole_middle_is_named(tmp_path: Path, good: Package) -> None:
    third = scan(io.BytesIO(good.files[SEGMENT])).fragments[2]
    data = good.files[SEGMENT]
    good.files[SEGMENT] = data[: third.offset] + data[third.offset + third.size :]
    rows = found(look(good.write(tmp_path / "bag"), good))
    assert rows["media.sequence"] == SEGMENT
    assert rows["recording.hole"] == SEGMENT


def test_media_whose_sizes_do_not_add_up_is_named(tmp_path: Path, good: Package) -> None:
    data = good.files[SEGMENT]
    part = data.index(b"trun") + 4 + 4 + 4 + 8
    good.files[SEGMENT] = data[: part + 4] + b"\0\0\0\x15" + data[part + 8 :]
    assert found(look(good.write(tmp_path / "bag"), good))["media.sizes"] == SEGMENT


def test_every_finding_of_the_table_has_its_case_here() -> None:
    files = (Path(__file__), Path(__file__).with_name("tamper_moves.py"))
    source = "".join(path.read_text(encoding="utf-8") for path in files)
    assert [key for key in TEXTS if f'"{key}"' not in source] == []
