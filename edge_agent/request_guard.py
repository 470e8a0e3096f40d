"""What stands before a port's requests: who may send a body at all, and how long it may be.

The framework reads a whole body before it asks any dependency, so a stranger could fill memory and disk of the
process that opens the doors. Here a request is refused before its body is read, or while it comes.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """A status and the key of the reason."""

    status: int
    key: str


class RequestGuard:
    """ASGI middleware. `refuse(scope)` before anything is read; `most(path)` bytes of a body, then 413."""

    def __init__(
        self, app: ASGIApp, *, refuse: Callable[[Scope], TurnedAway | None], most: Callable[[str], int]
    ) -> None:
        self._app, self._refuse, self._most = app, refuse, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refuse(scope)
        if refusal is not None:
            await _answer(send, refusal)
            return
        seen, most = 0, self._most(scope["path"])

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                raise HTTPException(413, {"key": "request.too_long", "params": {"most": most}})
            return message

        await self._app(scope, limited, send)


async def _answer(send: Send, refusal: TurnedAway) -> None:
    body = json.dumps({"detail": {"key": refusal.key, "params": {}}}).encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
