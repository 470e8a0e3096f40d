"""What passes between centre and edge, on a real broker with real certificates."""

import json
import queue
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from contract.clock import SystemClock
from contract.keys import KeyRing
from contract.signing import open_
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
from tests.venue.wire import Broker, Hand, centre_link, wait_for
from venue.db import Database
from venue.edge_link import commands, documents, enrolment
from venue.edge_link.keys import CentreKeys
from venue.edge_link.link import Link
from venue.edge_link.requests import NoAnswer
from venue.edge_link.tables import Party, SignedDocument

CLOCK = SystemClock()
KEYS = CentreKeys(CENTRE_KEY, CLOCK.now() - timedelta(days=1))
RING = KeyRing([KEYS.public()])


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = open_centre(tmp_path, CLOCK)  # type: ignore[arg-type]
    yield made
    made.engine.dispose()


@pytest.fixture
def journal(database: Database) -> Journal:
    made = Journal(CLOCK)  # type: ignore[arg-type]
    enrol(database, made)
    return made


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path, CLOCK)
    yield made
    made.stop()


@pytest.fixture
def link(database: Database, broker: Broker) -> Iterator[Link]:
    made = centre_link(database, KEYS, make_ingest(database), broker)
    yield made
    made.stop()


@pytest.fixture
def edge(broker: Broker) -> Iterator[Hand]:
    made = Hand(broker, "V01.edge")
    yield made
    made.close()


def receipt_of(body: dict[str, Any]) -> dict[str, Any]:
    return open_("receipt", body, RING.only("centre"))


def test_facts_are_answered_by_a_signed_receipt(
    database: Database, journal: Journal, link: Link, edge: Hand
) -> None:
    journal.state()
    journal.checkpoint()
    edge.publish("up/V01.edge/facts", journal.payload())
    receipt = receipt_of(edge.next("/receipts").body)
    assert (receipt["seq"], receipt["head"]) == (2, journal.records[-1].hash)
    assert "centre" in receipt["note"]


def test_an_edge_that_asks_is_told_where_to_resume(
    database: Database, journal: Journal, link: Link, edge: Hand
) -> None:
    journal.state()
    edge.publish("up/V01.edge/facts", journal.payload())
    edge.publish("up/V01.edge/requests", b'{"kind":"receipt_requested"}', b"c-1")
    reply = edge.next("/replies")
    assert reply.correlation == b"c-1"
    assert receipt_of(reply.body["receipt"])["seq"] == 1


def test_nobody_speaks_or_listens_for_another(
    database: Database, journal: Journal, link: Link, broker: Broker
) -> None:
    journal.state()
    thief = Hand(broker, "V02.edge", client_id="V01.edge")
    thief.publish("up/V01.edge/facts", journal.payload())
    with database.writing() as db:
        documents.publish(db, "V01", "screens", "", {"rows": []})
    with pytest.raises(queue.Empty):
        thief.next("screens", 1.0)
    thief.close()
    assert thief.reasons == ["Not authorized"]
    assert ledger_bytes(database) == []


def test_a_document_is_retained_signed_and_its_serial_rises(
    database: Database, journal: Journal, link: Link, broker: Broker
) -> None:
    for number in range(3):
        with database.writing() as db:
            documents.publish(db, "V01", "screens", "", {"rows": [{"n": number}]})
    wait_for(lambda: _unsent(database) == 0)
    late = Hand(broker, "V01.edge")
    message = late.next("documents/screens")
    payload = open_("document", message.body, RING)
    assert message.retain
    assert (payload["serial"], payload["body"]) == (3, {"rows": [{"n": 2}]})
    journal.state("document_accepted", document_kind="screens", document_id=payload["id"], serial=3)
    late.publish("up/V01.edge/facts", journal.payload())
    wait_for(lambda: _answers(database) == ["accepted"])
    late.close()


def test_what_a_dead_broker_forgot_is_published_again_until_it_is_answered(
    database: Database, journal: Journal, broker: Broker
) -> None:
    with database.writing() as db:
        documents.publish(db, "V01", "screens", "", {"rows": []})
        row = rows(db, SignedDocument)[0]
        row.issued_at -= timedelta(minutes=1)
        db.add(row)
    link = centre_link(database, KEYS, make_ingest(database), broker)
    wait_for(lambda: _unsent(database) == 0)
    broker.stop()
    for path in (broker.files.folder / "store").iterdir():
        path.unlink()
    broker.start()
    wait_for(link.connected, 15)
    late = Hand(broker, "V01.edge")
    assert open_("document", late.next("documents/screens").body, RING)["serial"] == 1
    late.close()
    link.stop()


def _unsent(database: Database) -> int:
    from venue.db.outbox import unsent

    with database.reading() as db:
        return len(unsent(db))


def _answers(database: Database) -> list[str]:
    with database.reading() as db:
        return [row.answer for row in rows(db, SignedDocument)]


def _send(database: Database, **extra: Any) -> str:
    with database.writing() as db:
        return commands.send(
            db, "V01.edge", "suspend_entry", None, {"rooms": []}, ["u"], "示例", **extra
        )  # fmt: skip


def _state(database: Database, command: str) -> str:
    with database.reading() as db:
        return commands.state(db, command)


def test_a_command_is_repeated_as_it_is_until_a_fact_answers_it(
    database: Database, journal: Journal, link: Link, edge: Hand
) -> None:
    command = _send(database)
    first, second = edge.next("/commands"), edge.next("/commands")
    assert first.body == second.body
    payload = open_("command", first.body, RING)
    assert (payload["id"], payload["to"], payload["by"]) == (command, "V01.edge", ["u"])
    about = {"command_id": command, "command_kind": "suspend_entry", "by": ["u"]}
    journal.state("command_accepted", **about)
    edge.publish("up/V01.edge/facts", journal.payload())
    wait_for(lambda: _state(database, command) == "accepted")
    journal.state("command_executed", **about, result="done")
    edge.publish("up/V01.edge/facts", journal.payload())
    wait_for(lambda: _state(database, command) == "done")


def test_a_command_that_nobody_answers_expires_and_is_not_sent_again(
    database: Database, link: Link, broker: Broker
) -> None:
    command = _send(database, lifetime=timedelta(seconds=0.8))
    wait_for(lambda: _state(database, command) == "expired")
    late = Hand(broker, "V01.edge")
    with pytest.raises(queue.Empty):
        late.next("/commands", 0.8)
    late.close()


def test_a_question_is_answered_by_the_one_who_was_asked_only(
    database: Database, link: Link, edge: Hand, broker: Broker
) -> None:
    other = Hand(broker, "V02.edge")

    def answer() -> None:
        question = edge.next("/requests")
        assert question.correlation is not None
        other.publish("up/V02.edge/replies", b'{"ok":true,"sdp":"false"}', question.correlation)
        edge.publish("up/V01.edge/replies", b'{"ok":true,"sdp":"true"}', question.correlation)

    thread = threading.Thread(target=answer)
    thread.start()
    reply = link.requests.ask("V01.edge", "live_offer", {"view": "v", "camera": "c", "sdp": "s"}, 5.0)
    thread.join()
    other.close()
    assert reply["sdp"] == "true"
    with pytest.raises(NoAnswer):
        link.requests.ask("V02.edge", "live_offer", {}, 0.3)


def test_what_arrived_while_the_centre_was_away_is_not_a_hole(
    database: Database, journal: Journal, broker: Broker, edge: Hand
) -> None:
    first = centre_link(database, KEYS, make_ingest(database), broker)
    journal.state()
    edge.publish("up/V01.edge/facts", journal.payload())
    edge.next("/receipts")
    first.stop()
    journal.state()
    edge.publish("up/V01.edge/facts", journal.payload(2))
    second = centre_link(database, KEYS, make_ingest(database), broker)
    assert receipt_of(edge.next("/receipts").body)["seq"] == 2
    second.stop()


def test_an_edge_says_whether_it_is_online(
    database: Database, journal: Journal, link: Link, edge: Hand
) -> None:
    def online() -> bool:
        with database.reading() as db:
            party = db.get(Party, "V01.edge")
            assert party is not None
            return party.online

    edge.publish("up/V01.edge/status", json.dumps({"online": True, "boot": "b"}).encode())
    wait_for(online)
    edge.publish("up/V01.edge/status", json.dumps({"online": False, "boot": "b"}).encode())
    wait_for(lambda: not online())


def test_rubbish_does_not_end_the_link(database: Database, journal: Journal, link: Link, edge: Hand) -> None:
    for topic in ("status", "requests", "replies", "facts", "nonsense"):
        edge.publish(f"up/V01.edge/{topic}", b"\xff{", b"x")
    journal.state()
    edge.publish("up/V01.edge/facts", journal.payload())
    wait_for(lambda: len(ledger_bytes(database)) == 1)


@pytest.mark.req("I1")
def test_a_revoked_party_loses_its_live_connection_and_does_not_come_back(
    database: Database, journal: Journal, link: Link, edge: Hand, broker: Broker
) -> None:
    from cryptography import x509

    pem = (broker.files.pki / "V01.edge.pem").read_bytes()
    serial = f"{x509.load_pem_x509_certificate(pem).serial_number:x}"
    with database.writing() as db:
        party = db.get(Party, "V01.edge")
        assert party is not None
        party.certificate_serial = serial
        db.add(party)
    other, began = Hand(broker, "V02.edge"), CLOCK.mono_us()
    with database.writing() as db:
        names = enrolment.revoke(db, "V01.edge", "security", broker.ca, KEYS)
    with database.writing() as db:
        enrolment.enforce(db, broker.files, names, "V01.edge")
    assert standing(database) == set()
    broker.process.wait()
    broker.start()
    wait_for(lambda: not edge.client.is_connected())
    assert CLOCK.mono_us() - began < 60_000_000
    wait_for(link.connected, 15)
    wait_for(other.client.is_connected, 15)
    other.close()
    journal.state()
    with pytest.raises((RuntimeError, ValueError)):
        edge.publish("up/V01.edge/facts", journal.payload())
    assert not edge.client.is_connected()
    assert ledger_bytes(database) == []
