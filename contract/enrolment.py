"""What a box asks with when it is enrolled, and the fingerprint that a person compares on both sides."""

import hashlib
from dataclasses import dataclass

from contract.canonical import canonical


@dataclass(frozen=True, slots=True)
class Application:
    """The body of `POST /edge/enrolments` beside the code: name, request for a certificate, public halves.

    `csr` is PEM, `signing_key` the raw Ed25519 key in base64, `seal_key` an age recipient.
    """

    name: str
    csr: str
    signing_key_id: str
    signing_key: str
    seal_key: str

    def fingerprint(self) -> str:
        """Eight decimal digits over everything that will be trusted; box and centre reckon the same."""
        content = {
            "csr": self.csr, "name": self.name, "seal_key": self.seal_key, "signing_key": self.signing_key,
        }  # fmt: skip
        return f"{int(hashlib.sha256(canonical(content)).hexdigest(), 16) % 10**8:08d}"
