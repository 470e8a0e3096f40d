"""Enrolment and upload against an HTTPS server with a real chain."""

import base64
import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from fastapi import FastAPI, Request, Response

from contract.clock import SystemClock
from contract.enrolment import Application
from contract.envelope import FactDraft
from contract.keys import KeyRing, SigningKey
from edge_agent.enrol import EnrolmentFailed, enrol
from edge_agent.evidence import EvidenceDesk, Segment, Uploader
from edge_agent.keys import Keys, load_trust
from tests.edge_agent.site import Ca, equip, free_port, wait_for


class EdgePort:
    """The centre's edge port, in small."""

    def __init__(self, folder: Path, ca: Ca) -> None:
        self.ca, self.port, self.centre = ca, free_port(), SigningKey.generate("centre")
        self.state, self.asked, self.swap = "waiting", dict[str, Any](), False
        self.store: dict[str, bytes] = {}
        self.told: list[dict[str, Any]] = []
        self.fail_puts = 0
        self.edge: Keys | None = None
        folder.mkdir(parents=True)
        key = ec.generate_private_key(ec.SECP256R1())
        (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        (folder / "chain.pem").write_bytes(ca.issue("centre", key.public_key()) + ca.pem)
        config = uvicorn.Config(
            self._app(), host="127.0.0.1", port=self.port, log_config=None, ws="none", lifespan="off",
            ssl_certfile=str(folder / "chain.pem"), ssl_keyfile=str(folder / "key.pem"),
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def fingerprint(self) -> str:
        der = x509.load_pem_x509_certificate(self.ca.pem).public_bytes(Encoding.DER)
        return hashlib.sha256(der).hexdigest()

    def start(self) -> None:
        self._thread.start()
        wait_for(lambda: self._server.started)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    def _app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/edge/enrolments", status_code=202)
        def ask(body: dict[str, str]) -> dict[str, str]:
            self.asked = dict(body)
            fields = {key: value for key, value in body.items() if key != "code"}
            if self.swap:
                fields["seal_key"] = "age1other"
            return {"id": "E1", "fingerprint": Application(**fields).fingerprint()}

        @app.get("/edge/enrolments/E1")
        def state() -> dict[str, Any]:
            certificate = self.ca.issue_csr(self.asked["csr"].encode()).decode()
            ring = {"centre-1": base64.b64encode(self.centre.public).decode()}
            return {"state": self.state, "certificate": certificate, "ca": self.ca.pem.decode(), "keys": ring}

        @app.post("/edge/segments/missing")
        async def missing(request: Request) -> dict[str, list[str]]:
            body = await self._believed(request)
            import json

            return {"missing": [sha256 for sha256 in json.loads(body)["sha256"] if sha256 not in self.store]}

        @app.put("/edge/segments/{sha256}", status_code=204)
        async def put(request: Request, sha256: str) -> Response:
            data = await self._believed(request)
            if self.fail_puts:
                self.fail_puts -= 1
                return Response(status_code=503)
            if hashlib.sha256(data).hexdigest() != sha256:
                return Response(status_code=422)
            self.store[sha256] = data
            return Response(status_code=204)

        @app.post("/edge/sessions/{session}/evidence", status_code=204)
        async def evidence(request: Request, session: str) -> None:
            import json

            self.told.append(json.loads(await self._believed(request)))

        return app

    async def _believed(self, request: Request) -> bytes:
        body = await request.body()
        date, digest = request.headers["X-Date"], hashlib.sha256(body).hexdigest()
        message = f"jianzheng-request-v1\n{request.method}\n{request.url.path}\n{date}\n{digest}".encode()
        assert self.edge is not None
        key = self.edge.signing.describe("edge", SystemClock().now())
        assert key.verifies(base64.b64decode(request.headers["X-Signature"]), message)
        return body


@pytest.fixture
def port(tmp_path: Path, ca: Ca) -> Iterator[EdgePort]:
    made = EdgePort(tmp_path / "port", ca)
    made.start()
    yield made
    made.stop()


def test_enrolment_stores_everything_once_approved(port: EdgePort, tmp_path: Path) -> None:
    said: list[dict[str, str]] = []

    def say(row: dict[str, str]) -> None:
        said.append(row)
        port.state = "approved"

    keys = enrol(tmp_path / "edge" / "keys", "V01.edge", port.url, port.fingerprint, "C-1", say=say)
    assert len(said[0]["fingerprint"]) == 8
    assert port.asked["code"] == "C-1"
    found = load_trust(keys.files).find("centre-1")
    assert found is not None
    assert found.public == port.centre.public
    assert (tmp_path / "edge" / "enrolled.json").exists()
    assert all(
        (p.stat().st_mode & 0o077) == 0 for p in (keys.files.signing, keys.files.sealing, keys.files.tls_key)
    )


def test_enrolment_ends_when_something_stands_between(port: EdgePort, tmp_path: Path) -> None:
    folder = tmp_path / "edge" / "keys"
    with pytest.raises(EnrolmentFailed, match="no certificate with the fingerprint"):
        enrol(folder, "V01.edge", port.url, "00" * 32, "C-1", say=lambda row: None)
    assert port.asked == {}
    port.swap = True
    with pytest.raises(EnrolmentFailed, match="another fingerprint"):
        enrol(folder, "V01.edge", port.url, port.fingerprint, "C-1", say=lambda row: None)
    port.swap, port.state = False, "refused"
    with pytest.raises(EnrolmentFailed, match="refused"):
        enrol(folder, "V01.edge", port.url, port.fingerprint, "C-1", say=lambda row: None)
    assert not (tmp_path / "edge" / "enrolled.json").exists()


class Evidence:
    def __init__(self, tmp_path: Path, ca: Ca, port: EdgePort) -> None:
        self.keys = equip(ca, tmp_path / "edge" / "keys", "V01.edge", KeyRing())
        port.edge = self.keys
        self.segments: list[Segment] = []
        for n in range(3):
            path = tmp_path / f"{n}.mp4"
            path.write_bytes(bytes([n]) * 1000)
            self.segments.append(Segment(hashlib.sha256(path.read_bytes()).hexdigest(), path, 1000))
        self.stated: list[FactDraft] = []
        self.alarms: list[tuple[str, str]] = []
        desk = EvidenceDesk(
            lambda session: self.segments, lambda: ["S1"], self.stated.append,
            lambda alarm, subject: self.alarms.append((alarm, subject)),
        )  # fmt: skip
        self.uploader = Uploader(port.url, self.keys, SystemClock(), desk)


def test_what_is_missing_is_sent_and_an_interrupted_upload_goes_on(
    port: EdgePort, tmp_path: Path, ca: Ca
) -> None:
    site = Evidence(tmp_path, ca, port)
    port.fail_puts = 1
    site.uploader.start()
    wait_for(lambda: site.stated)
    site.uploader.stop()
    assert sorted(port.store) == sorted(segment.sha256 for segment in site.segments)
    assert port.told[0]["segments"] == 3
    assert site.stated[0].body == {"session": "S1", "segments": 3, "bytes": 3000}


def test_a_file_that_is_gone_is_an_alarm_and_never_said_to_be_sent(
    port: EdgePort, tmp_path: Path, ca: Ca
) -> None:
    site = Evidence(tmp_path, ca, port)
    site.segments[1].path.unlink()
    site.uploader.start()
    wait_for(lambda: port.told)
    site.uploader.stop()
    assert ("segment_file_missing", site.segments[1].sha256) in site.alarms
    assert port.told[0]["lost"] == [site.segments[1].sha256]
    assert site.stated == []
