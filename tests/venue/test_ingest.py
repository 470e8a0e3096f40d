"""The ledger is a prefix of the edge's journal, whatever arrives (keeps I-7, I-8)."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from contract.clock import FakeClock
from contract.keys import SigningKey
from contract.notes import attestations, parse_note
from tests.venue.core import (
    CENTRE_KEY,
    Journal,
    enrol,
    ledger_bytes,
    make_ingest,
    open_centre,
    rows,
    standing,
)
from venue.db import Database
from venue.edge_link.ingest import Ingest
from venue.edge_link.tables import Checkpoint, LedgerRefusal, Party


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def database(tmp_path: Path, clock: FakeClock) -> Any:
    made = open_centre(tmp_path, clock)
    yield made
    made.engine.dispose()


@pytest.fixture
def journal(database: Database, clock: FakeClock) -> Journal:
    made = Journal(clock)
    enrol(database, made)
    return made


@pytest.fixture
def ingest(database: Database) -> Ingest:
    return make_ingest(database)


@pytest.mark.req("I4")
def test_facts_are_stored_as_they_came_and_acknowledged_by_the_highest_contiguous(
    database: Database, journal: Journal, ingest: Ingest
) -> None:
    for number in range(5):
        journal.state(session="s1" if number % 2 else None)
    receipt = ingest.take("V01.edge", journal.payload())
    assert receipt is not None
    assert (receipt.seq, receipt.head) == (5, journal.records[-1].hash)
    assert ledger_bytes(database) == [record.data for record in journal.records]


def test_a_resend_changes_nothing_and_is_acknowledged_again(
    database: Database, journal: Journal, ingest: Ingest
) -> None:
    journal.state()
    first = ingest.take("V01.edge", journal.payload())
    assert ingest.take("V01.edge", journal.payload()) == first
    assert len(ledger_bytes(database)) == 1
    assert standing(database) == set()


def test_a_hole_is_refused_with_an_alarm_that_ends_when_it_is_filled(
    database: Database, journal: Journal, ingest: Ingest
) -> None:
    for _ in range(4):
        journal.state()
    ingest.take("V01.edge", journal.payload(1, 1))
    receipt = ingest.take("V01.edge", journal.payload(3))
    assert receipt is not None
    assert receipt.seq == 1
    assert standing(database) == {"ledger_hole"}
    assert ingest.take("V01.edge", journal.payload(2)) is not None
    assert standing(database) == set()
    assert len(ledger_bytes(database)) == 4


@pytest.mark.parametrize("rewritten", [1, 2])
def test_a_second_history_is_a_fork_and_its_first_message_is_kept(
    database: Database, journal: Journal, ingest: Ingest, clock: FakeClock, rewritten: int
) -> None:
    other = Journal(clock, key=journal.key)
    for number in range(3):
        record = journal.state()
        if number + 1 < rewritten:
            other.records.append(record)
            other.position = journal.position
    while len(other.records) < 5:
        other.state()
    ingest.take("V01.edge", journal.payload())
    for _ in range(3):
        receipt = ingest.take("V01.edge", other.payload(rewritten))
        assert receipt is not None
        assert (receipt.seq, receipt.head) == (3, journal.records[-1].hash)
    assert standing(database) == {"ledger_fork"}
    # One that begins after our head, but on another past, is a fork too.
    ingest.take("V01.edge", other.payload(4))
    assert ledger_bytes(database) == [record.data for record in journal.records]
    with database.reading() as db:
        assert [row.raw for row in rows(db, LedgerRefusal)] == [other.records[rewritten - 1].data]


def test_a_break_in_the_session_chain_is_refused(
    database: Database, journal: Journal, ingest: Ingest
) -> None:
    journal.state(session="s1")
    journal.sessions["s1"] = (1, "f" * 64)
    journal.state(session="s1")
    receipt = ingest.take("V01.edge", journal.payload())
    assert receipt is not None
    assert receipt.seq == 1
    assert standing(database) == {"ledger_fork"}


@pytest.mark.parametrize("line", [b"{}", b"\xff", b'{"v":1}', b"[1]"])
def test_what_is_no_fact_is_refused(
    database: Database, journal: Journal, ingest: Ingest, line: bytes
) -> None:
    journal.state()
    receipt = ingest.take("V01.edge", journal.payload() + b"\n" + line)
    assert receipt is not None
    assert receipt.seq == 1
    assert standing(database) == {"ledger_fork"}


def test_strangers_and_revoked_parties_are_not_answered(
    database: Database, journal: Journal, ingest: Ingest, clock: FakeClock
) -> None:
    journal.state()
    assert ingest.take("V02.edge", journal.payload()) is None
    with database.writing() as db:
        party = db.get(Party, "V01.edge")
        assert party is not None
        party.revoked_at = clock.now()
        db.add(party)
    assert ingest.take("V01.edge", journal.payload()) is None
    assert ledger_bytes(database) == []


def test_a_fact_of_another_venue_is_refused(database: Database, clock: FakeClock, ingest: Ingest) -> None:
    mine = Journal(clock, name="V01.edge")
    enrol(database, mine)
    mine.position = mine.position.__class__("V02", "boot-1")
    mine.state()
    receipt = ingest.take("V01.edge", mine.payload())
    assert receipt is not None
    assert receipt.seq == 0


def test_an_unknown_kind_is_stored_and_acknowledged(
    database: Database, journal: Journal, ingest: Ingest
) -> None:
    data = journal.state().data.replace(b'"help_requested"', b'"tea_was_served"')
    receipt = ingest.take("V01.edge", data)
    assert receipt is not None
    assert receipt.seq == 1
    assert ledger_bytes(database) == [data]


def test_a_subject_that_fails_stops_the_ledger_before_its_fact_and_it_goes_on_when_mended(
    database: Database, journal: Journal
) -> None:
    broken = [True]

    def picky(db: Any, fact: Any) -> None:
        if broken[0] and fact.seq == 3:
            raise RuntimeError("the subject's own mistake")

    for _ in range(4):
        journal.state()
    ingest = make_ingest(database, {"help_requested": [picky]})
    receipt = ingest.take("V01.edge", journal.payload())
    assert receipt is not None
    assert receipt.seq == 2
    assert standing(database) == {"ingest_failed"}
    broken[0] = False
    again = ingest.take("V01.edge", journal.payload(3))
    assert again is not None
    assert again.seq == 4
    assert standing(database) == set()


def test_a_true_checkpoint_is_cosigned_and_rides_on_the_receipt(
    database: Database, journal: Journal, ingest: Ingest, clock: FakeClock
) -> None:
    for _ in range(5):
        journal.state()
    journal.checkpoint()
    receipt = ingest.take("V01.edge", journal.payload())
    assert receipt is not None
    assert receipt.note is not None
    keys = [CENTRE_KEY.describe("centre", clock.now()), journal.key.describe("edge", clock.now())]
    good, bad = attestations(parse_note(receipt.note), keys)
    assert [(one.key.name, one.cosignature) for one in good] == [("V01.edge", False), ("centre", True)]
    assert not bad
    assert ingest.receipt("V01.edge").note == receipt.note


@pytest.mark.parametrize("lie", ["root", "key", "size", "ahead"])
def test_a_checkpoint_that_lies_is_never_cosigned(
    database: Database, journal: Journal, ingest: Ingest, lie: str
) -> None:
    for _ in range(5):
        journal.state()
    if lie == "root":
        journal.checkpoint(root=b"\x01" * 32)
    elif lie == "key":
        journal.checkpoint(key=SigningKey.generate("V01.edge"))
    elif lie == "size":
        good = journal.checkpoint().fact.body
        journal.state("checkpoint_signed", size=4, root=good["root"], note=good["note"])
        journal.records.pop(5)
        journal.position = journal.position.__class__("V01", "boot-1", 6, journal.records[4].hash)
        journal.records.pop(5)
        journal.state("checkpoint_signed", size=4, root=good["root"], note=good["note"])
    else:
        longer = Journal(journal.clock, key=journal.key)
        for _ in range(9):
            longer.state()
        body = longer.checkpoint().fact.body
        journal.state("checkpoint_signed", size=body["size"], root=body["root"], note=body["note"])
    receipt = ingest.take("V01.edge", journal.payload())
    assert receipt is not None
    assert (receipt.seq, receipt.note) == (6, None)
    assert standing(database) == {"checkpoint_mismatch"}
    with database.reading() as db:
        assert rows(db, Checkpoint) == []


def test_checkpoints_hold_after_a_restart_of_the_centre(
    database: Database, journal: Journal, ingest: Ingest
) -> None:
    for _ in range(3):
        journal.state()
    ingest.take("V01.edge", journal.payload())
    journal.state()
    journal.checkpoint()
    receipt = make_ingest(database).take("V01.edge", journal.payload(4))
    assert receipt is not None
    assert receipt.note is not None


@pytest.mark.parametrize("statement", ["UPDATE ledger_fact SET kind = 'x'", "DELETE FROM ledger_fact"])
def test_the_database_itself_keeps_the_ledger(
    database: Database, journal: Journal, ingest: Ingest, statement: str
) -> None:
    journal.state()
    ingest.take("V01.edge", journal.payload())
    with pytest.raises(DBAPIError, match="append_only"), database.writing() as db:
        db.connection().execute(text(statement))


@given(seed=st.integers(0, 2**32))
def test_any_loss_order_and_doubling_leaves_a_prefix(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    chance = random.Random(seed)
    database = open_centre(tmp_path_factory.mktemp("ledger"))
    journal = Journal(FakeClock())
    enrol(database, journal)
    ingest = make_ingest(database)
    for _ in range(20):
        journal.state(session=chance.choice([None, "s1", "s2"]))
    best = 0
    for _ in range(12):
        first = chance.randint(1, 20)
        receipt = ingest.take("V01.edge", journal.payload(first, chance.randint(first, 20)))
        assert receipt is not None
        assert receipt.seq >= best
        best = receipt.seq
    stored = ledger_bytes(database)
    database.engine.dispose()
    assert stored == [record.data for record in journal.records[:best]]
