"""What stands before every answer: security headers, a limit for bodies, and one shape for errors."""

import secrets
from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)

CSP = (
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    # Element Plus sets style attributes; scripts are never inline.
    "style-src 'self' 'unsafe-inline'; font-src 'self' data:; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class Shield:
    """ASGI middleware: headers on every answer, 413 for bodies over the limit (also without Content-Length).

    `longer`: paths that begin so may take that many bytes instead.
    """

    def __init__(
        self, app: ASGIApp, *, max_body: int, https: bool, longer: Mapping[str, int] | None = None
    ) -> None:
        self._app = app
        self._max_body = max_body
        self._longer = longer or {}
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        seen, path = 0, scope["path"]
        most = next((n for start, n in self._longer.items() if path.startswith(start)), self._max_body)

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                raise HTTPException(413, "too large")
            return message

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._dress(scope["path"], MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, limited, dressed)

    def _dress(self, path: str, headers: MutableHeaders) -> None:
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        if self._https:
            headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if path.startswith(("/api", "/edge")):
            headers.setdefault("Cache-Control", "no-store")


def _error(status: int, key: str, params: dict[str, Any], headers: Any = None) -> JSONResponse:
    detail = {"key": key, "params": params, "id": secrets.token_hex(6)}
    log.info("request.refused", status=status, key=key, id=detail["id"])
    return JSONResponse({"detail": detail}, status, headers=headers)


def _refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    detail: Any = error.detail
    if isinstance(detail, dict) and "key" in detail:
        return _error(error.status_code, detail["key"], detail.get("params", {}), error.headers)
    return _error(error.status_code, f"request.status_{error.status_code}", {}, error.headers)


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # Places and types only: what was sent may be a password or a number.
    fields = [{"at": ".".join(str(p) for p in one["loc"]), "type": one["type"]} for one in error.errors()]
    return _error(422, "request.invalid", {"fields": fields})


def _failed(request: Request, error: Exception) -> JSONResponse:
    detail = {"key": "request.failed", "params": {}, "id": secrets.token_hex(6)}
    log.error("request.failed", path=request.url.path, id=detail["id"], exc_info=error)
    return JSONResponse({"detail": detail}, 500)


def add_errors(app: FastAPI) -> None:
    """Every error of this app has the shape `{"detail": {"key", "params", "id"}}`."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _failed)
