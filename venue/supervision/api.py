"""Watching, orders and the feed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field

from venue.db import Database, Reading, Writing
from venue.edge_link.requests import Asking, NoAnswer
from venue.identity import Actor, require
from venue.identity.gate import COOKIE, find_actor, refuse
from venue.sessions.tables import TradingSession
from venue.supervision import feed, orders, wall
from venue.supervision.tables import LiveView

router = APIRouter()

_ANSWER_S = 10.0
_END_S = 3.0
_POLL_S = 0.5
_RECHECK_POLLS = 40
_FIRST_EVENTS = 100


class WallCamera(BaseModel):
    """A tile: the camera, and the session before it."""

    id: str
    venue: str
    name_zh: str
    name_en: str
    room: str | None
    area: str | None
    state: str
    recording: bool
    session: str | None
    session_title: str | None
    session_state: str | None
    inside: int | None
    expected: int | None


class ViewWanted(BaseModel):
    """A browser's offer to watch one camera."""

    camera: str = Field(max_length=64)
    sdp: str = Field(max_length=64_000)


class ViewGiven(BaseModel):
    """The worker's answer."""

    view: str
    sdp: str


class OrderWanted(BaseModel):
    """What a supervisor orders, and why."""

    kind: Literal["suspend_entry", "resume_entry"]
    reason: str = Field(min_length=2, max_length=500)


class OrderGiven(BaseModel):
    """The order's id, to ask for its result."""

    order: str


class OrderState(BaseModel):
    """Where an order stands."""

    state: Literal["sent", "done", "refused", "unknown", "expired"]


class FeedItem(BaseModel):
    """One event: facts as the edge stated them, and the centre's alarms."""

    id: str
    kind: str
    session: str | None
    visit: str | None
    alias: str | None
    wall: datetime
    body: dict[str, Any]


@router.get("/wall/cameras", operation_id="list_wall_cameras")
def list_wall_cameras(db: Reading, actor: Annotated[Actor, require("wall.watch")]) -> list[WallCamera]:
    """Every camera that may be watched, with what goes on before it."""
    return [_camera(tile) for tile in wall.tiles(db)]


def _camera(tile: wall.Tile) -> WallCamera:
    camera, scene = tile.camera, tile.scene
    return WallCamera(
        id=camera.id, venue=camera.venue, name_zh=camera.name_zh, name_en=camera.name_en, room=camera.room,
        area=camera.area, state=tile.state, recording=tile.recording,
        session=scene.session.id if scene else None,
        session_title=scene.session.title if scene else None,
        session_state=scene.session.state if scene else None,
        inside=scene.inside(camera.room) if scene and camera.room else None,
        expected=scene.expected if scene else None,
    )  # fmt: skip


@router.post("/wall/views", operation_id="start_view")
def start_view(
    request: Request, ask: Asking, body: ViewWanted, actor: Annotated[Actor, require("wall.watch")]
) -> ViewGiven:
    """Watch a camera: on record first, then offer and answer. 504 when the edge is away, 409 when it refuses."""
    database: Database = request.app.state.database
    try:
        with database.writing() as db:
            view = wall.begin(db, actor.name, body.camera)
    except wall.WatchRefused as error:
        raise refuse(403, str(error)) from error
    offer = {"view": view.id, "camera": body.camera, "sdp": body.sdp, "watcher": actor.name}
    try:
        reply = ask.ask(view.edge, "live_offer", offer, _ANSWER_S)
    except NoAnswer as error:
        _settle(database, view.id, "refused")
        raise refuse(504, "wall.no_answer") from error
    if not reply.get("ok") or not isinstance(reply.get("sdp"), str):
        _settle(database, view.id, "refused")
        raise refuse(409, "wall.refused", reason=str(reply.get("error")))
    _settle(database, view.id, "live")
    return ViewGiven(view=view.id, sdp=reply["sdp"])


def _settle(database: Database, view: str, state: str) -> None:
    with database.writing() as db:
        wall.settle(db, view, state)


@router.post("/wall/views/{view_id}/end", status_code=204, operation_id="end_view")
def end_view(
    request: Request, ask: Asking, view_id: str, actor: Annotated[Actor, require("wall.watch")]
) -> None:
    """Stop watching; one's own views only."""
    database: Database = request.app.state.database
    with database.reading() as db:
        view = db.get(LiveView, view_id)
    if view is None or view.watcher != actor.name:
        raise refuse(404, "wall.unknown_view")
    # When nobody answers: the browser closes its peer anyway, and the edge says so by a fact.
    with suppress(NoAnswer):
        ask.ask(view.edge, "live_end", {"view": view_id}, _END_S)
    _settle(database, view_id, "ended")


@router.post("/sessions/{session_id}/orders", status_code=201, operation_id="give_order")
def give_order(
    db: Writing, session_id: str, body: OrderWanted, actor: Annotated[Actor, require("orders.give")]
) -> OrderGiven:
    """Hold or resume entry to the session's rooms."""
    session = db.get(TradingSession, session_id)
    if session is None:
        raise refuse(404, "session.unknown")
    try:
        return OrderGiven(order=orders.give(db, session, body.kind, actor.name, body.reason))
    except orders.OrderRefused as error:
        raise refuse(409, str(error), state=session.state) from error


@router.get("/orders/{order}", operation_id="order_state")
def order_state(db: Reading, order: str, actor: Annotated[Actor, require("orders.give")]) -> OrderState:
    """Where an order stands."""
    try:
        return OrderState.model_validate({"state": orders.state(db, order)})
    except KeyError as error:
        raise refuse(404, "order.unknown") from error


@router.get("/feed", operation_id="feed", response_class=EventSourceResponse)
async def read_feed(
    request: Request,
    actor: Annotated[Actor, require("feed.read")],
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    """Events as they arrive; `Last-Event-ID` resumes. Ends when the reader's session does."""
    database: Database = request.app.state.database
    token = request.cookies.get(COOKIE, "")
    cursor = await run_in_threadpool(_start, database, last_event_id)
    polls = 0
    while polls % _RECHECK_POLLS or await run_in_threadpool(_still, database, token):
        entries, cursor = await run_in_threadpool(_after, database, cursor)
        for entry in entries:
            yield ServerSentEvent(data=_item(entry), id=str(entry.cursor))
        polls += 1
        if not entries:
            await asyncio.sleep(_POLL_S)


def _start(database: Database, last_event_id: str | None) -> feed.Cursor:
    with database.reading() as db:
        return feed.parse_cursor(last_event_id) or feed.start(db, _FIRST_EVENTS)


def _still(database: Database, token: str) -> bool:
    with database.reading() as db:
        found = find_actor(db, token)
        return found is not None and "feed.read" in found[0].permissions


def _after(database: Database, cursor: feed.Cursor) -> tuple[list[feed.Entry], feed.Cursor]:
    with database.reading() as db:
        return feed.after(db, cursor)


def _item(entry: feed.Entry) -> FeedItem:
    return FeedItem(
        id=entry.id, kind=entry.kind, session=entry.session, visit=entry.visit, alias=entry.alias, wall=entry.wall,
        body=entry.body,
    )  # fmt: skip
