"""The link to the centre: facts up in order until the centre's own receipt; documents, commands, requests down.

A broker's acknowledgement is no receipt (keeps I-7): what was sent counts only once a receipt signed by the
centre names it. Where to resume is asked at every connect. Never blocks the engine: it has its own thread.
"""

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import ValidationError

from contract.clock import Clock
from contract.keys import KeyRing
from contract.replies import Receipt
from contract.signing import SigningError, open_
from edge_agent.journal import Journal
from edge_agent.mqtt import Arrived, Broker, Mqtt

_log = structlog.get_logger(__name__)
BATCH = 50
WINDOW = 4 * BATCH
RESEND_SECONDS = (2.0, 8.0)
RESUME_SECONDS = 3.0
"""How long a fresh connection waits for the centre's receipt before it sends from its own last one."""

Reply = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Handlers:
    """Where messages go; none of them may block, except `request`, which has its own threads."""

    document: Callable[[bytes], None]
    command: Callable[[bytes], None]
    request: Callable[[Mapping[str, Any]], Reply]
    note: Callable[[str], None]
    fork: Callable[[int], None]
    """The centre's receipt names another history than ours (keeps I-8)."""
    up: Callable[[bool], None]


class Link:
    """Start with `start()`; `wake()` after every append."""

    def __init__(
        self, broker: Broker, journal: Journal, keys: Callable[[], KeyRing], clock: Clock, handlers: Handlers
    ) -> None:
        self._journal, self._keys, self._clock, self._handlers = journal, keys, clock, handlers
        self._mqtt = Mqtt(broker, {"boot": journal.boot}, self._arrived, self._went)
        self._changed = threading.Condition()
        self._requests = ThreadPoolExecutor(4, "request")
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)
        self._stopping = self._resumed = self._forked = False
        self._acked = journal.receipt()[0]
        self._sent = self._acked
        self._sent_at = self._up_at = 0.0
        self._delay = RESEND_SECONDS[0]

    def start(self) -> None:
        """Connect in the background and keep trying."""
        self._mqtt.start()
        self._thread.start()

    def stop(self) -> None:
        """End; unsent facts stay in the journal."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()
        self._requests.shutdown(wait=True, cancel_futures=True)
        self._mqtt.stop()

    def wake(self) -> None:
        """There is something new to send."""
        with self._changed:
            self._changed.notify_all()

    @property
    def online(self) -> bool:
        """Whether the broker answers now."""
        return self._mqtt.connected

    @property
    def trouble(self) -> str:
        """Why the broker could not be reached at the last try; empty while it answers."""
        return self._mqtt.trouble

    @property
    def acknowledged(self) -> int:
        """Highest seq in a good receipt."""
        return self._acked

    # ---- up ----

    def _run(self) -> None:
        while True:
            with self._changed:
                if self._stopping:
                    return
                wait = self._next_wait()
                if wait > 0:
                    self._changed.wait(wait)
                    continue
            self._send_batch()

    def _next_wait(self) -> float:
        """Seconds until there is something to do; 0 when a batch is to be sent now."""
        now = self._seconds()
        if not self._mqtt.connected or self._forked:
            return 1.0
        if not self._resumed and now < self._up_at + RESUME_SECONDS:
            return self._up_at + RESUME_SECONDS - now
        if self._sent > self._acked and now >= self._sent_at + self._delay:
            self._sent = self._acked
            self._delay = min(self._delay * 2, RESEND_SECONDS[1])
        if self._sent < self._journal.size and self._sent - self._acked < WINDOW:
            return 0
        return max(self._sent_at + self._delay - now, 0.01) if self._sent > self._acked else 1.0

    def _send_batch(self) -> None:
        records = self._journal.read(self._sent, BATCH)
        payload = b"\n".join(record.data for record in records)
        if self._mqtt.publish("facts", payload):
            with self._changed:
                # A receipt may have moved past this batch meanwhile.
                self._sent = max(self._sent, records[-1].fact.seq)
                self._sent_at = self._seconds()

    def _seconds(self) -> float:
        return self._clock.mono_us() / 1_000_000

    # ---- down ----

    def _went(self, up: bool) -> None:
        with self._changed:
            self._resumed, self._up_at, self._delay = False, self._seconds(), RESEND_SECONDS[0]
            self._sent = self._acked
            self._changed.notify_all()
        if up:
            request = json.dumps({"kind": "receipt_requested"}).encode()
            self._mqtt.publish("requests", request, correlation=uuid.uuid4().bytes)
        self._handlers.up(up)

    def _arrived(self, message: Arrived) -> None:
        kind = message.topic.split("/")[0]
        if kind == "documents":
            self._handlers.document(message.payload)
        elif kind == "commands":
            self._handlers.command(message.payload)
        elif kind == "receipts":
            self._receipt(message.payload, resume=False)
        elif kind == "replies":
            reply = json.loads(message.payload)
            self._receipt(json.dumps(reply.get("receipt")).encode(), resume=True)
        elif kind == "requests" and message.correlation is not None:
            self._requests.submit(self._answer, message)

    def _receipt(self, payload: bytes, *, resume: bool) -> None:
        """Take a receipt; `resume`: it says where the centre stands now, which may be behind (keeps I-7)."""
        try:
            envelope = json.loads(payload)
            receipt = Receipt.read(open_("receipt", envelope, self._keys().only("centre")))
        except (ValueError, SigningError, ValidationError) as error:
            _log.warning("receipt_refused", reason=type(error).__name__)
            return
        if receipt.seq and self._journal.hash_at(receipt.seq) != receipt.head:
            self._forked = True
            self._handlers.fork(receipt.seq)
            return
        self._journal.store_receipt(receipt.seq, receipt.head, json.dumps(envelope))
        with self._changed:
            if resume and not self._resumed:
                self._resumed, self._acked, self._sent = True, receipt.seq, receipt.seq
            elif receipt.seq > self._acked:
                self._acked, self._delay = receipt.seq, RESEND_SECONDS[0]
                self._sent, self._sent_at = max(self._sent, receipt.seq), self._seconds()
            self._changed.notify_all()
        if receipt.note:
            self._handlers.note(receipt.note)

    def _answer(self, message: Arrived) -> None:
        """Answer a request at once or not at all."""
        try:
            request = json.loads(message.payload)
            reply = self._handlers.request(request if isinstance(request, dict) else {})
        except ValueError:
            reply = {"ok": False, "error": "bad_request"}
        except Exception:
            _log.exception("request_failed")
            reply = {"ok": False, "error": "failed"}
        self._mqtt.publish("replies", json.dumps(reply).encode(), correlation=message.correlation)
