"""The keys of one party on site: signing (Ed25519), sealing (age), TLS (P-256). Private files have mode 0600.

Used by edge and witness alike; `docs/design/keys.md` says what the loss of each means.
"""

import json
import ssl
from dataclasses import dataclass
from pathlib import Path

import pyrage
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from contract.durable_file import write_new
from contract.keys import KeyFileError, KeyRing, SigningKey


@dataclass(frozen=True, slots=True)
class KeyFolder:
    """Names of the files in a party's key folder."""

    path: Path

    @property
    def signing(self) -> Path:
        """Ed25519, PKCS#8 PEM."""
        return self.path / "signing.pem"

    @property
    def sealing(self) -> Path:
        """The age identity."""
        return self.path / "sealing.age"

    @property
    def tls_key(self) -> Path:
        """P-256, PKCS#8 PEM."""
        return self.path / "tls.key"

    @property
    def certificate(self) -> Path:
        """Our certificate with its chain, PEM."""
        return self.path / "tls.pem"

    @property
    def ca(self) -> Path:
        """The certificates that we believe, PEM."""
        return self.path / "ca.pem"

    @property
    def trust(self) -> Path:
        """Public keys of the others, in the form of `trust.json`."""
        return self.path / "trust.json"


@dataclass(frozen=True, slots=True)
class Keys:
    """A party's private keys in memory, and where the rest stands."""

    name: str
    signing: SigningKey
    sealing: pyrage.x25519.Identity
    files: KeyFolder

    def recipient(self) -> str:
        """The public half of the sealing key (`age1…`)."""
        return str(self.sealing.to_public())

    def unseal(self, sealed: bytes) -> bytes:
        """Open one age layer. Raises pyrage.DecryptError."""
        return bytes(pyrage.decrypt(sealed, [self.sealing]))


def make(folder: Path, name: str) -> Keys:
    """Make what is missing in the folder (never overwrite), then load it."""
    files = KeyFolder(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not files.signing.exists():
        SigningKey.generate(name).save(files.signing)
    if not files.sealing.exists():
        write_new(files.sealing, str(pyrage.x25519.Identity.generate()).encode() + b"\n")
    if not files.tls_key.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        write_new(files.tls_key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return load(folder, name)


def load(folder: Path, name: str) -> Keys:
    """Read a party's keys. Raises KeyFileError naming the file."""
    files = KeyFolder(folder)
    signing = SigningKey.load(files.signing, name)
    try:
        identity = pyrage.x25519.Identity.from_str(_private_text(files.sealing).strip())
    except pyrage.IdentityError as error:
        raise KeyFileError(f"{files.sealing}: not an age identity") from error
    return Keys(name, signing, identity, files)


def request_certificate(keys: Keys) -> bytes:
    """A certificate request for our TLS key with our name as CN, PEM."""
    private = load_pem_private_key(_private_text(keys.files.tls_key).encode(), password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise KeyFileError(f"{keys.files.tls_key}: not a P-256 key")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, keys.name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(private, SHA256())
    return request.public_bytes(Encoding.PEM)


def check_certificate(keys: Keys) -> None:
    """Our certificate is issued to us and fits our key and CA file. Raises KeyFileError saying what to do."""
    files = keys.files
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        context = ssl.create_default_context(cafile=str(files.ca))
        context.load_cert_chain(str(files.certificate), str(files.tls_key))
    except (OSError, ValueError) as error:
        raise KeyFileError(
            f"{files.certificate}: cannot be used with {files.tls_key.name} and {files.ca.name} ({error});"
            " enrol this box again"
        ) from error
    names = [str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [keys.name]:
        raise KeyFileError(
            f"{files.certificate}: issued to {', '.join(names)}, this is {keys.name}; enrol this box again"
        )


def load_trust(files: KeyFolder) -> KeyRing:
    """The ring of enrolment. Raises KeyFileError."""
    try:
        return KeyRing.from_table(json.loads(files.trust.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise KeyFileError(f"{files.trust}: cannot be used ({error}); enrol this box again") from error


def _private_text(path: Path) -> str:
    try:
        if path.stat().st_mode & 0o077:
            raise KeyFileError(f"{path}: others may read it; run chmod 600")
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"{path}: cannot be read ({error})") from error
