"""One MQTT 5 connection with mutual TLS: subscribes below `down/NAME/`, publishes below `up/NAME/`.

Used once a process (two clients with one certificate throw each other out). Keeps trying while the broker is
away; nothing waits in it: what must survive is resent from the journal.
"""

import json
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.keys import KeyFolder

_log = structlog.get_logger(__name__)
RECONNECT_SECONDS = (1, 8)


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and who we are."""

    host: str
    port: int
    name: str
    files: KeyFolder
    keepalive: int = 15


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message: `topic` without `down/NAME/`, `correlation` of a request or reply, else None."""

    topic: str
    payload: bytes
    correlation: bytes | None


class Mqtt:
    """`on_message` and `on_up` are called on the network thread and must not block."""

    def __init__(
        self, broker: Broker, status: Mapping[str, Any], on_message: Callable[[Arrived], None],
        on_up: Callable[[bool], None],
    ) -> None:  # fmt: skip
        self._broker, self._status = broker, dict(status)
        self._on_message, self._on_up = on_message, on_up
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=broker.name, protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.reconnect_delay_set(*RECONNECT_SECONDS)
        self.trouble = ""
        """Why the last try failed: `their_certificate`, `our_certificate`, `unreachable` or the broker's word."""
        self._accepted = False
        self._client.on_connect_fail = lambda _client, _data: self._failed(sys.exc_info()[1])
        self._client.on_connect, self._client.on_disconnect = self._connected, self._disconnected
        self._client.on_subscribe, self._client.on_message = self._subscribed, self._arrived
        self._client.will_set(self._up("status"), self._status_bytes(online=False), qos=1, retain=True)

    def start(self) -> None:
        """Begin to connect; returns at once. OSError or ssl.SSLError when our certificate files are bad."""
        context = ssl.create_default_context(cafile=str(self._broker.files.ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(str(self._broker.files.certificate), str(self._broker.files.tls_key))
        self._client.tls_set_context(context)
        self._client.connect_async(self._broker.host, self._broker.port, keepalive=self._broker.keepalive)
        self._client.loop_start()

    def stop(self) -> None:
        """Say goodbye and end the thread."""
        if self._client.is_connected():
            self.publish("status", self._status_bytes(online=False), retain=True)
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def connected(self) -> bool:
        """Whether the broker answers now."""
        return self._client.is_connected()

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, correlation: bytes | None = None
    ) -> bool:
        """QoS 1, at once or not at all; True when it was handed to a live connection."""
        if not self._client.is_connected():
            return False
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call] # paho has no hints here
        if correlation is not None:
            properties.CorrelationData = correlation
            properties.ResponseTopic = f"down/{self._broker.name}/replies"
        info = self._client.publish(self._up(topic), payload, qos=1, retain=retain, properties=properties)
        return info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS

    def _up(self, topic: str) -> str:
        return f"up/{self._broker.name}/{topic}"

    def _status_bytes(self, *, online: bool) -> bytes:
        return json.dumps({"online": online, **self._status}).encode()

    def _connected(
        self, client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, _props: Properties | None
    ) -> None:
        if reason.is_failure:
            self._trouble(str(reason))
            return
        self._accepted = True
        client.subscribe(f"down/{self._broker.name}/#", qos=1)

    def _subscribed(
        self, _client: Client, _data: Any, _mid: int, _codes: list[ReasonCode], _props: Properties | None
    ) -> None:
        _log.info("mqtt_up", broker=f"{self._broker.host}:{self._broker.port}")
        self.trouble = ""
        self.publish("status", self._status_bytes(online=True), retain=True)
        self._on_up(True)

    def _disconnected(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, reason: ReasonCode,
        _props: Properties | None,
    ) -> None:  # fmt: skip
        _log.info("mqtt_down", reason=str(reason))
        if not self._accepted:
            # TLS 1.3 tells a client only after its own handshake that it was refused.
            self._trouble("our_certificate")
        self._accepted = False
        self._on_up(False)

    def _failed(self, error: BaseException | None) -> None:
        """Called by paho while it handles what went wrong."""
        theirs = isinstance(error, ssl.SSLCertVerificationError)
        self._trouble("their_certificate" if theirs else "unreachable")

    def _trouble(self, word: str) -> None:
        if word != self.trouble:
            _log.warning("mqtt_refused", reason=word, broker=f"{self._broker.host}:{self._broker.port}")
        self.trouble = word

    def _arrived(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        correlation = getattr(message.properties, "CorrelationData", None)
        topic = message.topic.removeprefix(f"down/{self._broker.name}/")
        try:
            self._on_message(Arrived(topic, bytes(message.payload), correlation))
        except Exception:
            # One message must not end the link; the handler's fault is logged with its trace.
            _log.exception("mqtt_message_failed", topic=topic)
