"""The private CA: root → issuing → centre, edges, witnesses (P-256). In production the root stays off-line.

Folder: `root.pem, root.key` (the key is never on the centre outside the demo), `issuing.pem, issuing.key`, `ca.pem`
(root and issuing, what everybody trusts), `crl.pem` (both lists), `revoked.json`;
for own processes `NAME.pem, NAME-chain.pem (with the root), NAME.key`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from contract.clock import Clock
from contract.durable_file import replace_file

_SLACK = timedelta(minutes=5)
_ROOT_LIFE, _ISSUING_LIFE = timedelta(days=3650), timedelta(days=1825)


class CaError(Exception):
    """The CA cannot do this; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate made: PEM chain (leaf, issuing), serial in hex."""

    chain: str
    serial: str


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def init(folder: Path, clock: Clock) -> None:
    """Make root and issuing CA with empty revocation lists. FileExistsError rather than a second root."""
    if (folder / "root.pem").exists():
        raise FileExistsError(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    now = clock.now()
    root_key, issuing_key = _new_key(), _new_key()
    root = _ca_certificate("jianzheng root", root_key, "jianzheng root", root_key, now, _ROOT_LIFE, 1)
    issuing = _ca_certificate(
        "jianzheng issuing", issuing_key, "jianzheng root", root_key, now, _ISSUING_LIFE, 0
    )
    replace_file(folder / "root.key", _key_pem(root_key), 0o600)
    replace_file(folder / "issuing.key", _key_pem(issuing_key), 0o600)
    replace_file(folder / "issuing.pem", issuing.public_bytes(Encoding.PEM))
    replace_file(folder / "ca.pem", root.public_bytes(Encoding.PEM) + issuing.public_bytes(Encoding.PEM))
    replace_file(folder / "revoked.json", b"[]")
    replace_file(folder / "root.pem", root.public_bytes(Encoding.PEM))


def _ca_certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime, life: timedelta, depth: int,
) -> x509.Certificate:  # fmt: skip
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
    builder = _builder(subject, key.public_key(), issuer, issuer_key.public_key(), now, life)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=depth), critical=True)
    return builder.add_extension(usage, critical=True).sign(issuer_key, SHA256())


def _builder(
    subject: str, public: Any, issuer: str, issuer_public: Any, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_public), critical=False)
    )


class Ca:
    """The issuing CA of the centre."""

    def __init__(self, folder: Path, clock: Clock, life_days: int, crl_days: int) -> None:
        if not (folder / "issuing.key").exists():
            raise CaError(f"{folder}: no issuing CA; run `venue ca init` first")
        self.folder = folder
        self._clock = clock
        self._life = timedelta(days=life_days)
        self._crl_life = timedelta(days=crl_days)
        self._key = _load_key(folder / "issuing.key")

    @property
    def ca_pem(self) -> str:
        """Root and issuing certificate: what everybody trusts."""
        return (self.folder / "ca.pem").read_text()

    def root_fingerprint(self) -> str:
        """SHA-256 of the root certificate, hex: printed with an enrolment code, compared by the box."""
        return (
            x509.load_pem_x509_certificate((self.folder / "root.pem").read_bytes())
            .fingerprint(SHA256())
            .hex()
        )

    def issue_csr(self, csr_pem: str, name: str) -> Issued:
        """A certificate for the key of a CSR; `name` becomes the CN whatever the CSR says. CaError when unfit."""
        try:
            csr = x509.load_pem_x509_csr(csr_pem.encode())
        except ValueError as error:
            raise CaError("csr.malformed") from error
        public = csr.public_key()
        if not csr.is_signature_valid or not isinstance(public, ec.EllipticCurvePublicKey):
            raise CaError("csr.bad_key")
        return self._issue(public, name)

    def issue_own(self, name: str) -> Issued:
        """Make key and certificate of a process of the centre: `NAME.key`, `NAME.pem` in the folder."""
        key = _new_key()
        issued = self._issue(key.public_key(), name)
        replace_file(self.folder / f"{name}.key", _key_pem(key), 0o600)
        replace_file(self.folder / f"{name}.pem", issued.chain.encode())
        # With the root: a box that knows only the root's fingerprint finds it in the chain (enrolment).
        whole = issued.chain.encode() + (self.folder / "root.pem").read_bytes()
        replace_file(self.folder / f"{name}-chain.pem", whole)
        return issued

    def _issue(self, public: ec.EllipticCurvePublicKey, name: str) -> Issued:
        uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
        # Loopback names are in every certificate: edge and witness of one venue may share a machine.
        names = [x509.DNSName(name), x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
        certificate = (
            _builder(name, public, "jianzheng issuing", self._key.public_key(), self._clock.now(), self._life)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(uses, critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, SHA256())
        )
        chain = certificate.public_bytes(Encoding.PEM).decode() + (self.folder / "issuing.pem").read_text()
        return Issued(chain, f"{certificate.serial_number:x}")

    def revoke(self, serial: str) -> None:
        """Add a serial (hex) to the revocation list and write `crl.pem`."""
        revoked = self._revoked()
        if all(row["serial"] != serial for row in revoked):
            revoked.append({"serial": serial, "at": int(self._clock.now().timestamp())})
            replace_file(self.folder / "revoked.json", json.dumps(revoked).encode())
        self.write_crl()

    def _revoked(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads((self.folder / "revoked.json").read_text())
        return rows

    def write_crl(self) -> None:
        """Write fresh lists of the issuing CA and (where its key is here) of the root: OpenSSL asks for both."""
        lists = [_crl("jianzheng issuing", self._key, self._revoked(), self._clock.now(), self._crl_life)]
        if (self.folder / "root.key").exists():
            root_key = _load_key(self.folder / "root.key")
            lists.append(_crl("jianzheng root", root_key, [], self._clock.now(), _ROOT_LIFE))
            replace_file(self.folder / "root-crl.pem", lists[-1])
        else:
            lists.append((self.folder / "root-crl.pem").read_bytes())
        replace_file(self.folder / "crl.pem", b"".join(lists))

    def crl_age(self) -> float:
        """How much of the list's life is over, 0..1: an expired list locks everybody out, so alarm at 0.5."""
        crl = x509.load_pem_x509_crl((self.folder / "crl.pem").read_bytes())
        assert crl.next_update_utc is not None
        whole = crl.next_update_utc - crl.last_update_utc
        return (self._clock.now() - crl.last_update_utc) / whole


def _crl(
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    revoked: Sequence[dict[str, Any]],
    now: datetime,
    life: timedelta,
) -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(_name(issuer))
    builder = builder.last_update(now - _SLACK).next_update(now + life)
    for row in revoked:
        one = x509.RevokedCertificateBuilder().serial_number(int(row["serial"], 16))
        builder = builder.add_revoked_certificate(
            one.revocation_date(datetime.fromtimestamp(row["at"], tz=now.tzinfo)).build()
        )
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM)


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CaError(f"{path}: not a P-256 key")
    return key


def fingerprint(chain_pem: str) -> str:
    """SHA-256 of the leaf certificate, hex."""
    return x509.load_pem_x509_certificate(chain_pem.encode()).fingerprint(SHA256()).hex()
