"""Letting boxes in, and believing what they upload."""

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import PolicyBuilder, Store
from pyrage import x25519

from contract.clock import stamp
from contract.enrolment import Application
from contract.keys import SigningKey
from tests.venue.core import Journal, enrol, rows, standing
from tests.venue.web import Web, web
from venue.db.audit import AuditRow
from venue.edge_link import ca, enrolment
from venue.edge_link.tables import Party, SignedDocument


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Web]:
    with web(tmp_path) as made:
        made.add("system", "system_admin")
        made.add("security", "security_admin")
        yield made


def application(name: str = "V01.edge", *, key: SigningKey | None = None) -> Application:
    """What a box would send."""
    tls = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "somebody else")])
    csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(tls, SHA256())
    key = key or SigningKey.generate(name)
    public = base64.b64encode(key.public).decode()
    seal_key = str(x25519.Identity.generate().to_public())
    return Application(name, csr.public_bytes(Encoding.PEM).decode(), key.id, public, seal_key)


def body(code: str, one: Application) -> dict[str, str]:
    return {
        "code": code, "name": one.name, "csr": one.csr, "signing_key_id": one.signing_key_id,
        "signing_key": one.signing_key, "seal_key": one.seal_key,
    }  # fmt: skip


def code_for(at: Web, name: str = "V01.edge") -> str:
    answer = at.browser("system").post("/api/enrolment-codes", json={"name": name})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["code"])


def ask(at: Web, code: str, one: Application) -> Any:
    return at.browser(edge_port=True).post("/edge/enrolments", json=body(code, one))


def approve(at: Web, enrolment_id: str, fingerprint: str, by: str = "security") -> Any:
    return at.browser(by).post(f"/api/enrolments/{enrolment_id}/approve", json={"fingerprint": fingerprint})


def test_a_box_is_let_in_after_a_person_compared_the_fingerprint(at: Web) -> None:
    one = application()
    asked = ask(at, code_for(at), one)
    assert asked.status_code == 202
    assert asked.json()["fingerprint"] == one.fingerprint()
    where = f"/edge/enrolments/{asked.json()['id']}"
    box = at.browser(edge_port=True)
    assert box.get(where).json()["state"] == "waiting"
    assert box.get(where).json()["certificate"] is None
    assert approve(at, asked.json()["id"], one.fingerprint()).status_code == 200
    given = box.get(where).json()
    assert given["state"] == "approved"
    assert set(given["keys"]) == {"centre-1", "V01.edge-1"}
    chain = x509.load_pem_x509_certificates(given["certificate"].encode())
    assert chain[0].subject.rfc4514_string() == "CN=V01.edge"
    roots = x509.load_pem_x509_certificates(given["ca"].encode())
    verifier = PolicyBuilder().store(Store(roots[:1])).time(at.clock.now()).build_client_verifier()
    verifier.verify(chain[0], chain[1:])
    with at.database.reading() as db:
        assert [p.name for p in rows(db, Party)] == ["V01.edge"]
        assert {(d.to, d.kind) for d in rows(db, SignedDocument)} >= {("V01.edge", "trust")}


def test_a_code_serves_once_for_its_name_and_for_a_quarter_of_an_hour(at: Web) -> None:
    code = code_for(at)
    assert ask(at, code, application("V02.edge")).status_code == 401
    assert ask(at, code.lower(), application()).status_code == 202
    assert ask(at, code, application()).status_code == 401
    late = code_for(at)
    at.clock.advance(15 * 60 + 1)
    answer = ask(at, late, application())
    assert (answer.status_code, answer.json()["detail"]["key"]) == (401, "enrolment.bad_code")


def test_another_fingerprint_is_refused_and_the_box_waits(at: Web) -> None:
    one = application()
    asked = ask(at, code_for(at), one).json()
    wrong = f"{(int(one.fingerprint()) + 1) % 10**8:08d}"
    answer = approve(at, asked["id"], wrong)
    assert (answer.status_code, answer.json()["detail"]["key"]) == (409, "enrolment.fingerprint_differs")
    with at.database.reading() as db:
        assert rows(db, Party) == []
        seen = [row for row in rows(db, AuditRow) if row.action == "enrolment.fingerprint_differed"]
    assert [(row.actor, row.subject) for row in seen] == [("security", asked["id"])]


def test_a_swapped_key_changes_the_fingerprint() -> None:
    one = application()
    other = application()
    for field in ("csr", "signing_key"):
        swapped = Application(**{**_values(one), field: _values(other)[field]})
        assert swapped.fingerprint() != one.fingerprint()


def _values(one: Application) -> dict[str, str]:
    return {name: getattr(one, name) for name in ("name", "csr", "signing_key_id", "signing_key", "seal_key")}


@pytest.mark.parametrize(
    "change",
    [
        {"name": "centre"},
        {"signing_key": "AAAA"},
        {"signing_key_id": "centre-1"},
        {"seal_key": "x"},
        {"seal_key": "age1nonsense"},
        {"name": "V01.edge\n"},
    ],
)
def test_a_box_cannot_ask_for_what_is_not_its_own(at: Web, change: dict[str, str]) -> None:
    code = code_for(at)
    fields = _values(application()) | change
    assert ask(at, code, Application(**fields)).status_code in (401, 422)


def test_a_request_that_is_no_csr_is_refused_at_the_approval(at: Web) -> None:
    one = Application(**{**_values(application()), "csr": "not a csr"})
    asked = ask(at, code_for(at), one).json()
    answer = approve(at, asked["id"], one.fingerprint())
    assert (answer.status_code, answer.json()["detail"]["key"]) == (409, "enrolment.bad_csr")


def test_the_same_key_enrolled_again_keeps_the_start_of_its_term(at: Web) -> None:
    key = SigningKey.generate("V01.edge")
    begun = []
    for _ in range(2):
        one = application(key=key)
        asked = ask(at, code_for(at), one).json()
        assert approve(at, asked["id"], one.fingerprint()).status_code == 200
        with at.database.reading() as db:
            begun.append(rows(db, Party)[0].signing_key["from"])
        at.clock.advance(3600)
    assert begun[0] == begun[1]


def test_revoking_puts_the_certificate_on_the_list_and_the_key_out_of_trust(at: Web) -> None:
    one = application()
    asked = ask(at, code_for(at), one).json()
    approve(at, asked["id"], one.fingerprint())
    assert at.browser("security").post("/api/edges/V01.edge/revoke").status_code == 204
    pem = (at.centre.settings.home / "pki" / "crl.pem").read_bytes().split(b"-----BEGIN")[1]
    crl = x509.load_pem_x509_crl(b"-----BEGIN" + pem)
    with at.database.reading() as db:
        serial = rows(db, Party)[0].certificate_serial
        assert enrolment.revoked_names(db) == ["V01.edge"]
    assert [f"{row.serial_number:x}" for row in crl] == [serial]
    assert "user V01.edge\ntopic deny #" in (at.centre.settings.home / "broker" / "acl").read_text()
    assert standing(at.database) == {"revocation_not_enforced"}  # there is no broker to end in this test
    assert at.browser("security").post("/api/edges/V01.edge/revoke").status_code == 409


def test_the_age_of_the_revocation_list_is_known(at: Web) -> None:
    authority = ca.Ca(at.centre.settings.home / "pki", at.clock, 30, 30)
    at.clock.advance(20 * 24 * 3600)
    assert 0.6 < authority.crl_age() < 0.7


# -- uploads ------------------------------------------------------------------------------------------------


@pytest.fixture
def journal(at: Web) -> Journal:
    made = Journal(at.clock)
    enrol(at.database, made)
    return made


def signed(at: Web, journal: Journal, method: str, path: str, data: bytes) -> dict[str, str]:
    """The headers of a true request."""
    date = stamp(at.clock.now())
    message = f"jianzheng-request-v1\n{method}\n{path}\n{date}\n{hashlib.sha256(data).hexdigest()}"
    signature = base64.b64encode(journal.key.sign(message.encode())).decode()
    return {"X-Edge": journal.name, "X-Date": date, "X-Signature": signature}


def missing(at: Web, journal: Journal, hashes: list[str]) -> Any:
    data = json.dumps({"session": "s", "sha256": hashes}).encode()
    headers = signed(at, journal, "POST", "/edge/segments/missing", data)
    return at.browser(edge_port=True).post("/edge/segments/missing", content=data, headers=headers)


def test_a_segment_is_missing_until_it_was_put_and_putting_it_twice_is_no_harm(
    at: Web, journal: Journal
) -> None:
    data = b"segment" * 1000
    sha256 = hashlib.sha256(data).hexdigest()
    path = f"/edge/segments/{sha256}"
    assert missing(at, journal, [sha256]).json() == {"missing": [sha256]}
    for _ in range(2):
        headers = signed(at, journal, "PUT", path, data)
        assert at.browser(edge_port=True).put(path, content=data, headers=headers).status_code == 204
    assert missing(at, journal, [sha256]).json() == {"missing": []}


def test_a_segment_under_another_name_is_refused(at: Web, journal: Journal) -> None:
    path = f"/edge/segments/{'0' * 64}"
    headers = signed(at, journal, "PUT", path, b"data")
    answer = at.browser(edge_port=True).put(path, content=b"data", headers=headers)
    assert (answer.status_code, answer.json()["detail"]["key"]) == (422, "edge.wrong_hash")
    assert missing(at, journal, ["0" * 64]).json() == {"missing": ["0" * 64]}


@pytest.mark.parametrize("fault", ["body", "path", "date", "edge", "signature", "revoked"])
def test_a_request_that_is_not_as_signed_is_not_believed(at: Web, journal: Journal, fault: str) -> None:
    data, path = b"{}", "/edge/segments/missing"
    headers = signed(at, journal, "POST", path, data)
    if fault == "body":
        data = b'{"session":"s","sha256":[]}'
    elif fault == "path":
        headers = signed(at, journal, "POST", "/edge/sessions/s/evidence", data)
    elif fault == "date":
        at.clock.advance(301)
    elif fault == "edge":
        headers["X-Edge"] = "V02.edge"
    elif fault == "signature":
        headers["X-Signature"] = "AAAA"
    else:
        with at.database.writing() as db:
            party = rows(db, Party)[0]
            party.revoked_at = at.clock.now()
            db.add(party)
    answer = at.browser(edge_port=True).post(path, content=data, headers=headers)
    assert (answer.status_code, answer.json()["detail"]["key"]) == (401, "edge.not_believed")


def test_garbled_questions_are_refused(at: Web, journal: Journal) -> None:
    path = "/edge/segments/missing"
    for data in (b"", b"[]", b"\xff", b'{"session":1,"sha256":[]}', b'{"session":"s","sha256":"x"}'):
        headers = signed(at, journal, "POST", path, data)
        answer = at.browser(edge_port=True).post(path, content=data, headers=headers)
        assert answer.status_code == 422, data


@pytest.mark.parametrize("signature", [b"", b"AAAA", b"\xe9\xe9", b"!!"])
def test_a_strangers_body_is_not_read(at: Web, journal: Journal, signature: bytes) -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while read < 64 << 20:
            read += 1 << 20
            yield b"\0" * (1 << 20)

    path = f"/edge/segments/{'0' * 64}"
    true = signed(at, journal, "PUT", path, b"")
    headers = [(name.encode(), true[name].encode()) for name in ("X-Edge", "X-Date")]
    headers.append((b"X-Signature", signature))
    answer = at.browser(edge_port=True).put(path, content=endless(), headers=headers)
    assert (answer.status_code, answer.json()["detail"]["key"]) == (401, "edge.not_believed")
    assert read <= 2 << 20


def test_a_box_that_asks_to_be_let_in_sends_no_more_than_an_application(at: Web) -> None:
    answer = at.browser(edge_port=True).post("/edge/enrolments", content=b"[" * (9 << 20))
    assert answer.status_code == 413


def test_evidence_that_is_no_list_is_refused(at: Web, journal: Journal) -> None:
    path, data = "/edge/sessions/s/evidence", b'{"session":"s","lost":7}'
    headers = signed(at, journal, "POST", path, data)
    assert at.browser(edge_port=True).post(path, content=data, headers=headers).status_code == 422
