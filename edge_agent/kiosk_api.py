"""The kiosk's API and pages, on loopback: what to show, what was touched, what the camera saw.

A page proves that it belongs to its kiosk by a token (`X-Kiosk-Token`) that the installer put into its address.
Names leave here only to the screen of the person they belong to; nothing here is logged.
"""

import asyncio
import hmac
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, HTTPException, Request, UploadFile
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field
from starlette.datastructures import Headers
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from edge_agent.request_guard import RequestGuard, TurnedAway

MAX_FRAMES = 12
MAX_FRAME_BYTES = 2 << 20
MAX_VALUE = 1 << 20
MAX_STREAMS = 8
"""Screens of one kiosk at a time; the oldest stream ends when a page opens one more."""
MAX_CONNECTIONS = 200
"""Far more than the pages of a venue need, far less than the files that this process may hold open."""
_FORM_ROOM = 64 << 10
POLL_SECONDS = 0.15
HEARTBEAT_SECONDS = 10.0

Action = Literal[
    "continue", "cancel", "use_code", "use_face", "pin", "sign", "nothing_to_store", "stored", "help", "collect",
    "language",
]  # fmt: skip


class Touch(BaseModel):
    """A touch on the page."""

    action: Action
    value: Annotated[str, Field(max_length=MAX_VALUE)] | None = None


class Screen(BaseModel):
    """What a kiosk shows; `expires_in` whole seconds."""

    screen: str
    params: dict[str, Any]
    step: int
    offline: bool
    expires_in: int | None
    help_since: str | None
    lang: str


@dataclass(frozen=True, slots=True)
class KioskDesk:
    """What the endpoints do. All are quick."""

    tokens: Mapping[str, str]
    places: Mapping[str, dict[str, Any]]
    screen: Callable[[str], dict[str, Any]]
    version: Callable[[], int]
    act: Callable[[str, str, str | None], str | None]
    """(kiosk, action, value) → a notice for the page, or None."""
    frames: Callable[[str, list[bytes]], bool]
    sign: Callable[[str], dict[str, Any] | None]
    health: Callable[[], dict[str, Any]]


def _is_own(tokens: Mapping[str, str], kiosk: str, token: str) -> bool:
    expected = tokens.get(kiosk, "")
    return bool(expected) and hmac.compare_digest(expected.encode(), token.encode())


def _own(request: Request, kiosk: str, x_kiosk_token: Annotated[str, Header()] = "") -> str:
    """The path's kiosk, once the page's token is that kiosk's."""
    if not _is_own(request.app.state.tokens, kiosk, x_kiosk_token):
        raise HTTPException(403, {"key": "kiosk.not_yours", "params": {}})
    return kiosk


def _stranger(tokens: Mapping[str, str], scope: Scope) -> TurnedAway | None:
    """Who has no token is refused before a byte of the body is read."""
    parts = scope["path"].split("/")
    if parts[1:3] != ["kiosk", "api"]:
        return None
    kiosk = parts[3] if len(parts) > 3 else ""
    known = _is_own(tokens, kiosk, Headers(scope=scope).get("X-Kiosk-Token", ""))
    return None if known else TurnedAway(403, "kiosk.not_yours")


def _longest(path: str) -> int:
    """Bytes of a body that a path may take."""
    if path.endswith("/frames"):
        return MAX_FRAMES * MAX_FRAME_BYTES + _FORM_ROOM
    return MAX_VALUE + _FORM_ROOM if path.endswith("/actions") else 0


Own = Annotated[str, Depends(_own)]


def build(desk: KioskDesk, pages: Path) -> FastAPI:
    """The app; `pages` is the folder of built pages (absent: the API alone)."""
    app = FastAPI(title="Edge: kiosk and signs", version="1", docs_url=None, redoc_url=None)
    app.state.tokens = desk.tokens
    app.add_middleware(RequestGuard, refuse=partial(_stranger, desk.tokens), most=_longest)
    _add_kiosk(app, desk)
    _add_public(app, desk)
    _serve_pages(app, pages)
    return app


def _add_kiosk(app: FastAPI, desk: KioskDesk) -> None:
    """What a kiosk's own page may do."""
    streams: dict[str, deque[object]] = {}

    @app.get("/kiosk/api/{kiosk}/screen", operation_id="kiosk_screen")
    def screen(kiosk: Own) -> Screen:
        return Screen(**desk.screen(kiosk))

    @app.get("/kiosk/api/{kiosk}/screens", operation_id="kiosk_screens", response_class=EventSourceResponse)
    async def screens(kiosk: Own) -> AsyncIterator[ServerSentEvent]:
        newest = streams.setdefault(kiosk, deque(maxlen=MAX_STREAMS))
        mine = object()
        newest.append(mine)
        async for event in _screens(desk, kiosk, lambda: mine in newest):
            yield event

    @app.get("/kiosk/api/{kiosk}/place", operation_id="kiosk_place")
    def place(kiosk: Own) -> dict[str, Any]:
        return desk.places[kiosk]

    @app.post("/kiosk/api/{kiosk}/actions", operation_id="kiosk_act", status_code=200)
    def actions(kiosk: Own, touch: Touch) -> dict[str, Any]:
        return {"ok": True, "notice": desk.act(kiosk, touch.action, touch.value)}

    @app.post("/kiosk/api/{kiosk}/frames", operation_id="kiosk_frames", status_code=202)
    async def frames(kiosk: Own, frames: list[UploadFile]) -> dict[str, bool]:
        jpegs = await _read_frames(frames)
        return {"taken": desk.frames(kiosk, jpegs)}


def _add_public(app: FastAPI, desk: KioskDesk) -> None:
    """What needs no token: nothing secret, ever."""

    @app.get("/signs/api/doors/{room}", operation_id="door_sign")
    def sign(room: str) -> dict[str, Any]:
        found = desk.sign(room)
        if found is None:
            raise HTTPException(404, {"key": "signs.no_such_room", "params": {}})
        return found

    @app.get("/health", operation_id="health")
    def health() -> dict[str, Any]:
        return desk.health()


async def _read_frames(frames: list[UploadFile]) -> list[bytes]:
    if len(frames) > MAX_FRAMES:
        raise HTTPException(413, {"key": "kiosk.too_many_frames", "params": {"most": MAX_FRAMES}})
    jpegs = [await frame.read(MAX_FRAME_BYTES + 1) for frame in frames]
    if any(len(jpeg) > MAX_FRAME_BYTES for jpeg in jpegs):
        raise HTTPException(413, {"key": "kiosk.frame_too_large", "params": {"most": MAX_FRAME_BYTES}})
    return jpegs


async def _screens(
    desk: KioskDesk, kiosk: str, is_wanted: Callable[[], bool]
) -> AsyncIterator[ServerSentEvent]:
    """The screen now, again whenever it changes, and at least every heartbeat."""
    shown: dict[str, Any] | None = None
    quiet = 0.0
    seen = -1
    while is_wanted():
        version = desk.version()
        if version != seen or quiet >= HEARTBEAT_SECONDS:
            seen, current = version, desk.screen(kiosk)
            if current != shown or quiet >= HEARTBEAT_SECONDS:
                shown, quiet = current, 0.0
                yield ServerSentEvent(data=current)
        await asyncio.sleep(POLL_SECONDS)
        quiet += POLL_SECONDS


def _serve_pages(app: FastAPI, pages: Path) -> None:
    """`/kiosk/KIOSK` and `/signs/...` are two built pages; both keep their deep links."""
    if not pages.is_dir():
        return

    @app.get("/kiosk/{kiosk}", include_in_schema=False)
    def kiosk_page(kiosk: str) -> FileResponse:
        return _page(pages / "kiosk.html")

    @app.get("/signs/{rest:path}", include_in_schema=False)
    def sign_page(rest: str) -> FileResponse:
        return _page(pages / "sign.html")

    app.mount("/", StaticFiles(directory=pages), name="pages")


def _page(path: Path) -> FileResponse:
    if not path.is_file():
        raise HTTPException(404, {"key": "pages.not_built", "params": {}})
    return FileResponse(path, headers={"Cache-Control": "no-cache"})
