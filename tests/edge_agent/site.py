"""The other sides for the edge's tests: a CA, a broker, a centre that signs, all real but small."""

import datetime as dt
import ipaddress
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from contract.chain import check_chain, fact_hash, read_record
from contract.clock import Clock, SystemClock, stamp
from contract.ids import uuid7
from contract.keys import KeyRing, SigningKey
from contract.signing import seal
from edge_agent.keys import KeyFolder, Keys, make

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(check: Callable[[], Any], seconds: float = 10.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
    return found


class Ca:
    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test CA")])
        self._certificate = self._sign(self._name, self._key.public_key(), ca=True)
        self.pem = self._certificate.public_bytes(Encoding.PEM)

    def issue(self, name: str, public: Any) -> bytes:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return self._sign(subject, public, ca=False).public_bytes(Encoding.PEM)

    def issue_csr(self, csr: bytes) -> bytes:
        request = x509.load_pem_x509_csr(csr)
        names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return self.issue(str(names[0].value), request.public_key())

    def _sign(self, subject: x509.Name, public: Any, *, ca: bool) -> x509.Certificate:
        now = SystemClock().now()
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(minutes=5))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, SHA256())
        )


def equip(ca: Ca, folder: Path, name: str, trust: KeyRing) -> Keys:
    """A party's key folder as enrolment leaves it."""
    from edge_agent.keys import request_certificate

    keys = make(folder, name)
    keys.files.certificate.write_bytes(ca.issue_csr(request_certificate(keys)))
    keys.files.ca.write_bytes(ca.pem)
    keys.files.trust.write_text(json.dumps(trust.as_table()))
    return keys


class Mosquitto:
    def __init__(self, folder: Path, ca: Ca) -> None:
        self.port, self._folder = free_port(), folder
        folder.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (folder / "cert.pem").write_bytes(ca.issue("broker", key.public_key()))
        (folder / "ca.pem").write_bytes(ca.pem)
        (folder / "acl").write_text(
            "pattern write up/%u/#\npattern read down/%u/#\nuser centre\ntopic readwrite #\n"
        )
        (folder / "mosquitto.conf").write_text(
            f"listener {self.port} 127.0.0.1\nuser root\npersistence false\n"
            f"cafile {folder}/ca.pem\ncertfile {folder}/cert.pem\nkeyfile {folder}/key.pem\n"
            "require_certificate true\nuse_identity_as_username true\nuse_username_as_clientid true\n"
            f"acl_file {folder}/acl\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [MOSQUITTO, "-c", str(self._folder / "mosquitto.conf")], stdout=log, stderr=log
            )
        wait_for(self._listens)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@dataclass
class Centre:
    """The centre's side of the wire: ingests contiguously, answers with signed receipts, sends what it is told."""

    ca: Ca
    folder: Path
    port: int
    clock: Clock = field(default_factory=SystemClock)
    mute: bool = False
    ledger: list[bytes] = field(default_factory=list)
    replies: list[dict[str, Any]] = field(default_factory=list)
    batches: int = 0
    serial: int = 0

    def __post_init__(self) -> None:
        self.key = SigningKey.generate("centre")
        self.public = self.key.describe("centre", self.clock.now() - dt.timedelta(days=1))
        self._lock = threading.Lock()

    def start(self) -> None:
        files = KeyFolder(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        files.tls_key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        files.certificate.write_bytes(self.ca.issue("centre", key.public_key()))
        files.ca.write_bytes(self.ca.pem)
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="centre", protocol=mqtt.MQTTv5)
        self._client.tls_set(str(files.ca), str(files.certificate), str(files.tls_key))
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("up/#", qos=1)
        self._client.on_message = self._arrived
        self._client.connect("127.0.0.1", self.port, keepalive=10)
        self._client.loop_start()
        wait_for(self._client.is_connected)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def seqs(self) -> list[int]:
        with self._lock:
            return [read_record(data)["seq"] for data in self.ledger]

    def kinds(self) -> list[str]:
        with self._lock:
            return [read_record(data)["kind"] for data in self.ledger]

    def facts(self, kind: str) -> list[dict[str, Any]]:
        with self._lock:
            return [f for f in map(read_record, self.ledger) if f["kind"] == kind]

    def chain_breaks(self) -> list[Any]:
        with self._lock:
            return list(check_chain(self.ledger))

    def document(self, kind: str, about: str, body: dict[str, Any], **changes: Any) -> dict[str, str]:
        self.serial += 1
        payload = {
            "v": 1, "id": uuid7(self.clock), "kind": kind, "venue": "V01", "document": about,
            "serial": self.serial, "issued_at": stamp(self.clock.now()), "body": body, **changes,
        }  # fmt: skip
        return seal("document", payload, self.key)

    def publish(self, kind: str, about: str, body: dict[str, Any]) -> None:
        topic = f"down/V01.edge/documents/{kind}" + (f"/{about}" if about else "")
        self.send(topic, self.document(kind, about, body), retain=True)

    def command(
        self, kind: str, body: dict[str, Any], session: str | None = None, **changes: Any
    ) -> dict[str, str]:
        now = self.clock.now()
        payload = {
            "v": 1, "id": uuid7(self.clock), "kind": kind, "to": "V01.edge",
            "not_before": stamp(now - dt.timedelta(seconds=5)),
            "expires_at": stamp(now + dt.timedelta(seconds=30)), "epoch": 1, "session": session,
            "by": ["supervisor"], "reason": "test", "body": body, **changes,
        }  # fmt: skip
        return seal("command", payload, self.key)

    def order(self, kind: str, body: dict[str, Any], session: str | None = None) -> None:
        self.send("down/V01.edge/commands", self.command(kind, body, session))

    def send(
        self, topic: str, message: Any, *, retain: bool = False, correlation: bytes | None = None
    ) -> None:
        properties = Properties(PacketTypes.PUBLISH)
        if correlation:
            properties.CorrelationData = correlation
        data = json.dumps(message).encode()
        self._client.publish(topic, data, qos=1, retain=retain, properties=properties).wait_for_publish(5)

    def receipt(self) -> dict[str, str]:
        with self._lock:
            head = fact_hash(self.ledger[-1]) if self.ledger else "0" * 64
            return seal("receipt", {"seq": len(self.ledger), "head": head, "note": None}, self.key)

    def _arrived(self, client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        kind = message.topic.split("/")[2]
        if kind == "facts":
            self._ingest(client, bytes(message.payload))
        elif kind == "requests":
            properties = Properties(PacketTypes.PUBLISH)
            properties.CorrelationData = message.properties.CorrelationData
            reply = json.dumps({"ok": True, "receipt": self.receipt()})
            client.publish("down/V01.edge/replies", reply, qos=1, properties=properties)
        elif kind == "replies":
            self.replies.append(json.loads(message.payload))

    def _ingest(self, client: mqtt.Client, payload: bytes) -> None:
        self.batches += 1
        if self.mute:
            return
        for data in payload.split(b"\n"):
            with self._lock:
                if read_record(data)["seq"] == len(self.ledger) + 1:
                    self.ledger.append(data)
        client.publish("down/V01.edge/receipts", json.dumps(self.receipt()), qos=1)
