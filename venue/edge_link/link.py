"""The centre's one MQTT client: facts and replies in, receipts, documents, commands and questions out.

The network thread only sorts; facts wait in a queue for the ingest thread, so that a reply never waits behind a
backlog. A third thread drains the outbox and repeats unanswered commands.
"""

import json
import queue
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from contract.canonical import canonical
from contract.ids import uuid7
from contract.replies import Status
from contract.signing import seal
from venue.db import Database, now, outbox
from venue.edge_link import commands, documents
from venue.edge_link.ingest import Ingest, Receipt
from venue.edge_link.keys import CentreKeys
from venue.edge_link.requests import Requests
from venue.edge_link.tables import CommandRow, Party

log = structlog.get_logger(__name__)

_SESSION_S = 7 * 24 * 3600
_DOCUMENTS_S = 10.0
_SUBSCRIPTIONS = ("up/+/facts", "up/+/replies", "up/+/requests", "up/+/status")


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is and with which certificate to go there."""

    host: str
    port: int
    keepalive_s: int
    ca: Path
    certificate: Path
    key: Path


class Link:
    """Start once per process; `requests` asks parties, `nudge` sends the outbox at once."""

    def __init__(
        self, database: Database, keys: CentreKeys, ingest: Ingest, address: BrokerAddress, resend_s: float
    ) -> None:
        self._database, self._keys, self._ingest = database, keys, ingest
        self._address, self._resend_s = address, resend_s
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._nudged, self._stopped = threading.Event(), threading.Event()
        self._resent: dict[str, float] = {}
        self._documents_due = 0.0
        self.requests = Requests(self._ask, lambda: uuid7(database.clock))
        self._client = self._make_client()
        self._threads = [
            threading.Thread(target=self._ingest_loop, name="ingest"),
            threading.Thread(target=self._send_loop, name="outbox"),
        ]

    def start(self) -> None:
        """Connect (and keep reconnecting) in the background."""
        # The broker keeps what arrives while we restart; without it every restart would look like a hole.
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = _SESSION_S
        address = self._address
        self._client.connect_async(
            address.host, address.port, address.keepalive_s, clean_start=False, properties=properties
        )
        self._client.loop_start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Disconnect and end the threads; what is unsent stays in the outbox."""
        self._stopped.set()
        self._nudged.set()
        self._work.put(None)
        for thread in self._threads:
            thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def nudge(self) -> None:
        """There is something new in the outbox."""
        self._nudged.set()

    def connected(self) -> bool:
        """True while the broker answers."""
        return self._client.is_connected()

    # -- the network thread ------------------------------------------------------------------------------

    def _make_client(self) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, client_id="centre", protocol=MQTTProtocolVersion.MQTTv5)
        context = ssl.create_default_context(cafile=str(self._address.ca))
        context.load_cert_chain(self._address.certificate, self._address.key)
        client.tls_set_context(context)
        client.reconnect_delay_set(1, 8)
        client.manual_ack_set(True)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        return client

    def _on_connect(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.error("link.refused", reason=str(reason))
            return
        log.info("link.connected")
        self._documents_due = 0.0
        client.subscribe([(topic, 1) for topic in _SUBSCRIPTIONS])
        self._nudged.set()

    def _on_message(self, client: Client, _data: Any, message: MQTTMessage) -> None:
        _, sender, what = message.topic.split("/", 2)
        if what == "replies":
            self._guarded(lambda: self._on_reply(sender, message), message.topic)
            client.ack(message.mid, message.qos)
        else:
            self._work.put(lambda: self._later(client, sender, what, message))

    def _later(self, client: Client, sender: str, what: str, message: MQTTMessage) -> None:
        take = {"facts": self._on_facts, "requests": self._on_request, "status": self._on_status}.get(what)
        if take is not None:
            self._guarded(lambda: take(sender, message), message.topic)
        # Acknowledged after the commit; a message that failed is sent again by the edge, for want of a receipt.
        client.ack(message.mid, message.qos)

    @staticmethod
    def _guarded(take: Callable[[], None], topic: str) -> None:
        try:
            take()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("link.bad_message", topic=topic, error=type(error).__name__)
        except Exception:
            log.exception("link.failed", topic=topic)

    def _on_reply(self, sender: str, message: MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", None)
        reply = json.loads(message.payload)
        if correlation is not None and isinstance(reply, dict):
            self.requests.answer(sender, bytes(correlation), reply)

    # -- the ingest thread -------------------------------------------------------------------------------

    def _ingest_loop(self) -> None:
        while (work := self._work.get()) is not None:
            work()

    def _on_request(self, sender: str, message: MQTTMessage) -> None:
        correlation = bytes(getattr(message.properties, "CorrelationData", b""))
        if json.loads(message.payload).get("kind") == "receipt_requested":
            # In the queue with the facts: the answer counts those that arrived before the question.
            reply = canonical({"ok": True, "receipt": self._sealed(self._ingest.receipt(sender))})
            self._publish(f"down/{sender}/replies", reply, correlation=correlation)

    def _on_status(self, sender: str, message: MQTTMessage) -> None:
        status = Status.read(json.loads(message.payload))
        with self._database.writing() as db:
            party = db.get(Party, sender)
            if party is not None:
                party.online, party.boot = status.online, status.boot
                party.seen_at = now(db)
                db.add(party)

    def _on_facts(self, sender: str, message: MQTTMessage) -> None:
        receipt = self._ingest.take(sender, bytes(message.payload))
        if receipt is not None:
            self._publish(f"down/{sender}/receipts", canonical(self._sealed(receipt)))

    def _sealed(self, receipt: Receipt) -> dict[str, str]:
        payload = {"seq": receipt.seq, "head": receipt.head, "note": receipt.note}
        return seal("receipt", payload, self._keys.signing)

    # -- the sending thread ------------------------------------------------------------------------------

    def _send_loop(self) -> None:
        while not self._stopped.is_set():
            self._nudged.wait(0.5)
            self._nudged.clear()
            try:
                if self._client.is_connected():
                    self._drain()
                    self._repeat_commands()
                    self._repeat_documents()
            except Exception:
                log.exception("outbox.failed")

    def _drain(self) -> None:
        with self._database.reading() as db:
            waiting = outbox.unsent(db)
            instant = now(db)
        for message in waiting:
            assert message.number is not None
            live = message.expires_at is None or message.expires_at > instant
            if live and not self._publish_row(message):
                return
            with self._database.writing() as db:
                outbox.mark_sent(db, message.number)
        if waiting:
            self._nudged.set()

    def _publish_row(self, row: outbox.OutboxMessage) -> bool:
        payload = row.payload.encode()
        if row.sealed_as:
            payload = canonical(seal(row.sealed_as, json.loads(row.payload), self._keys.signing))  # type: ignore[arg-type]
        return self._publish(row.topic, payload, retain=row.retain, wait=True)

    def _repeat_commands(self) -> None:
        with self._database.reading() as db:
            open_, overdue = commands.unanswered(db)
        if overdue:
            with self._database.writing() as db:
                commands.expire(db)
        mono = self._database.clock.mono_us() / 1e6
        for row in open_:
            if mono - self._resent.setdefault(row.id, mono) >= self._resend_s:
                self._resent[row.id] = mono
                self._publish_command(row)
        self._resent = {row.id: self._resent[row.id] for row in open_}

    def _repeat_documents(self) -> None:
        """Publish again what no fact has answered: after every connect, and then now and then."""
        mono = self._database.clock.mono_us() / 1e6
        if mono < self._documents_due:
            return
        self._documents_due = mono + _DOCUMENTS_S
        with self._database.reading() as db:
            waiting = documents.unanswered(db, timedelta(seconds=_DOCUMENTS_S))
        for row in waiting:
            envelope = seal("document", json.loads(row.payload), self._keys.signing)
            self._publish(documents.topic(row), canonical(envelope), retain=True)

    def _publish_command(self, row: CommandRow) -> None:
        envelope = seal("command", json.loads(row.payload), self._keys.signing)
        self._publish(commands.topic(row.to), canonical(envelope))

    def _ask(self, topic: str, payload: bytes, response_topic: str, correlation: bytes) -> bool:
        return self._publish(topic, payload, correlation=correlation, response_topic=response_topic)

    def _publish(
        self, topic: str, payload: bytes, *, retain: bool = False, correlation: bytes = b"",
        response_topic: str = "", wait: bool = False,
    ) -> bool:  # fmt: skip
        """True when it left (with `wait`: when the broker acknowledged it)."""
        if not self._client.is_connected():
            return False
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if correlation:
            properties.CorrelationData = correlation
        if response_topic:
            properties.ResponseTopic = response_topic
        info = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        if not wait:
            return True
        try:
            info.wait_for_publish(5.0)
        except (RuntimeError, ValueError):
            return False
        return info.is_published()
