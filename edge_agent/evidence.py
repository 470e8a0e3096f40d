"""Evidence to the centre's store: whole segments by hash; resuming is asking again what is missing.

The session's facts are in the ledger already (link.py). One thread, patient while the centre is away.
"""

import base64
import hashlib
import queue
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import structlog

from contract.canonical import canonical
from contract.clock import Clock, stamp
from contract.envelope import FactDraft
from edge_agent.keys import Keys

_log = structlog.get_logger(__name__)
RETRY_SECONDS = (1.0, 30.0)
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of a session as its fact tells."""

    sha256: str
    path: Path
    bytes: int


@dataclass(frozen=True, slots=True)
class EvidenceDesk:
    """What the uploader uses of the edge; `state` waits until the fact is durable."""

    segments: Callable[[str], list[Segment]]
    unsent: Callable[[], list[str]]
    state: Callable[[FactDraft], None]
    alarm: Callable[[str, str], None]


class Uploader:
    """`send` queues a session; nothing is forgotten: after a restart unsent sessions are queued again."""

    def __init__(self, url: str, keys: Keys, clock: Clock, desk: EvidenceDesk) -> None:
        self._keys, self._clock, self._desk, self._url = keys, clock, desk, url
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="evidence", daemon=True)

    def start(self) -> None:
        """Begin with what is left from before."""
        for session in self._desk.unsent():
            self._queue.put(session)
        self._thread.start()

    def stop(self) -> None:
        """End between two requests."""
        self._stopping.set()
        self._queue.put(None)
        if self._thread.ident is not None:
            self._thread.join()

    def send(self, session: str) -> None:
        """Queue a session; sending twice does no harm."""
        self._queue.put(session)

    def _run(self) -> None:
        while (session := self._queue.get()) is not None:
            pause = RETRY_SECONDS[0]
            while not self._stopping.is_set():
                try:
                    self._send(session)
                    break
                except (httpx.HTTPError, OSError) as error:
                    _log.info("evidence_waits", session=session, reason=repr(error)[:200], pause=pause)
                self._stopping.wait(pause)
                pause = min(pause * 2, RETRY_SECONDS[1])

    def _send(self, session: str) -> None:
        segments = self._desk.segments(session)
        by_hash = {segment.sha256: segment for segment in segments}
        with self._client() as client:
            for sha256 in self._missing(client, session, sorted(by_hash)):
                if self._stopping.is_set():
                    raise InterruptedError("stopping")
                self._put(client, by_hash[sha256])
            left = self._missing(client, session, sorted(by_hash))
            lost = [by_hash[sha256] for sha256 in left if not by_hash[sha256].path.is_file()]
            for segment in lost:
                self._desk.alarm("segment_file_missing", segment.sha256)
            if len(lost) != len(left):
                raise httpx.HTTPError("segments are still missing at the centre")
            total = sum(segment.bytes for segment in segments)
            body = {
                "session": session, "segments": len(segments), "bytes": total, "sha256": sorted(by_hash),
                "lost": sorted(segment.sha256 for segment in lost),
            }  # fmt: skip
            self._request(client, "POST", f"/edge/sessions/{session}/evidence", canonical(body))
        if not lost:
            sent = {"session": session, "segments": len(segments), "bytes": total}
            self._desk.state(FactDraft("evidence_sent", sent))

    def _missing(self, client: httpx.Client, session: str, hashes: list[str]) -> list[str]:
        body = canonical({"session": session, "sha256": hashes})
        answer = self._request(client, "POST", "/edge/segments/missing", body).json()
        return [sha256 for sha256 in answer["missing"] if sha256 in set(hashes)]

    def _put(self, client: httpx.Client, segment: Segment) -> None:
        path = f"/edge/segments/{segment.sha256}"
        if not segment.path.is_file():
            return
        headers = self._headers("PUT", path, segment.sha256)
        response = client.put(path, content=_chunks(segment.path), headers=headers)
        if response.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            self._desk.alarm("segment_file_changed", segment.sha256)
        response.raise_for_status()

    def _request(self, client: httpx.Client, method: str, path: str, body: bytes) -> httpx.Response:
        headers = self._headers(method, path, hashlib.sha256(body).hexdigest())
        headers["Content-Type"] = "application/json"
        response = client.request(method, path, content=body, headers=headers)
        response.raise_for_status()
        return response

    def _headers(self, method: str, path: str, body_sha256: str) -> dict[str, str]:
        date = stamp(self._clock.now())
        message = f"jianzheng-request-v1\n{method}\n{path}\n{date}\n{body_sha256}".encode()
        signature = base64.b64encode(self._keys.signing.sign(message)).decode()
        return {"X-Edge": self._keys.name, "X-Date": date, "X-Signature": signature}

    def _client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self._url, verify=client_context(self._keys), timeout=60, trust_env=False
        )


def client_context(keys: Keys) -> ssl.SSLContext:
    """TLS as ourselves, believing only the CA of enrolment."""
    context = ssl.create_default_context(cafile=str(keys.files.ca))
    context.load_cert_chain(str(keys.files.certificate), str(keys.files.tls_key))
    return context


def segments_of(facts: list[Mapping[str, Any]], folder: Path) -> list[Segment]:
    """The files of a session's `segment_finalised` bodies; `file` is relative to the recordings folder."""
    return [Segment(body["sha256"], folder / body["file"], body["bytes"]) for body in facts]


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
