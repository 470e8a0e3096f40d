"""Letting a box in: one-time code, fingerprint compared by a person, certificate; and throwing it out again.

The box makes its own keys. The code (15 minutes, one use) only allows it to ask; the operator approves after
comparing the fingerprint over everything it sent, so that a man in the middle who swaps a key is seen.
"""

import hashlib
import re
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any

from pyrage import RecipientError, x25519
from sqlmodel import Session, col, select

from contract.clock import stamp
from contract.enrolment import Application
from contract.keys import SUITE, BadKeyTable, PublicKey
from venue.db import alarms, audit, new_id, now
from venue.edge_link import ca as pki
from venue.edge_link.broker import BrokerFiles, end_connections, write_acl
from venue.edge_link.documents import publish
from venue.edge_link.keys import CentreKeys, known_keys, retire, trust
from venue.edge_link.tables import Enrolment, EnrolmentCode, Party, RetiredKey

_NAME = re.compile(r"([A-Za-z0-9]{1,16})\.(edge|witness)")
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_CODE_LENGTH = 10
_SLACK = timedelta(minutes=5)


class EnrolmentError(Exception):
    """Refused; the text is the message key."""


def split_name(name: str) -> tuple[str, str]:
    """`V01.edge` → (`V01`, `edge`). EnrolmentError for any other name."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise EnrolmentError("enrolment.bad_name")
    return match[1], match[2]


def _hash(code: str) -> str:
    return hashlib.sha256(code.strip().upper().replace("-", "").encode()).hexdigest()


def new_code(db: Session, name: str, by: str, minutes: int) -> str:
    """A one-time code with which the box named `name` may ask within `minutes`; shown once, stored hashed."""
    split_name(name)
    code = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH))
    row = EnrolmentCode(
        id=new_id(db),
        code_hash=_hash(code),
        name=name,
        issued_by=by,
        expires_at=now(db) + timedelta(minutes=minutes),
    )
    db.add(row)
    audit.write(db, by, "enrolment_code.issued", name, {"minutes": minutes})
    return f"{code[:5]}-{code[5:]}"


def ask(db: Session, code: str, application: Application) -> Enrolment:
    """A box asks to be let in; uses up the code. EnrolmentError `enrolment.bad_code` says no more than that."""
    row = db.exec(select(EnrolmentCode).where(EnrolmentCode.code_hash == _hash(code))).first()
    if row is None or row.used_at or row.expires_at <= now(db) or row.name != application.name:
        raise EnrolmentError("enrolment.bad_code")
    key = _public_key(db, application)
    row.used_at = now(db)
    enrolment = Enrolment(
        id=new_id(db), name=application.name, fingerprint=application.fingerprint(), csr=application.csr,
        signing_key=key.as_dict(), seal_key=application.seal_key, state="waiting", asked_at=now(db),
        code_by=row.issued_by,
    )  # fmt: skip
    db.add_all([row, enrolment])
    audit.write(db, application.name, "enrolment.asked", enrolment.id, {"fingerprint": enrolment.fingerprint})
    return enrolment


def _public_key(db: Session, application: Application) -> PublicKey:
    """The signing key as everybody will hold it; the same key enrolled again keeps epoch and start of its term.

    A new key gets an epoch above all that the name ever had, whatever the box calls it: epochs only rise (K-2).
    """
    _, role = split_name(application.name)
    name, _, epoch = application.signing_key_id.rpartition("-")
    row = {
        "name": name, "role": role, "suite": SUITE, "epoch": epoch, "public": application.signing_key,
        "from": stamp(now(db) - _SLACK), "until": None,
    }  # fmt: skip
    try:
        key = PublicKey.from_dict(row)
        x25519.Recipient.from_str(application.seal_key)
    except (BadKeyTable, RecipientError) as error:
        raise EnrolmentError("enrolment.bad_key") from error
    if key.name != application.name:
        raise EnrolmentError("enrolment.bad_key")
    known = known_keys(db, name)
    same = next((one for one in known if one.public == key.public), None)
    if same is not None:
        return replace(same, until=None)
    return replace(key, epoch=max([key.epoch, *(one.epoch + 1 for one in known)]))


def approve(
    db: Session, enrolment_id: str, fingerprint: str, by: str, ca: pki.Ca, keys: CentreKeys
) -> Enrolment:
    """Issue the certificate, if the fingerprint the person read off the box is the one that arrived.

    Raises EnrolmentError; a wrong fingerprint leaves the enrolment waiting and an audit row, which the caller commits.
    """
    enrolment = db.get(Enrolment, enrolment_id)
    if enrolment is None or enrolment.state != "waiting":
        raise EnrolmentError("enrolment.not_waiting")
    if not secrets.compare_digest(fingerprint.replace(" ", "").encode(), enrolment.fingerprint.encode()):
        audit.write(db, by, "enrolment.fingerprint_differed", enrolment.id, {"name": enrolment.name})
        raise EnrolmentError("enrolment.fingerprint_differs")
    venue, _ = split_name(enrolment.name)
    try:
        issued = ca.issue_csr(enrolment.csr, enrolment.name)
    except pki.CaError as error:
        raise EnrolmentError("enrolment.bad_csr") from error
    enrolment.state, enrolment.decided_by, enrolment.decided_at = "approved", by, now(db)
    enrolment.certificate = issued.chain
    _admit(db, enrolment, venue, issued)
    audit.write(db, by, "enrolment.approved", enrolment.id, {"name": enrolment.name, "serial": issued.serial})
    announce_trust(db, keys, venue)
    return enrolment


def _admit(db: Session, enrolment: Enrolment, venue: str, issued: pki.Issued) -> None:
    party = db.get(Party, enrolment.name) or Party(
        name=enrolment.name, venue=venue, certificate="", certificate_serial="", fingerprint="",
        signing_key={}, seal_key="", enrolled_at=now(db),
    )  # fmt: skip
    if party.signing_key and party.revoked_at is None:
        retire(db, party)
    party.certificate, party.certificate_serial = issued.chain, issued.serial
    party.fingerprint = pki.fingerprint(issued.chain)
    party.signing_key, party.seal_key = enrolment.signing_key, enrolment.seal_key
    party.enrolled_at, party.revoked_at = now(db), None
    db.add_all([party, enrolment])
    db.flush()
    again = db.get(RetiredKey, (party.name, str(party.signing_key["public"])))
    if again is not None:
        # The same key is in force again.
        db.delete(again)
    db.flush()


def announce_trust(db: Session, keys: CentreKeys, venue: str) -> None:
    """Send the table of public keys to every enrolled party of the venue."""
    table = trust(db, keys, venue).as_table()
    for party in db.exec(select(Party).where(Party.venue == venue, col(Party.revoked_at).is_(None))):
        publish(db, venue, "trust", "", table, to=party.name)


def revoke(db: Session, name: str, by: str, ca: pki.Ca, keys: CentreKeys) -> list[str]:
    """Take a party's certificate back; returns every revoked name, for the broker's access list.

    The caller commits, then calls `enforce`.
    """
    party = db.get(Party, name)
    if party is None or party.revoked_at is not None:
        raise EnrolmentError("enrolment.not_enrolled")
    party.revoked_at, party.online = now(db), False
    retire(db, party)
    db.add(party)
    audit.write(db, by, "party.revoked", name, {"serial": party.certificate_serial})
    db.flush()
    announce_trust(db, keys, party.venue)
    ca.revoke(party.certificate_serial)
    return revoked_names(db)


def enforce(db: Session, files: BrokerFiles, names: list[str], name: str) -> None:
    """End the live connection of a revoked party: deny it by name, end the broker, whose supervisor restarts it.

    Where the broker is not found on this machine a standing alarm asks a person to restart it.
    """
    write_acl(files, names)
    if not end_connections(files):
        alarms.raise_(db, "revocation_not_enforced", name, "alarm.revocation_not_enforced", {"name": name})


def revoked_names(db: Session) -> list[str]:
    """Names of all revoked parties."""
    return list(db.exec(select(Party.name).where(col(Party.revoked_at).is_not(None))))


def status(db: Session, enrolment: Enrolment, ca: pki.Ca, keys: CentreKeys) -> dict[str, Any]:
    """What the waiting box is told."""
    venue, _ = split_name(enrolment.name)
    ring = {
        row["name"] + f"-{row['epoch']}": row["public"] for row in trust(db, keys, venue).as_table()["keys"]
    }
    return {
        "state": enrolment.state, "certificate": enrolment.certificate, "ca": ca.ca_pem, "keys": ring,
    }  # fmt: skip
