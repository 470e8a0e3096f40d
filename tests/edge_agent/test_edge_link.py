"""The link against a real broker and a centre that signs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.clock import SystemClock
from contract.envelope import FactDraft
from contract.keys import KeyRing, SigningKey
from contract.signing import seal
from edge_agent.journal import Journal
from edge_agent.link import Handlers, Link
from edge_agent.mqtt import Broker
from tests.edge_agent.site import Ca, Centre, Mosquitto, equip, wait_for


def draft(n: int) -> FactDraft:
    return FactDraft("door_opened", {"door": f"door-{n}"})


class Site:
    def __init__(self, tmp_path: Path, ca: Ca, centre: Centre) -> None:
        ring = KeyRing([centre.public])
        keys = equip(ca, tmp_path / "edge" / "keys", "V01.edge", ring)
        self.journal = Journal.open(tmp_path / "edge" / "journal.db", "V01", SystemClock())
        self.documents: list[bytes] = []
        self.commands: list[bytes] = []
        self.notes: list[str] = []
        self.forks: list[int] = []
        handlers = Handlers(
            self.documents.append, self.commands.append, self._answer, self.notes.append, self.forks.append,
            lambda up: None,
        )  # fmt: skip
        broker = Broker("127.0.0.1", centre.port, "V01.edge", keys.files, keepalive=5)
        self.link = Link(broker, self.journal, lambda: ring, SystemClock(), handlers)

    def _answer(self, request: Any) -> dict[str, Any]:
        return {"ok": True, "echo": request["view"]}

    def append(self, count: int) -> None:
        for n in range(count):
            self.journal.append([draft(n)])
        self.link.wake()

    def close(self) -> None:
        self.link.stop()
        self.journal.close()


@pytest.fixture
def site(tmp_path: Path, ca: Ca, centre: Centre) -> Iterator[Site]:
    made = Site(tmp_path, ca, centre)
    made.append(120)
    made.link.start()
    yield made
    made.close()


def test_facts_arrive_in_order_and_the_receipt_is_kept(site: Site, centre: Centre) -> None:
    wait_for(lambda: site.link.acknowledged == 120)
    assert centre.seqs() == list(range(1, 121))
    assert centre.chain_breaks() == []
    assert site.journal.receipt() == (120, site.journal.head)


@pytest.mark.req("C8")
def test_nothing_is_lost_while_the_broker_is_away(site: Site, centre: Centre, broker: Mosquitto) -> None:
    wait_for(lambda: site.link.acknowledged == 120)
    broker.stop()
    site.append(80)
    broker.start()
    wait_for(lambda: site.link.acknowledged == 200, 20)
    assert centre.seqs() == list(range(1, 201))


def test_a_publish_without_receipt_is_sent_again(site: Site, centre: Centre) -> None:
    wait_for(lambda: site.link.acknowledged == 120)
    centre.mute = True
    site.append(1)
    wait_for(lambda: centre.batches > 3)
    assert site.link.acknowledged == 120
    centre.mute = False
    wait_for(lambda: site.link.acknowledged == 121)


def test_a_forged_receipt_moves_nothing(site: Site, centre: Centre) -> None:
    wait_for(lambda: site.link.acknowledged == 120)
    centre.mute = True
    site.append(5)
    forged = seal(
        "receipt", {"seq": 125, "head": site.journal.head, "note": None}, SigningKey.generate("centre")
    )
    centre.send("down/V01.edge/receipts", forged)
    wait_for(lambda: centre.batches > 3)
    assert site.link.acknowledged == 120
    assert site.journal.receipt()[0] == 120


def test_a_receipt_of_another_history_is_a_fork(site: Site, centre: Centre) -> None:
    wait_for(lambda: site.link.acknowledged == 120)
    other = seal("receipt", {"seq": 60, "head": "ab" * 32, "note": None}, centre.key)
    centre.send("down/V01.edge/receipts", other)
    wait_for(lambda: site.forks == [60])


def test_messages_reach_their_handlers_and_requests_are_answered(site: Site, centre: Centre) -> None:
    wait_for(lambda: site.link.acknowledged == 120)
    centre.publish("holds", "", {"holds": []})
    centre.order("resume_entry", {})
    centre.send("down/V01.edge/requests", {"kind": "live_end", "view": "v1"}, correlation=b"c1")
    wait_for(lambda: site.documents and site.commands and centre.replies)
    assert centre.replies == [{"ok": True, "echo": "v1"}]
    assert json.loads(site.commands[0])["key"] == "centre-1"
