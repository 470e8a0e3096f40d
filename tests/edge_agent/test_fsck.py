"""Every check of fsck is made to fail once."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pysqlite3 as sqlite
import pytest

from contract.chain import GENESIS
from contract.clock import FakeClock, stamp
from contract.envelope import FactDraft
from contract.keys import KeyRing, SigningKey
from contract.notes import Checkpoint, cosign, origin, sign_checkpoint
from edge_agent import fsck
from edge_agent.journal import Journal

EDGE, WITNESS = SigningKey.generate("V01.edge"), SigningKey.generate("V01.witness")
CLOCK = FakeClock()
RING = KeyRing([EDGE.describe("edge", CLOCK.now()), WITNESS.describe("witness", CLOCK.now())])
MEDIA = b"a segment"


def segment(number: int = 1, **changes: Any) -> FactDraft:
    sha256 = hashlib.sha256(MEDIA).hexdigest()
    body = {
        "camera": "cam-1", "worker": "rec-1", "number": number, "file": "cam-1/one.mp4", "start_us": 1, "end_us": 2,
        "bytes": len(MEDIA), "sha256": sha256, "chain_first": GENESIS, "chain_last": GENESIS, "fragments": 1,
        "video_samples": 1, "audio_samples": 1, "lost": 0, "container": "mp4",
    }  # fmt: skip
    return FactDraft("segment_finalised", {**body, **changes}, "S1")


def grant(admission: str, door: str, **grounds: int) -> FactDraft:
    body = {
        "admission": admission, "door": door, "valid_until": stamp(CLOCK.now()), "rule_version": "passage-1",
        "grounds": grounds,
    }  # fmt: skip
    return FactDraft("admission_granted", body, "S1", "v1")


def unlock(admission: str, door: str) -> FactDraft:
    body = {"door": door, "admission": admission, "result": "done", "for": "entry"}
    return FactDraft("door_unlocked", body, "S1", "v1")


class Home:
    def __init__(self, folder: Path) -> None:
        self.path, self.recordings = folder / "journal.db", folder / "recordings"
        self.journal = Journal.open(self.path, "V01", CLOCK)
        (self.recordings / "cam-1").mkdir(parents=True)
        (self.recordings / "cam-1" / "one.mp4").write_bytes(MEDIA)

    def state(self, *drafts: FactDraft) -> None:
        self.journal.append(drafts)

    def report(self, draft: FactDraft, number: int) -> None:
        self.journal.append(
            [draft],
            lambda db, made: db.execute(
                "INSERT INTO report VALUES ('rec-1', ?, ?)", (number, made[0].fact.seq)
            ),
        )

    def checkpoint(self, key: SigningKey = EDGE, root: bytes | None = None) -> None:
        size = self.journal.size
        note = sign_checkpoint(Checkpoint(origin("V01"), size, root or self.journal.root(), CLOCK.now()), key)
        body = {"size": size, "root": self.journal.root().hex(), "note": note}
        self.state(FactDraft("checkpoint_signed", body))
        self.state(
            FactDraft(
                "checkpoint_cosigned",
                {"size": size, "by": "witness", "note": cosign(note, WITNESS, CLOCK.now())},
            )
        )

    def close_session(self, count: int | None = None) -> None:
        known, last = self.journal.session_head("S1")
        body = {"sitting": "T1", "count": known if count is None else count, "last_hash": last}
        self.state(FactDraft("session_closed", body, "S1"))

    def good(self) -> None:
        """A small journal in which everything holds."""
        self.state(
            FactDraft("identity_confirmed", {"methods": ["card", "pin"]}, "S1", "v1"),
            FactDraft("custody_settled", {"declared_empty": True}, "S1", "v1"),
        )
        self.state(grant("A1", "door-main", identity_seq=1, custody_seq=2))
        self.state(unlock("A1", "door-main"))
        self.report(segment(), 1)
        self.checkpoint()
        self.close_session()
        self.journal.store_receipt(2, str(self.journal.hash_at(2)), "{}")

    def tamper(self, *statements: str) -> None:
        """What somebody with the disk in his hands can do."""
        self.journal.close()
        db = sqlite.connect(str(self.path), isolation_level=None)
        db.execute("DROP TRIGGER fact_no_update")
        db.execute("DROP TRIGGER fact_no_delete")
        for statement in statements:
            db.execute(statement)
        db.close()

    def found(self) -> set[tuple[str, str]]:
        book = fsck.load(self.path, RING, self.recordings)
        return {(finding.check, finding.key) for finding in fsck.check(book)}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.good()
    return made


def test_a_good_journal_has_no_findings(home: Home) -> None:
    assert home.found() == set()
    assert fsck.report([], home.journal.size)["ok"] is True


def test_a_changed_byte(home: Home) -> None:
    home.tamper("UPDATE fact SET data = CAST(replace(data, 'card', 'cars') AS BLOB) WHERE seq = 1")
    assert {
        ("F1", "fsck.row_differs"),
        ("F2", "fsck.chain.prev"),
        ("F3", "fsck.chain.session_prev"),
    } <= home.found()
    assert ("F4", "fsck.other_root") in home.found()


def test_unreadable_bytes(home: Home) -> None:
    home.tamper("UPDATE fact SET data = X'00' WHERE session IS NULL AND seq = 6")
    assert ("F1", "fsck.unreadable") in home.found()


def test_a_missing_row(home: Home) -> None:
    home.tamper("DELETE FROM fact WHERE seq = 2")
    assert {
        ("F2", "fsck.chain.seq"),
        ("F3", "fsck.chain.session_seq"),
        ("F7", "fsck.ground_missing"),
    } <= home.found()


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda h: h.checkpoint(SigningKey.generate("V01.edge")), ("F4", "fsck.not_signed")),
        (lambda h: h.checkpoint(root=bytes(32)), ("F4", "fsck.other_root")),
        (lambda h: h.state(unlock("A9", "door-main")), ("F6", "fsck.unlock_without_grant")),
        (lambda h: h.state(unlock("A1", "door-main")), ("F6", "fsck.unlock_twice")),
        (lambda h: h.state(grant("A2", "door-1", identity_seq=2)), ("F7", "fsck.ground_missing")),
        (
            lambda h: h.state(
                FactDraft("identity_confirmed", {"methods": []}, None, "v1"),
                FactDraft("custody_settled", {"declared_empty": True}, None, "v1"),
                grant("A3", "door-1", identity_seq=9, custody_seq=2),
            ),
            ("F7", "fsck.ground_order"),
        ),
        (lambda h: h.journal.store_receipt(5, "ab" * 32, "{}"), ("F8", "fsck.receipt_of_other_history")),
        (lambda h: h.state(segment()), ("F9", "fsck.report_twice")),
        (lambda h: h.state(segment(2)), ("F9", "fsck.report_not_stored")),
        (lambda h: (h.recordings / "cam-1/one.mp4").write_bytes(b"b segment"), ("F10", "fsck.file_changed")),
        (lambda h: (h.recordings / "cam-1/one.mp4").unlink(), ("F10", "fsck.file_missing")),
    ],
)
def test_what_does_not_hold(home: Home, spoil: Callable[[Home], object], expected: tuple[str, str]) -> None:
    spoil(home)
    assert expected in home.found()


def command(kind: str) -> FactDraft:
    return FactDraft(kind, {"command_id": "C1", "command_kind": "resume_entry", "by": [], "result": "done"})


def test_a_command_answered_twice_and_one_never_stored(home: Home) -> None:
    home.state(command("command_accepted"), command("command_executed"), command("command_executed"))
    assert {("F5", "fsck.command_executed_twice"), ("F5", "fsck.command_not_stored")} <= home.found()


def test_a_document_in_force_that_no_fact_accepted(home: Home) -> None:
    home.tamper("INSERT INTO document VALUES ('holds', '', 7, 'D1', '{}', 1)")
    assert ("F5", "fsck.document_not_accepted") in home.found()


def test_a_close_that_counts_wrong_and_facts_after_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.state(FactDraft("checkin_opened", {"sitting": "T1"}, "S1"))
    home.close_session(count=7)
    home.journal.close()
    # a journal that forgot the close, as a rewritten one would
    db = sqlite.connect(str(home.path), isolation_level=None)
    data = db.execute("SELECT data FROM fact WHERE seq = 2").fetchone()[0]
    after = json.loads(data) | {"seq": 3, "kind": "sitting_closed", "session_seq": 3}
    db.execute(
        "INSERT INTO fact VALUES (3, 'x', 'sitting_closed', 'S1', 3, ?, ?)",
        ("00", json.dumps(after).encode()),
    )
    db.close()
    assert {("F3", "fsck.close_count"), ("F3", "fsck.after_close")} <= home.found()
