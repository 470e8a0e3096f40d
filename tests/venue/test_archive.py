"""From evidence to a package that the offline verifier calls good; and what happens when something is not there."""

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

sys.path.insert(0, str(Path(__file__).parent.parent / "contract"))

from sample_package import SESSION, SITTING, Keys, Ledger, play  # type: ignore[import-not-found]

from contract.clock import FakeClock, stamp
from contract.envelope import parse_fact
from contract.keys import KeyRing
from contract.notes import merge, parse_checkpoint, parse_note
from contract.signing import open_
from tests.venue.desk import Centre, make_centre
from venue.archive import composing, duties
from venue.archive.intake import StoreIntake, make_intake
from venue.archive.retention import RetentionError, add_months, load_terms
from venue.archive.store import EvidenceStore, WrongHash
from venue.archive.tables import Package
from venue.edge_link.tables import Checkpoint, LedgerFact
from venue.sessions.tables import Sitting, TradingSession

pytestmark = pytest.mark.fast


@pytest.fixture
def ledger() -> Ledger:
    return play(Keys())


def closed(tmp_path: Path, ledger: Ledger, notes: list[str] | None = None) -> Centre:
    """A centre whose session was closed on site; its facts are in the ledger, its evidence is not here yet."""
    keys = {"centre": ledger.keys.centre, "edge": ledger.keys.edge, "witness": ledger.keys.witness}
    clock = FakeClock(ledger.clock.now())
    centre = make_centre(tmp_path, clock, keys, since=FakeClock().now())
    with centre.database.writing() as db:
        db.add(
            TradingSession(
                id=SESSION, venue="V01", project_code="DEMO-2026-0001", title="示例项目", kind="evaluation",
                state="filing", served_by="staff", made_at=clock.now(), closed_at=clock.now(),
            )
        )  # fmt: skip
        db.flush()
        start = FakeClock().now()
        db.add(
            Sitting(
                id=SITTING, session=SESSION, number=1, checkin_opens_at=start, starts_at=start,
                ends_at=start + timedelta(hours=1),
            )
        )  # fmt: skip
        for data in ledger.records:
            made = parse_fact(data)
            db.add(
                LedgerFact(
                    edge="V01.edge", seq=made.fact.seq, id=made.fact.id, kind=made.fact.kind,
                    session=made.fact.session, session_seq=made.fact.session_seq, visit=made.fact.visit,
                    wall=made.fact.at, hash=made.hash, raw=made.data,
                )
            )  # fmt: skip
        hold_notes(db, ledger.notes if notes is None else notes)
    return centre


def hold_notes(db: Any, notes: list[str]) -> None:
    by_text: dict[str, list[str]] = {}
    for note in notes:
        by_text.setdefault(parse_note(note).text, []).append(note)
    for text, same in by_text.items():
        head = parse_checkpoint(text)
        db.add(
            Checkpoint(
                edge="V01.edge",
                size=head.size,
                root=head.root.hex(),
                note=merge(same),
                cosigned_at=head_time(),
            )
        )


def head_time() -> datetime:
    return FakeClock().now()


def send(centre: Centre, ledger: Ledger, but: int = 0, say: bool = True) -> StoreIntake:
    """The edge sends its segments (all but some) and says that it did."""
    intake = make_intake(centre.settings, centre.database)
    for data in list(ledger.media.values())[but:]:
        intake.put("V01.edge", hashlib.sha256(data).hexdigest(), iter([data[:100], data[100:]]))
    if say:
        with centre.database.writing() as db:
            intake.evidence(db, "V01.edge", SESSION, {"segments": len(ledger.media)})
    return intake


def package_of(centre: Centre) -> dict[str, Any]:
    shown: dict[str, Any] = centre.client("archivist").get(f"/sessions/{SESSION}/package").json()
    return shown


def alarms_of(centre: Centre) -> list[str]:
    today = centre.client("venue_staff").get("/today").json()
    return [alarm["alarm"] for alarm in today["alarms"]]


def state_of(centre: Centre) -> str:
    return str(centre.client("archivist").get(f"/sessions/{SESSION}").json()["state"])


@pytest.mark.req("A1")
def test_a_session_is_filed_as_a_package_that_verifies(tmp_path: Path, ledger: Ledger) -> None:
    centre = closed(tmp_path, ledger)
    send(centre, ledger)
    duties.seal(centre.desk)
    shown = package_of(centre)
    assert (shown["state"], shown["findings"], shown["agrees"]) == ("sealed", [], True)
    assert state_of(centre) == "filed"
    bag, trust = Path(shown["path"]), Path(shown["trust"])
    assert composing.verified(bag, trust) == (True, [])
    reckoning = json.loads((bag / "data/completeness.json").read_text())["venues"]["V01"]
    assert reckoning["edge"] == reckoning["centre"]
    assert reckoning["differences"] == []
    items = json.loads((bag / "data/catalogue.json").read_text())["items"]
    assert all(item["term"]["months"] == 60 and item["term"]["source"] for item in items)
    recordings = [item for item in items if item["kind"] == "recording"]
    assert len(recordings) == len(ledger.media)
    assert all(item["from"] and item["until"] for item in recordings)
    assert shown["keep_until"][:10] == "2031-11-20"
    rows = centre.client("archivist").get("/packages").json()
    assert [row["state"] for row in rows] == ["sealed"]
    assert centre.audited("package.sealed")[0]["findings"] == 0


@pytest.mark.req("M7")
def test_the_centre_states_what_it_packed_and_when(tmp_path: Path, ledger: Ledger) -> None:
    centre = closed(tmp_path, ledger)
    send(centre, ledger)
    duties.seal(centre.desk)
    shown = package_of(centre)
    bag, trust = Path(shown["path"]), Path(shown["trust"])
    ring = KeyRing.from_table(json.loads((trust / "trust.json").read_text())).only("centre")
    stated = open_("statement", json.loads((bag / "statement.json").read_text()), ring, at=centre.clock.now())
    catalogue = (bag / "data/catalogue.json").read_bytes()
    assert stated == {
        "v": 1, "kind": "package_composed", "session": SESSION, "project": "DEMO-2026-0001",
        "catalogue_sha256": hashlib.sha256(catalogue).hexdigest(), "composed_at": stamp(centre.clock.now()),
        "package_version": 1,
    }  # fmt: skip
    command = [sys.executable, "-m", "bagit", "--validate", str(bag)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "statement.json" in done.stderr
    (bag / "statement.json").unlink()
    good, findings = composing.verified(bag, trust)
    assert (good, "statement.missing" in {finding["key"] for finding in findings}) == (False, True)


def test_sealing_twice_seals_once(tmp_path: Path, ledger: Ledger) -> None:
    centre = closed(tmp_path, ledger)
    intake = send(centre, ledger)
    duties.seal(centre.desk)
    with centre.database.writing() as db:
        intake.evidence(db, "V01.edge", SESSION, {})
    duties.seal(centre.desk)
    assert len(centre.audited("package.sealed")) == 1


def test_nothing_is_composed_before_the_edge_says_that_it_sent_all(tmp_path: Path, ledger: Ledger) -> None:
    centre = closed(tmp_path, ledger)
    send(centre, ledger, say=False)
    duties.seal(centre.desk)
    assert centre.client("archivist").get(f"/sessions/{SESSION}/package").status_code == 404
    assert state_of(centre) == "filing"


def test_without_the_witness_s_cosignature_it_waits_and_says_so(tmp_path: Path, ledger: Ledger) -> None:
    centre = closed(tmp_path, ledger, notes=[ledger.notes[0], *ledger.notes[-3:-1]])
    send(centre, ledger)
    duties.seal(centre.desk)
    assert package_of(centre)["waits_for"].startswith("proof.not_cosigned")
    assert state_of(centre) == "filing"
    centre.clock.advance(301)
    duties.seal(centre.desk)
    assert alarms_of(centre) == ["package_late"]
    with centre.database.writing() as db:
        db.connection().exec_driver_sql("DROP TRIGGER checkpoint_no_delete")
        db.connection().exec_driver_sql("DELETE FROM checkpoint")
        hold_notes(db, ledger.notes)
    duties.seal(centre.desk)
    assert state_of(centre) == "filed"
    assert alarms_of(centre) == []


@pytest.mark.req("A2")
def test_a_segment_that_never_came_is_found_and_named(tmp_path: Path, ledger: Ledger) -> None:
    centre = closed(tmp_path, ledger)
    send(centre, ledger, but=1)
    seen = centre.client("supervisor").get(f"/sessions/{SESSION}/completeness").json()
    assert not seen["agrees"]
    assert len(seen["venues"][0]["absent"]) == 1
    assert any("recorded_us" in path for path in seen["venues"][0]["differences"])
    duties.seal(centre.desk)
    shown = package_of(centre)
    assert (shown["state"], shown["agrees"], state_of(centre)) == ("refused", False, "filing")
    assert alarms_of(centre) == ["package_refused"]
    assert "recording.missing" in {finding["key"] for finding in shown["findings"]}
    send(centre, ledger)
    duties.seal(centre.desk)
    assert (package_of(centre)["state"], state_of(centre)) == ("sealed", "filed")
    assert alarms_of(centre) == []


def test_a_crash_while_composing_begins_anew(tmp_path: Path, ledger: Ledger) -> None:
    centre = closed(tmp_path, ledger)
    send(centre, ledger)
    half = centre.home / "centre/archive/packages" / f".making-{SESSION}" / "package"
    half.mkdir(parents=True)
    (half / "left-over").write_text("x")
    with centre.database.writing() as db:
        row = db.get_one(Package, SESSION)
        row.state = "composing"
        db.add(row)
    duties.seal(centre.desk)
    assert package_of(centre)["state"] == "sealed"
    assert not half.exists()


def test_evidence_of_another_edge_is_not_believed(tmp_path: Path, ledger: Ledger) -> None:
    centre = closed(tmp_path, ledger)
    intake = make_intake(centre.settings, centre.database)
    with centre.database.writing() as db:
        intake.evidence(db, "V02.edge", SESSION, {})
        intake.evidence(db, "V01.edge", "no-such-session", {})
    assert centre.client("archivist").get("/packages").json() == []


def test_the_store_takes_only_what_its_name_says_once(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    data = b"segment" * 1000
    name = hashlib.sha256(data).hexdigest()
    with pytest.raises(WrongHash):
        store.put(name, iter([b"other"]))
    assert not store.holds(name)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []
    assert store.put(name, iter([data[:10], data[10:]])) == len(data)

    def never() -> Any:
        raise AssertionError("a segment that is here is not read again")
        yield b""

    assert store.put(name, never()) == len(data)
    assert store.path(name).read_bytes() == data
    with pytest.raises(WrongHash):
        store.put("../../escape", iter([data]))
    with pytest.raises(KeyError):
        store.path("0" * 64)


def test_resuming_lists_what_is_missing(tmp_path: Path, ledger: Ledger) -> None:
    centre = closed(tmp_path, ledger)
    intake = send(centre, ledger, but=1, say=False)
    hashes = [hashlib.sha256(data).hexdigest() for data in ledger.media.values()]
    with centre.database.reading() as db:
        assert intake.missing(db, "V01.edge", SESSION, hashes) == hashes[:1]


@given(st.integers(0, 2_800_000_000), st.integers(1, 400))
def test_months_are_calendar_months(second: int, months: int) -> None:
    """Never shorter than the calendar says, at most one day longer (the 31st)."""
    local = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    after = add_months(local, months)
    shifted = after.astimezone(UTC) - local
    assert timedelta(days=months * 30.4 - 3) < shifted < timedelta(days=months * 30.5 + 4)
    assert add_months(local, months + 1) >= after


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [("2026-08-31", 6, "2027-03-01"), ("2026-01-15", 6, "2026-07-15"), ("2024-02-29", 60, "2029-03-01")],
)
def test_six_months_are_not_so_many_days(start: str, months: int, end: str) -> None:  # keeps I-12
    got = add_months(datetime.fromisoformat(f"{start}T10:00:00+08:00"), months)
    assert got.isoformat()[:10] == end


@pytest.mark.parametrize(
    "text", ["", "[[terms]]\nkind='x'\nmonths=0\nsource='s'", "[[terms]]\nkind='x'\nmonths=3", "{"]
)
def test_a_table_of_terms_that_cannot_be_used_says_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "retention.toml"
    path.write_text(text)
    with pytest.raises(RetentionError, match=r"retention\.toml"):
        load_terms(path)


def test_the_longest_term_wins(tmp_path: Path) -> None:
    path = tmp_path / "retention.toml"
    path.write_text("".join(f"[[terms]]\nkind='x'\nmonths={n}\nsource='rule {n}'\n" for n in (6, 60, 12)))
    assert load_terms(path)["x"].source == "rule 60"


def test_facts_of_a_foreign_edge_in_a_session_spoil_nothing(tmp_path: Path, ledger: Ledger) -> None:
    centre = closed(tmp_path, ledger)
    made = parse_fact(ledger.records[1])
    raw = made.data.replace(b'"venue":"V01"', b'"venue":"V02"')
    with centre.database.writing() as db:
        foreign = LedgerFact(
            edge="V02.edge", seq=1, id="foreign", kind=made.fact.kind, session=SESSION, session_seq=1, visit=None,
            wall=made.fact.at, hash=made.hash, raw=raw,
        )  # fmt: skip
        db.add(foreign)
    send(centre, ledger)
    duties.seal(centre.desk)
    assert (package_of(centre)["state"], package_of(centre)["findings"]) == ("sealed", [])


def test_what_a_foreign_edge_says_of_a_session_is_not_shown(tmp_path: Path, ledger: Ledger) -> None:
    centre = closed(tmp_path, ledger)
    with centre.database.writing() as db:
        row = db.exec(select(LedgerFact).where(LedgerFact.kind == "roster_opened")).one()
        said = {
            "edge": "V02.edge",
            "id": "foreign",
            "raw": row.raw.replace(b'"expected":2', b'"expected":99'),
        }
        db.add(LedgerFact(**row.model_dump(exclude={"position"}) | said))
    assert centre.client("supervisor").get(f"/sessions/{SESSION}/people").json()["expected"] == 2
