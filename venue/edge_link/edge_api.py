"""The edge port: enrolment, and upload of evidence to a store that `main` gives.

Requests of enrolled edges are signed (`X-Edge`, `X-Date`, `X-Signature`); the body's hash is in the signature, so a
body is received whole (spooled) before it is believed.
"""

import base64
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, Any, Protocol, TypeVar

import structlog
from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field
from sqlmodel import Session

from contract.chain import BadRecord, read_record
from contract.clock import parse_stamp
from contract.enrolment import Application
from contract.keys import PublicKey
from venue.db import Database, Reading, Writing
from venue.edge_link import enrolment
from venue.edge_link.ca import Ca
from venue.edge_link.keys import CentreKeys
from venue.edge_link.tables import Enrolment, Party

log = structlog.get_logger(__name__)

_T = TypeVar("_T")
_FRESH = timedelta(minutes=5)
_CHUNK = 1 << 20
_IN_MEMORY = 4 << 20
_SIGNATURE_BYTES = 64
MAX_SEGMENT = 512 << 20
MAX_BODY = 8 << 20
"""Of everything but a segment: the hashes of a long session, with room."""


class Intake(Protocol):
    """Where evidence goes; the archive subject implements it."""

    def missing(self, db: Session, edge: str, session: str, sha256s: list[str]) -> list[str]:
        """Which of these segments the store lacks."""
        ...

    def put(self, edge: str, sha256: str, chunks: Iterator[bytes]) -> None:
        """Store one segment; ValueError when the bytes have another hash. Idempotent."""
        ...

    def evidence(self, db: Session, edge: str, session: str, body: dict[str, Any]) -> None:
        """The edge says that everything of this session was sent."""
        ...


@dataclass(frozen=True, slots=True)
class Received:
    """A believed request: who sent it and its body."""

    edge: str
    body: IO[bytes]

    def chunks(self) -> Iterator[bytes]:
        """The body in pieces."""
        self.body.seek(0)
        while chunk := self.body.read(_CHUNK):
            yield chunk

    def json(self) -> dict[str, Any]:
        """The body as an object; 422 when it is none."""
        try:
            return read_record(b"".join(self.chunks()))
        except BadRecord as error:
            raise _refuse(422, "edge.bad_body") from error


class Ask(BaseModel):
    """A box asks to be let in."""

    code: str = Field(max_length=40)
    name: str = Field(max_length=40)
    csr: str = Field(max_length=8000)
    signing_key_id: str = Field(max_length=60)
    signing_key: str = Field(max_length=100)
    seal_key: str = Field(max_length=200)


def _refuse(status: int, key: str) -> HTTPException:
    return HTTPException(status, {"key": key, "params": {}})


def enrolment_router(ca: Ca, keys: CentreKeys) -> APIRouter:
    """`/edge/enrolments`: the only part that strangers may use, behind a one-time code."""
    router = APIRouter(prefix="/edge")

    @router.post("/enrolments", status_code=202, operation_id="ask_enrolment")
    def ask(db: Writing, body: Ask) -> dict[str, str]:
        fields = body.model_dump()
        code = fields.pop("code")
        try:
            row = enrolment.ask(db, code, Application(**fields))
        except enrolment.EnrolmentError as error:
            raise _refuse(401 if str(error) == "enrolment.bad_code" else 422, str(error)) from error
        return {"id": row.id, "fingerprint": row.fingerprint}

    @router.get("/enrolments/{enrolment_id}", operation_id="enrolment_state")
    def state(db: Reading, enrolment_id: str) -> dict[str, Any]:
        row = db.get(Enrolment, enrolment_id)
        if row is None:
            raise _refuse(404, "enrolment.unknown")
        return enrolment.status(db, row, ca, keys)

    return router


def evidence_router(intake: Intake) -> APIRouter:
    """`/edge/segments`, `/edge/sessions/…/evidence`: signed requests of enrolled edges."""
    router = APIRouter(prefix="/edge")

    @router.post("/segments/missing", operation_id="missing_segments")
    async def missing(request: Request) -> dict[str, list[str]]:
        return await _serve(request, lambda got: {"missing": _missing(request, intake, got)})

    @router.put("/segments/{sha256}", status_code=204, operation_id="put_segment")
    async def put(request: Request, sha256: str) -> None:
        await _serve(request, lambda got: _put(intake, got, sha256))

    @router.post("/sessions/{session}/evidence", status_code=204, operation_id="evidence_complete")
    async def evidence(request: Request, session: str) -> None:
        def tell(got: Received) -> None:
            body = got.json()
            if not isinstance(body.get("lost", []), list):
                raise _refuse(422, "edge.bad_body")
            with _database(request).writing() as db:
                intake.evidence(db, got.edge, session, body)

        await _serve(request, tell)

    return router


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


def _missing(request: Request, intake: Intake, got: Received) -> list[str]:
    body = got.json()
    session, hashes = body.get("session"), body.get("sha256")
    if not isinstance(session, str) or not isinstance(hashes, list):
        raise _refuse(422, "edge.bad_body")
    try:
        with _database(request).reading() as db:
            return intake.missing(db, got.edge, session, [str(value) for value in hashes])
    except ValueError as error:
        raise _refuse(422, "edge.bad_body") from error


def _put(intake: Intake, got: Received, sha256: str) -> None:
    try:
        intake.put(got.edge, sha256, got.chunks())
    except ValueError as error:
        raise _refuse(422, "edge.wrong_hash") from error


async def _serve(request: Request, serve: Callable[[Received], _T]) -> _T:
    """Refuse a stranger, spool the body, believe it, then work on it in a thread."""
    await run_in_threadpool(_sender, request)
    digest = hashlib.sha256()
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as body:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_SEGMENT:
                raise _refuse(413, "edge.too_large")
            digest.update(chunk)
            await run_in_threadpool(body.write, chunk)
        edge = await run_in_threadpool(_believe, request, digest.hexdigest())
        return await run_in_threadpool(serve, Received(edge, body))


def _believe(request: Request, body_sha256: str) -> str:
    """Name of the edge that signed this request; 401 for anything else."""
    party, date = _sender(request), request.headers["X-Date"]
    message = f"jianzheng-request-v1\n{request.method}\n{request.url.path}\n{date}\n{body_sha256}".encode()
    if not PublicKey.from_dict(party.signing_key).verifies(_signature(request), message):
        raise _not_believed(party.name, "signature")
    return party.name


def _sender(request: Request) -> Party:
    """Who claims to have signed this, before a byte of the body is read; 401 for whom we would not believe anyway."""
    name, date = request.headers.get("X-Edge", ""), request.headers.get("X-Date", "")
    with _database(request).reading() as db:
        party = db.get(Party, name)
    known = party is not None and party.revoked_at is None and name.endswith(".edge")
    if party is None or not known or not _is_fresh(request, date):
        raise _not_believed(name, "unknown" if party is None else "revoked_or_stale")
    if len(_signature(request)) != _SIGNATURE_BYTES:
        raise _not_believed(name, "signature")
    return party


def _not_believed(name: str, reason: str) -> HTTPException:
    log.warning("edge_port_refused", edge=name[:40], reason=reason)
    return _refuse(401, "edge.not_believed")


def _signature(request: Request) -> bytes:
    try:
        return base64.b64decode(request.headers.get("X-Signature", ""), validate=True)
    except ValueError:  # also what is not ASCII
        return b""


def _is_fresh(request: Request, date: str) -> bool:
    try:
        return abs(_database(request).clock.now() - parse_stamp(date)) <= _FRESH
    except ValueError:
        return False
