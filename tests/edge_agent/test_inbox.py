"""The inbox: forged, foreign, stale, repeated and lower ones are refused; the taking is durable and single."""

import datetime as dt
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from contract.clock import FakeClock, stamp
from contract.envelope import FactDraft, Record
from contract.keys import KeyRing, SigningKey
from contract.signing import seal
from edge_agent.alarms import Alarms
from edge_agent.inbox import Inbox, Party
from edge_agent.journal import Also, Journal

CENTRE = SigningKey.generate("centre")


class Desk:
    """An inbox on a journal, opened again at will."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, FakeClock()
        self.ring = KeyRing([CENTRE.describe("centre", self.clock.now() - dt.timedelta(days=1))])
        self.open()

    def open(self) -> None:
        self.journal = Journal.open(self.folder / "journal.db", "V01", self.clock)
        self.alarms = Alarms(self.journal, self.record)
        party = Party("V01.edge", "V01", lambda: self.ring, self.clock)
        self.inbox = Inbox(party, self.journal, self.record, self.alarms)

    def record(self, drafts: Sequence[FactDraft], also: Also | None = None) -> list[Record]:
        return self.journal.append(drafts, also)

    def restart(self) -> None:
        self.journal.close()
        self.open()

    def kinds(self) -> list[str]:
        return [record.fact.kind for record in self.journal.all()]

    def command(self, key: SigningKey = CENTRE, **changes: Any) -> bytes:
        now = self.clock.now()
        payload = {
            "v": 1, "id": "C1", "kind": "suspend_entry", "to": "V01.edge", "not_before": stamp(now),
            "expires_at": stamp(now + dt.timedelta(seconds=30)), "epoch": 1, "session": None, "by": ["s"],
            "reason": "r", "body": {"rooms": []},
        }  # fmt: skip
        return json.dumps(seal("command", {**payload, **changes}, key)).encode()

    def document(self, serial: int, key: SigningKey = CENTRE, **changes: Any) -> bytes:
        payload = {
            "v": 1, "id": f"D{serial}", "kind": "holds", "venue": "V01", "document": "", "serial": serial,
            "issued_at": stamp(self.clock.now()), "body": {"holds": []},
        }  # fmt: skip
        return json.dumps(seal("document", {**payload, **changes}, key)).encode()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_command_is_taken_once_in_its_life(desk: Desk) -> None:
    message = desk.command()
    taken = desk.inbox.command(message)
    assert taken is not None
    assert desk.inbox.command(message) is None
    desk.restart()
    assert desk.inbox.command(message) is None
    assert [c.id for c in desk.inbox.unanswered()] == ["C1"]
    desk.inbox.executed(taken, "unknown", "restarted")
    assert desk.inbox.unanswered() == []
    assert desk.kinds() == ["command_accepted", "command_executed"]


@pytest.mark.parametrize(
    ("make", "subject"),
    [
        (lambda d: d.command(SigningKey.generate("centre")), "command.bad_signature"),
        (lambda d: d.command(SigningKey.generate("centre", 2)), "command.unknown_key"),
        (lambda d: d.command(to="V02.edge"), "command.other_addressee"),
        (lambda d: b"{}", "command.malformed"),
        (lambda d: b"\xff\x00", "command.malformed"),
        (lambda d: b"[]", "command.malformed"),
        (lambda d: d.document(1), "command.bad_signature"),
    ],
)
def test_what_cannot_be_believed_is_an_alarm_and_nothing_else(
    desk: Desk, make: Callable[[Desk], bytes], subject: str
) -> None:
    message = make(desk)
    assert desk.inbox.command(message) is None
    assert desk.inbox.command(message) is None
    assert desk.kinds() == ["alarm_raised"]
    assert [a["subject"] for a in desk.alarms.standing()] == [subject]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"expires_at": stamp(FakeClock().now())}, "expired"),
        ({"not_before": stamp(FakeClock().now() + dt.timedelta(seconds=10))}, "too_early"),
        ({"kind": "open_every_door"}, "not_understood"),
        ({"body": {}}, "not_understood"),
    ],
)
def test_what_must_not_be_tried_is_answered_refused_once(
    desk: Desk, changes: dict[str, Any], reason: str
) -> None:
    message = desk.command(**changes)
    assert desk.inbox.command(message) is None
    assert desk.inbox.command(message) is None
    (record,) = desk.journal.all()
    assert record.fact.kind == "command_executed"
    assert (record.fact.body["result"], record.fact.body["reason"]) == ("refused", reason)


def test_an_older_epoch_is_refused(desk: Desk) -> None:
    assert desk.inbox.command(desk.command(epoch=2)) is not None
    assert desk.inbox.command(desk.command(id="C2", epoch=1)) is None


def test_a_clock_turned_back_revives_no_command(desk: Desk) -> None:
    message = desk.command()
    desk.clock.advance(3700)
    desk.record([FactDraft("door_opened", {"door": "d"})])
    desk.clock.advance(-3690)
    assert desk.inbox.command(message) is None


def test_serials_only_rise(desk: Desk) -> None:
    second = desk.document(2)
    assert desk.inbox.document(second) is not None
    assert desk.inbox.document(second) is None
    first = desk.document(1)
    assert desk.inbox.document(first) is None
    assert desk.inbox.document(first) is None
    assert [d.serial for d in desk.inbox.documents("holds")] == [2]
    desk.restart()
    assert desk.inbox.document(first) is None
    assert desk.inbox.document(desk.document(3)) is not None
    assert desk.kinds() == ["document_accepted", "document_refused", "document_accepted"]


def test_documents_of_others_and_forged_ones(desk: Desk) -> None:
    assert desk.inbox.document(desk.document(1, venue="V02")) is None
    assert desk.inbox.document(desk.document(1, SigningKey.generate("centre"))) is None
    assert desk.inbox.document(desk.document(1, body={"holds": 7})) is None
    assert desk.inbox.documents("holds") == []
    assert "document_refused" in desk.kinds()
