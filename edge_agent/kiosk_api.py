"""The kiosk's API and pages, on loopback: what to show, what was touched, what the camera saw.

A page proves that it belongs to its kiosk by a token (`X-Kiosk-Token`) that the installer put into its address.
Names leave here only to the screen of the person they belong to; nothing here is logged.
"""

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Header, HTTPException, Request, UploadFile
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field
from starlette.staticfiles import StaticFiles

MAX_FRAMES = 12
MAX_FRAME_BYTES = 2 << 20
MAX_VALUE = 1 << 20
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


def _own(request: Request, kiosk: str, x_kiosk_token: Annotated[str, Header()] = "") -> str:
    """The path's kiosk, once the page's token is that kiosk's."""
    expected = request.app.state.tokens.get(kiosk, "")
    if not expected or not hmac.compare_digest(expected.encode(), x_kiosk_token.encode()):
        raise HTTPException(403, {"key": "kiosk.not_yours", "params": {}})
    return kiosk


Own = Annotated[str, Depends(_own)]


def build(desk: KioskDesk, pages: Path) -> FastAPI:
    """The app; `pages` is the folder of built pages (absent: the API alone)."""
    app = FastAPI(title="Edge: kiosk and signs", version="1", docs_url=None, redoc_url=None)
    app.state.tokens = desk.tokens
    _add_kiosk(app, desk)
    _add_public(app, desk)
    _serve_pages(app, pages)
    return app


def _add_kiosk(app: FastAPI, desk: KioskDesk) -> None:
    """What a kiosk's own page may do."""

    @app.get("/kiosk/api/{kiosk}/screen", operation_id="kiosk_screen")
    def screen(kiosk: Own) -> Screen:
        return Screen(**desk.screen(kiosk))

    @app.get("/kiosk/api/{kiosk}/screens", operation_id="kiosk_screens", response_class=EventSourceResponse)
    async def screens(kiosk: Own) -> AsyncIterator[ServerSentEvent]:
        async for event in _screens(desk, kiosk):
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


async def _screens(desk: KioskDesk, kiosk: str) -> AsyncIterator[ServerSentEvent]:
    """The screen now, again whenever it changes, and at least every heartbeat."""
    shown: dict[str, Any] | None = None
    quiet = 0.0
    seen = -1
    while True:
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
