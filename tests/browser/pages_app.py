"""The built pages with sample answers: enough of both APIs to open every page, with real streams behind it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel
from starlette.staticfiles import StaticFiles

from contract.clock import SystemClock
from tests.browser import sample
from tests.browser.peers import Peers

DIST = Path(__file__).parents[2] / "kiosk_ui" / "dist"


class State:
    """What a test may change: the kiosk's screen, what was asked for, and whether the live pictures move."""

    def __init__(self) -> None:
        self.screens = sample.screens(SystemClock().now())
        self.screen = "idle"
        self.language = "zh"
        self.actions: list[tuple[str, str | None]] = []
        self.frames = 0
        self.moves: list[dict[str, Any]] = []
        self.orders: list[dict[str, Any]] = []
        self.signed_in = True
        self.peers = Peers()

    def kiosk(self) -> dict[str, Any]:
        return {**self.screens[self.screen], "lang": self.language}


class Touch(BaseModel):
    action: str
    value: str | None = None


class Offer(BaseModel):
    camera: str
    sdp: str


def build(state: State) -> FastAPI:
    app = FastAPI()
    app.state.sample = state
    _kiosk(app, state)
    _centre(app, state)
    _pages(app)
    return app


def _kiosk(app: FastAPI, state: State) -> None:
    def own(request: Request) -> None:
        if request.headers.get("X-Kiosk-Token") != "sample-token":
            raise HTTPException(403, {"key": "kiosk.not_yours", "params": {}})

    @app.get("/kiosk/api/kiosk-1/screens", response_class=EventSourceResponse)
    async def screens(_: Annotated[None, Depends(own)]) -> AsyncIterator[ServerSentEvent]:
        shown = None
        while True:
            if (current := state.kiosk()) != shown:
                shown = current
                yield ServerSentEvent(data=current)
            await asyncio.sleep(0.05)

    @app.get("/kiosk/api/kiosk-1/place")
    def place(request: Request) -> dict[str, Any]:
        own(request)
        return sample.place()

    @app.post("/kiosk/api/kiosk-1/actions", status_code=202)
    def act(request: Request, touch: Touch) -> dict[str, bool]:
        own(request)
        state.actions.append((touch.action, touch.value))
        if touch.action == "language" and touch.value:
            state.language = touch.value
        return {"ok": True}

    @app.post("/kiosk/api/kiosk-1/frames", status_code=202)
    async def frames(request: Request) -> dict[str, bool]:
        own(request)
        async with request.form() as form:
            state.frames += len(form.getlist("frames"))
        return {"taken": True}


def _centre(app: FastAPI, state: State) -> None:
    clock = SystemClock()
    fixed: dict[str, Any] = {
        "/api/rooms": lambda: sample.rooms(), "/api/sites": lambda: sample.sites(),
        "/api/devices": lambda: sample.devices(clock.now()), "/api/today": lambda: sample.today(clock.now()),
        "/api/bookings": lambda: sample.bookings(clock.now()),
        "/api/sessions": lambda: sample.session_rows(clock.now()),
        "/api/sessions/{id_}": lambda: sample.session(clock.now()),
        "/api/sessions/{id_}/people": lambda: sample.people(clock.now()),
        "/api/sessions/{id_}/draw": lambda: sample.draw(clock.now()),
        "/api/sessions/{id_}/package": lambda: sample.package(clock.now()),
        "/api/sessions/{id_}/completeness": lambda: sample.completeness(clock.now()),
        "/api/experts": lambda: sample.experts(clock.now()), "/api/packages": lambda: sample.packages(clock.now()),
        "/api/duties": lambda: sample.duties(clock.now()), "/api/edges": lambda: sample.edges(clock.now()),
        "/api/enrolments": lambda: sample.enrolments(clock.now()), "/api/audit": lambda: sample.audit(clock.now()),
        "/api/wall/cameras": lambda: sample.wall_cameras(), "/api/signs/doors/eval-1": lambda: sample.door(clock.now()),
        "/api/signs/hall": lambda: {"now": sample.stamp(clock.now()), "rows": sample.sign_rows(clock.now())},
    }  # fmt: skip
    for path, answer in fixed.items():
        app.get(path)(answer)

    @app.get("/api/me")
    def me() -> dict[str, Any]:
        if not state.signed_in:
            raise HTTPException(401, {"key": "identity.sign_in_first", "params": {}})
        return sample.me()

    @app.post("/api/sign-in")
    def sign_in(body: dict[str, str]) -> dict[str, Any]:
        if body["password"] != "sample":
            raise HTTPException(401, {"key": "identity.wrong", "params": {}, "id": "c0ffee"})
        state.signed_in = True
        return sample.me()

    @app.get("/api/sessions/{id_}/facts")
    def facts(id_: str, after: int = 0) -> list[dict[str, Any]]:
        return [row for row in sample.facts(clock.now()) if row["position"] > after]

    _bookings(app, state)
    _supervision(app, state)


def _bookings(app: FastAPI, state: State) -> None:
    now = SystemClock().now

    def clash(room: str, starts_at: str, ends_at: str, but: str | None) -> list[dict[str, Any]]:
        return [
            {"booking": row["id"], "room": row["room"], "who": row["who"], "blocked_from": row["blocked_from"],
             "blocked_until": row["blocked_until"]}
            for row in sample.bookings(now())
            if row["room"] == room and row["sitting"] != but
            and row["blocked_from"] < ends_at and row["blocked_until"] > starts_at
        ]  # fmt: skip

    @app.post("/api/bookings/check")
    def check(body: dict[str, Any]) -> dict[str, Any]:
        found = clash(body["room"], body["starts_at"], body["ends_at"], body.get("but_sitting"))
        refusals = [{"key": "booking.clash", "params": {}, "clashes": found}] if found else []
        return {"fits": not found, "refusals": refusals}

    @app.patch("/api/bookings/{id_}")
    def move(id_: str, body: dict[str, Any]) -> dict[str, Any]:
        row = next(one for one in sample.bookings(now()) if one["id"] == id_)
        found = clash(body["room"], body["starts_at"], body["ends_at"], row["sitting"])
        state.moves.append({"booking": id_, **body, "granted": not found})
        if found:
            raise HTTPException(409, {"key": "booking.clash", "params": {"clashes": found}, "id": "c0ffee"})
        return row


def _supervision(app: FastAPI, state: State) -> None:
    @app.get("/api/feed", response_class=EventSourceResponse)
    async def feed() -> AsyncIterator[ServerSentEvent]:
        for item in sample.feed(SystemClock().now()):
            yield ServerSentEvent(data=item, id=item["id"])
        await asyncio.Event().wait()

    @app.post("/api/wall/views")
    async def view(offer: Offer) -> dict[str, str]:
        return {"view": offer.camera, "sdp": await state.peers.answer(offer.sdp)}

    @app.post("/api/wall/views/{id_}/end", status_code=204)
    def end(id_: str) -> None:
        """The browser closes its peer itself."""

    @app.post("/api/sessions/{id_}/orders", status_code=201)
    def order(id_: str, body: dict[str, str]) -> dict[str, str]:
        state.orders.append({"session": id_, **body})
        return {"order": "o1"}

    @app.get("/api/orders/o1")
    def order_state() -> dict[str, str]:
        return {"state": "done"}


def _pages(app: FastAPI) -> None:
    app.mount("/assets", StaticFiles(directory=DIST / "assets"))

    @app.get("/kiosk/{_rest:path}")
    def kiosk(_rest: str) -> FileResponse:
        return FileResponse(DIST / "kiosk.html")

    @app.get("/wall")
    def wall() -> FileResponse:
        return FileResponse(DIST / "wall.html")

    @app.get("/signs/{_rest:path}")
    def signs(_rest: str) -> FileResponse:
        return FileResponse(DIST / "sign.html")

    @app.get("/{_rest:path}")
    def staff(_rest: str) -> FileResponse:
        return FileResponse(DIST / "staff.html")
