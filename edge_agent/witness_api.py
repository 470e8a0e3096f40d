"""The edge's door for the witness: HTTPS, client certificate required, and its name must be ours to expect.

Works without the centre. Endpoints only bring things to the engine thread and wait briefly for it.
"""

import base64
import binascii
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import structlog
import uvicorn
from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel, Field
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from contract.handshakes import tell_refusals
from edge_agent.keys import KeyFolder
from edge_agent.request_guard import RequestGuard, TurnedAway

_log = structlog.get_logger(__name__)
MAX_BODY = 64 << 20
"""A roster's inner layer as base64, for the largest panel and then some."""


class Cosigned(BaseModel):
    """A checkpoint note with the witness's line."""

    note: str


class Inner(BaseModel):
    """A roster without its outer layer, base64."""

    inner: str


class Refusal(BaseModel):
    """The witness will not: `subject` is a sitting or a size, `reason` a key."""

    subject: Annotated[str, Field(max_length=100)]
    reason: Annotated[str, Field(max_length=100)]


class WitnessDesk(BaseModel):
    """What the endpoints do; each is called on a worker thread and may wait for the engine."""

    model_config = {"arbitrary_types_allowed": True, "frozen": True}

    pending: Callable[[int], dict[str, Any]]
    cosigned: Callable[[str], bool]
    roster: Callable[[str, bytes], None]
    refused: Callable[[str, str], None]


class PeerProtocol(H11Protocol):
    """Puts the client certificate's CN into `scope["extensions"]["peer"]`: uvicorn does not tell it."""

    def connection_made(self, transport: Any) -> None:
        """Wrap the app of this one connection."""
        super().connection_made(transport)
        certificate = transport.get_extra_info("peercert") or {}
        names = [
            value for part in certificate.get("subject", ()) for key, value in part if key == "commonName"
        ]
        self.app = functools.partial(_with_peer, self.app, names[0] if len(names) == 1 else "")


async def _with_peer(app: ASGIApp, peer: str, scope: Scope, receive: Receive, send: Send) -> None:
    await app({**scope, "extensions": {**scope.get("extensions", {}), "peer": peer}}, receive, send)


def build(desk: WitnessDesk, witness: str) -> FastAPI:
    """The app; only the certificate of `witness` (`V01.witness`) is let in."""
    app = FastAPI(title="Witness port", docs_url=None, redoc_url=None, openapi_url=None)

    def stranger(scope: Scope) -> TurnedAway | None:
        peer = scope.get("extensions", {}).get("peer", "")
        if peer == witness:
            return None
        _log.warning("witness_port_refused", peer=peer)
        return TurnedAway(403, "witness.not_you")

    app.add_middleware(RequestGuard, refuse=stranger, most=lambda path: MAX_BODY)

    @app.get("/witness/pending")
    def pending(size: Annotated[int, Query(ge=0)] = 0) -> dict[str, Any]:
        return desk.pending(size)

    @app.post("/witness/cosignatures")
    def cosignatures(body: Cosigned) -> dict[str, bool]:
        return {"new": desk.cosigned(body.note)}

    @app.post("/witness/rosters/{sitting}")
    def rosters(sitting: str, body: Inner) -> dict[str, bool]:
        try:
            desk.roster(sitting, base64.b64decode(body.inner, validate=True))
        except (binascii.Error, ValueError) as error:
            raise HTTPException(422, {"key": "witness.roster_not_understood", "params": {}}) from error
        return {"ok": True}

    @app.post("/witness/refusals")
    def refusals(body: Refusal) -> dict[str, bool]:
        desk.refused(body.subject, body.reason)
        return {"ok": True}

    return app


def server(app: FastAPI, host: str, port: int, files: KeyFolder) -> uvicorn.Server:
    """A server with our certificate that demands one of our CA from the other side, and tells whom it refused."""
    config = uvicorn.Config(
        app, host=host, port=port, http=PeerProtocol, ws="none", lifespan="off", access_log=False, log_config=None,
        ssl_certfile=_text(files.certificate), ssl_keyfile=_text(files.tls_key), ssl_ca_certs=_text(files.ca),
        ssl_cert_reqs=2,
    )  # fmt: skip
    config.load()
    assert config.ssl is not None
    tell_refusals(config.ssl, lambda reason: _log.warning("witness_port_refused", peer="", reason=reason))
    return uvicorn.Server(config)


def _text(path: Path) -> str:
    return str(path)
