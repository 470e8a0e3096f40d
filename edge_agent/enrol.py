"""Enrolment of an edge or a witness: own keys, one-time code, a fingerprint that a person compares.

`POST /edge/enrolments`, then `GET /edge/enrolments/ID` until somebody at the centre approved. The certificate of
the centre is pinned by its fingerprint, since nothing else is trusted yet. Imports contract, keys and httpx only.
"""

import base64
import hashlib
import json
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from contract.durable_file import replace_file
from contract.enrolment import Application
from contract.keys import KeyRing, PublicKey, Role
from edge_agent.keys import Keys, make, request_certificate

POLL_SECONDS = 0.5
_BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)


class EnrolmentFailed(Exception):
    """The box is not enrolled; the text says what to do."""


def apply(keys: Keys) -> Application:
    """Describe a party's public halves."""
    public = base64.b64encode(keys.signing.public).decode()
    return Application(
        keys.name, request_certificate(keys).decode(), keys.signing.id, public, keys.recipient()
    )


def enrol(
    folder: Path, name: str, centre: str, ca_fingerprint: str, code: str, *,
    say: Callable[[dict[str, str]], None], wait_seconds: float = 900,
) -> Keys:  # fmt: skip
    """Make keys, ask, wait for the approval, store what the centre gave. Raises EnrolmentFailed.

    `say` is given the fingerprint, then the state. Running it again asks again with the same keys.
    """
    keys = make(folder, name)
    application = apply(keys)
    with _client(centre, ca_fingerprint) as client:
        asked = _json(client.post("/edge/enrolments", json={"code": code, **asdict(application)}), 202)
        if asked.get("fingerprint") != application.fingerprint():
            raise EnrolmentFailed("the centre shows another fingerprint: somebody stands in between")
        say({"id": str(asked["id"]), "fingerprint": application.fingerprint()})
        answer = _wait(client, str(asked["id"]), time.monotonic() + wait_seconds)
    _store(keys, answer)
    say({"id": str(asked["id"]), "state": "approved"})
    return keys


def _client(centre: str, ca_fingerprint: str) -> httpx.Client:
    """A client that believes only a chain with the CA of that SHA-256 fingerprint."""
    if urlsplit(centre).scheme != "https":
        raise EnrolmentFailed(f"{centre}: write an https address")
    root = _fetch_ca(centre, ca_fingerprint)
    context = ssl.create_default_context(cadata=root)
    # The pinned certificate may be the issuing one of a longer chain.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return httpx.Client(base_url=centre, verify=context, timeout=10, trust_env=False)


def _fetch_ca(centre: str, ca_fingerprint: str) -> str:
    """The CA certificate that the centre presents in its chain, checked against the fingerprint."""
    wanted = ca_fingerprint.replace(":", "").lower()
    context = ssl.create_default_context()
    # The chain is believed only after the fingerprint below matched; nothing is sent on this connection.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    parts = urlsplit(centre)
    try:
        with (
            socket.create_connection((str(parts.hostname), parts.port or 443), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname) as wrapped,
        ):
            chain = wrapped._sslobj.get_unverified_chain()  # type: ignore[attr-defined] # noqa: SLF001 - 3.13 API
    except OSError as error:
        raise EnrolmentFailed(f"{centre}: cannot be reached ({error})") from error
    for entry in chain or ():
        certificate = x509.load_pem_x509_certificate(entry.public_bytes().encode())
        if hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest() == wanted:
            return certificate.public_bytes(Encoding.PEM).decode()
    raise EnrolmentFailed(f"{centre}: shows no certificate with the fingerprint given; compare it again")


def _wait(client: httpx.Client, enrolment: str, deadline: float) -> dict[str, Any]:
    while time.monotonic() < deadline:
        answer = _json(client.get(f"/edge/enrolments/{enrolment}"), 200)
        if answer["state"] == "approved":
            return answer
        if answer["state"] == "refused":
            raise EnrolmentFailed("refused at the centre; ask for a new code")
        time.sleep(POLL_SECONDS)
    raise EnrolmentFailed("nobody approved it in time; ask for a new code")


def _store(keys: Keys, answer: dict[str, Any]) -> None:
    ring = KeyRing(_public_key(key_id, public) for key_id, public in answer["keys"].items())
    replace_file(keys.files.ca, str(answer["ca"]).encode())
    replace_file(keys.files.trust, json.dumps(ring.as_table(), indent=1).encode())
    replace_file(keys.files.certificate, str(answer["certificate"]).encode())
    # Last: a box with this file is an enrolled box.
    enrolled = {"name": keys.name, "certificate": keys.files.certificate.name}
    replace_file(keys.files.path.parent / "enrolled.json", json.dumps(enrolled).encode())


def _public_key(key_id: str, public: str) -> PublicKey:
    """A key without its term, until the `trust` document brings the whole table."""
    name, _, epoch = key_id.rpartition("-")
    role: Role = "edge" if name.endswith(".edge") else "witness" if name.endswith(".witness") else "centre"
    return PublicKey(name, role, int(epoch), base64.b64decode(public), _BEGINNING)


def _json(response: httpx.Response, expected: int) -> dict[str, Any]:
    if response.status_code != expected:
        raise EnrolmentFailed(f"the centre answered {response.status_code}: {response.text[:300]}")
    return dict(response.json())
