"""The journal: append-only, chained, durable, and honest when the disk is full."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pysqlite3 as sqlite
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract.chain import check_chain, check_session_chain
from contract.clock import FakeClock, SystemClock
from contract.envelope import FactDraft
from contract.tree import verify_consistency
from edge_agent.journal import Journal, JournalFull


def opened(path: Path) -> Journal:
    return Journal.open(path / "journal.db", "V01", FakeClock())


def draft(session: str | None = None) -> FactDraft:
    return FactDraft("door_opened", {"door": "door-main"}, session)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.sampled_from([None, "S1", "S2"]), min_size=1, max_size=4), max_size=6))
def test_chains_hold_over_any_batches_and_restarts(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[str | None]]
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    for batch in batches:
        journal = opened(folder)
        journal.append([draft(session) for session in batch])
        journal.close()
    journal = opened(folder)
    assert list(check_chain(record.data for record in journal.all())) == []
    for session in ("S1", "S2"):
        records = [record.data for record in journal.of_session(session)]
        assert list(check_session_chain(records, session)) == []
    assert journal.size == sum(len(batch) for batch in batches)
    journal.close()


def test_rows_can_be_neither_changed_nor_removed_nor_skipped(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append([draft(), draft()])
    journal.close()
    db = sqlite.connect(str(tmp_path / "journal.db"))
    for statement in (
        "UPDATE fact SET kind = 'x'",
        "DELETE FROM fact",
        "INSERT INTO fact SELECT 9, 'x', kind, session, session_seq, hash, data FROM fact WHERE seq = 1",
    ):
        with pytest.raises(sqlite.IntegrityError, match="journal"):
            db.execute(statement)
    db.close()


def test_consistency_proofs_and_receipts_that_never_go_back(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append([draft() for _ in range(5)])
    old = journal.root()
    journal.append([draft() for _ in range(8)])
    assert verify_consistency(5, 13, old, journal.root(), journal.consistency(5, 13))
    journal.store_receipt(9, "aa", "{}")
    journal.store_receipt(4, "bb", "{}")
    assert journal.receipt() == (9, "aa")
    journal.close()


def test_nothing_joins_a_closed_session(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.append(
        [draft("S1"), FactDraft("session_closed", {"sitting": "T", "count": 1, "last_hash": "0" * 64}, "S1")]
    )
    journal.close()
    journal = opened(tmp_path)
    assert journal.append([draft("S1")])[0].fact.session is None
    journal.close()


_WRITER = textwrap.dedent("""
    import sys
    from pathlib import Path
    from contract.clock import SystemClock
    from contract.envelope import FactDraft
    from edge_agent.journal import Journal
    journal = Journal.open(Path(sys.argv[1]), "V01", SystemClock())
    while True:
        record = journal.append([FactDraft("door_opened", {"door": "d"}, "S1")])[-1]
        print(record.fact.seq, record.hash, flush=True)
""")


@pytest.mark.req("C8")
def test_what_was_acknowledged_outlives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    last = (0, "")
    for _ in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        for _ in range(40):
            seq, hash_ = writer.stdout.readline().split()
            last = (int(seq), hash_)
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
        journal = Journal.open(path, "V01", SystemClock())
        assert journal.hash_at(last[0]) == last[1]
        assert list(check_chain(record.data for record in journal.all())) == []
        journal.close()


_FILLER = textwrap.dedent("""
    import resource, signal, sys
    from pathlib import Path
    import pysqlite3
    from contract.clock import SystemClock
    from contract.envelope import FactDraft
    from edge_agent.journal import Journal, JournalFull
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (900_000, 900_000))
    journal = Journal.open(Path(sys.argv[1]), "V01", SystemClock())
    try:
        while True:
            print(journal.append([FactDraft("door_opened", {"door": "d" * 150})])[-1].fact.seq, flush=True)
    except (JournalFull, pysqlite3.OperationalError):
        print("refused", flush=True)
""")


def test_a_write_that_fails_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    done = subprocess.run(
        [sys.executable, "-c", _FILLER, str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    lines = done.stdout.split()
    assert lines[-1] == "refused", done.stderr
    journal = Journal.open(path, "V01", SystemClock())
    assert journal.size >= int(lines[-2]) > 10
    assert list(check_chain(record.data for record in journal.all())) == []
    assert journal.append([draft()])[0].fact.seq == journal.size
    journal.close()


def fill(journal: Journal) -> None:
    for _ in range(5000):
        journal.append([FactDraft("door_opened", {"door": "d" * 190})])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("tmpfs cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_refuses_and_the_reserve_gives_room_for_the_alarm(small_disk: Path) -> None:
    journal = opened(small_disk)
    with pytest.raises(JournalFull):
        fill(journal)
    size = journal.size
    assert journal.release_reserve()
    assert not journal.release_reserve()
    assert journal.append([draft()])[0].fact.seq == size + 1
    assert list(check_chain(record.data for record in journal.all())) == []
    journal.close()
