"""The engine: durable before it acts, nothing done that could not be stated, results come back as observations."""

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pyrage
import pytest

from access_control.acts import Act, Decision, Unlock
from access_control.observations import DoorResult
from access_control.rosters import OpenRoster
from access_control.settings import Settings
from access_control.site import SitePlan
from contract.clock import FakeClock, SystemClock, stamp
from contract.documents import Document, Roster
from contract.envelope import FactDraft
from devices.ports import Health, HealthState, Result
from edge_agent.engine import Engine
from edge_agent.hands import Equipment, SiteHands
from edge_agent.journal import Journal, JournalFull
from edge_agent.keys import Keys, make
from edge_agent.messages import Texts
from edge_agent.rosters import BadRoster, Sealed, open_inner

GRANT = FactDraft(
    "admission_granted",
    {
        "admission": "A1", "door": "door-main", "valid_until": stamp(FakeClock().now()), "rule_version": "passage-1",
        "grounds": {"identity_seq": 1},
    },
)  # fmt: skip
UNLOCK = Unlock("door-main", "A1", 5)


class CountingHands:
    """Notes how many facts were durable when an act began."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.begun: list[tuple[Act, int]] = []

    def do(self, act: Act) -> None:
        other = Journal.open(self.path, "V01", SystemClock())
        self.begun.append((act, other.size))
        other.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    journal = Journal.open(tmp_path / "journal.db", "V01", SystemClock())
    made = Engine(journal, SitePlan(), Settings(), SystemClock())
    made.attach(CountingHands(tmp_path / "journal.db"))
    made.start()
    yield made
    made.stop()
    journal.close()


def hands_of(engine: Engine, tmp_path: Path) -> CountingHands:
    hands = CountingHands(tmp_path / "journal.db")
    engine.attach(hands)
    return hands


def test_the_grant_is_durable_before_the_relay_moves(engine: Engine, tmp_path: Path) -> None:
    hands = hands_of(engine, tmp_path)
    engine.call(lambda: engine.apply(Decision((GRANT,), (UNLOCK,)))).result(5)
    assert hands.begun == [(UNLOCK, 1)]


def test_what_could_not_be_stated_is_not_done(engine: Engine, tmp_path: Path) -> None:
    hands = hands_of(engine, tmp_path)
    wrong = FactDraft("admission_granted", {"door": "door-main"})
    with pytest.raises(ValueError, match="AdmissionGranted"):
        engine.call(lambda: engine.apply(Decision((wrong,), (UNLOCK,)))).result(5)
    assert hands.begun == []
    assert not engine.ended.is_set()


class FullJournal(Journal):
    """A journal on a disk that has become full."""

    def append(self, *_: object, **__: object) -> list[object]:  # type: ignore[override]
        raise JournalFull("disk is full")


def test_a_full_disk_opens_no_door_and_ends_nothing(tmp_path: Path) -> None:
    journal = FullJournal.open(tmp_path / "journal.db", "V01", SystemClock())
    engine = Engine(journal, SitePlan(), Settings(), SystemClock())
    hands = hands_of(engine, tmp_path)
    engine.start()
    with pytest.raises(JournalFull):
        engine.call(lambda: engine.apply(Decision((GRANT,), (UNLOCK,)))).result(5)
    assert engine.full
    assert hands.begun == []
    assert not engine.ended.is_set()
    engine.stop()
    journal.close()


def test_a_full_disk_keeps_nobody_in(tmp_path: Path) -> None:
    journal = FullJournal.open(tmp_path / "journal.db", "V01", SystemClock())
    engine = Engine(journal, SitePlan(), Settings(), SystemClock())
    hands, exit_ = hands_of(engine, tmp_path), Unlock("door-main", None, 5)
    asked = FactDraft("exit_requested", {"door": "door-main"})
    engine.start()
    with pytest.raises(JournalFull):
        engine.call(lambda: engine.apply(Decision((asked,), (UNLOCK, exit_)))).result(5)
    assert [act for act, _ in hands.begun] == [exit_]
    engine.stop()
    journal.close()


class StuckDoor:
    """A door whose board fails in the middle."""

    id = "door-main"

    def unlock(self, seconds: float) -> Future[Result]:
        future: Future[Result] = Future()
        future.set_exception(OSError("board gone"))
        return future

    def lock(self) -> Future[Result]:
        return self.unlock(0)

    def is_open(self) -> bool | None:
        return None

    def health(self) -> Health:
        return Health(HealthState.OFFLINE, None, 1, "gone")


def test_a_failed_act_is_unknown_and_an_absent_door_refused(tmp_path: Path) -> None:
    journal = Journal.open(tmp_path / "journal.db", "V01", SystemClock())
    engine = Engine(journal, SitePlan(), Settings(), SystemClock())
    equipment = Equipment({"door-main": StuckDoor()}, {}, None, None, Texts({}))
    hands = SiteHands(engine, equipment, Settings(), SystemClock())
    hands.do(UNLOCK)
    hands.do(Unlock("door-9", "A2", 5))
    # not started: what the hands answered still stands in the queue
    assert engine._queue.get(timeout=5) == DoorResult("door-main", "A1", Result.UNKNOWN)
    assert engine._queue.get(timeout=5) == DoorResult("door-9", "A2", Result.REFUSED)
    hands.stop()
    journal.close()


def sealed_roster(keys: Keys, **changes: str) -> tuple[Sealed, bytes]:
    now = FakeClock().now()
    person = {
        "alias": "E1",
        "role": "expert",
        "name": "示例专家 01",
        "id_number": "1",
        "phone": "2",
        "rooms": ["r"],
    }
    content = {"sitting": "T1", "session": "S1", "persons": [person], **changes}
    plain = json.dumps(content).encode().ljust(65536)
    body = {
        "session": "S1", "sitting": "T1", "checkin_opens_at": stamp(now), "starts_at": stamp(now),
        "ends_at": stamp(now + dt.timedelta(hours=1)), "rooms": [], "sealed": base64.b64encode(b"x").decode(),
        "commitment": hashlib.sha256(plain).hexdigest(),
    }  # fmt: skip
    payload = {
        "v": 1, "id": "D1", "kind": "roster", "venue": "V01", "serial": 4, "issued_at": stamp(now), "body": body,
    }  # fmt: skip
    document = Document.read(payload)
    return Sealed(document, Roster.read(document.body)), pyrage.encrypt(plain, [keys.sealing.to_public()])


def test_the_inner_layer_opens_to_the_committed_persons_only(tmp_path: Path) -> None:
    keys = make(tmp_path / "keys", "V01.edge")
    sealed, inner = sealed_roster(keys)
    opened: OpenRoster = open_inner(inner, sealed, keys)
    assert [person.alias for person in opened.persons] == ["E1"]
    assert "示例" not in repr(opened)
    _, other = sealed_roster(keys, note="one more")
    with pytest.raises(BadRoster, match="commitment"):
        open_inner(other, sealed, keys)
    foreign, foreign_inner = sealed_roster(keys, sitting="T2")
    with pytest.raises(BadRoster, match="other_sitting"):
        open_inner(foreign_inner, foreign, keys)
    with pytest.raises(BadRoster, match="not_for_us"):
        open_inner(inner, sealed, make(tmp_path / "other", "V02.edge"))
