"""A real broker with a real CA, the centre's own link on it, and edges that speak MQTT for themselves."""

import json
import queue
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from contract.clock import Clock
from venue.db import Database
from venue.edge_link import broker, ca
from venue.edge_link.ingest import Ingest
from venue.edge_link.keys import CentreKeys
from venue.edge_link.link import BrokerAddress, Link


def free_port() -> int:
    """A free loopback port."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(check: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Poll until the check answers something true; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.05)
    return found


class Broker:
    """A mosquitto of one's own."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.files = broker.BrokerFiles(folder / "broker", folder / "pki")
        ca.init(self.files.pki, clock)
        self.ca = ca.Ca(self.files.pki, clock, 30, 30)
        self.ca.write_crl()
        for name in ("centre", "broker"):
            self.ca.issue_own(name)
        self.port = free_port()
        broker.write_config(self.files, "127.0.0.1", self.port)
        self.start()

    def start(self) -> None:
        """Start (again)."""
        command = ["mosquitto", "-c", str(self.files.conf)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self._accepts)

    def _accepts(self) -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()

    def address(self, name: str) -> BrokerAddress:
        """How a party of that certificate gets there."""
        pki = self.files.pki
        return BrokerAddress(
            "127.0.0.1", self.port, 15, pki / "ca.pem", pki / f"{name}.pem", pki / f"{name}.key"
        )


def centre_link(database: Database, keys: CentreKeys, ingest: Ingest, at: Broker) -> Link:
    """The centre's link, started and connected."""
    link = Link(database, keys, ingest, at.address("centre"), 0.3)
    database.on_commit = link.nudge
    link.start()
    wait_for(link.connected)
    return link


@dataclass
class Message:
    """What arrived."""

    topic: str
    body: Any
    correlation: bytes | None
    retain: bool


class Hand:
    """An MQTT client with a certificate of its own, for good and for bad."""

    def __init__(self, at: Broker, name: str, *, client_id: str = "") -> None:
        if not (at.files.pki / f"{name}.pem").exists():
            at.ca.issue_own(name)
        self.name = name
        self.arrived: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.reasons: list[str] = []
        self.client = Client(
            CallbackAPIVersion.VERSION2, client_id=client_id or name, protocol=MQTTProtocolVersion.MQTTv5
        )
        address = at.address(name)
        context = ssl.create_default_context(cafile=str(address.ca))
        context.load_cert_chain(address.certificate, address.key)
        self.client.tls_set_context(context)
        self.client.on_message = self._on_message
        self.client.on_publish = lambda _c, _d, _m, reason, _p: self.reasons.append(str(reason))
        self.client.on_connect = lambda client, *_: client.subscribe("down/#", qos=1)
        self.client.connect("127.0.0.1", at.port)
        self.client.loop_start()
        wait_for(self.client.is_connected)

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", None)
        body = json.loads(message.payload)
        self.arrived.put(Message(message.topic, body, correlation, bool(message.retain)))

    def publish(self, topic: str, payload: bytes, correlation: bytes = b"") -> None:
        """QoS 1."""
        properties = Properties(PacketTypes.PUBLISH)
        if correlation:
            properties.CorrelationData = correlation
        self.client.publish(topic, payload, qos=1, properties=properties).wait_for_publish(5)

    def next(self, topic_end: str, seconds: float = 5.0) -> Message:
        """The next message whose topic ends so; others are dropped."""
        deadline = time.monotonic() + seconds
        while True:
            message = self.arrived.get(timeout=max(0.01, deadline - time.monotonic()))
            if message.topic.endswith(topic_end):
                return message

    def close(self) -> None:
        """Leave."""
        self.client.disconnect()
        self.client.loop_stop()
