"""Watching is on record before it begins; orders travel and come back; the feed loses nothing."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from sqlmodel import select

from contract.clock import stamp
from tests.venue.core import Journal, enrol, make_ingest, rows
from tests.venue.web import PASSWORD, Web, web
from tests.venue.wire import free_port, wait_for
from venue.db import alarms
from venue.db.audit import AuditRow
from venue.edge_link.ingest import Ingest
from venue.edge_link.requests import Requests
from venue.edge_link.tables import CommandRow
from venue.main.compose import fact_handlers
from venue.sites.tables import CameraRow, Room
from venue.supervision import feed, wall
from venue.supervision.tables import LiveView


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Web]:
    with web(tmp_path) as made:
        made.add("supervisor", "supervisor")
        made.add("other", "supervisor")
        made.add("staff", "venue_staff")
        yield made


@pytest.fixture
def journal(at: Web) -> Journal:
    made = Journal(at.clock)
    enrol(at.database, made)
    return made


@pytest.fixture
def ingest(at: Web) -> Ingest:
    return make_ingest(at.database, fact_handlers())


def answering(at: Web, reply: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Put an edge at the other end of the questions: it answers at once, or not at all."""
    asked: list[dict[str, Any]] = []

    def publish(topic: str, payload: bytes, _response: str, correlation: bytes) -> bool:
        with at.database.reading() as db:
            asked.append(json.loads(payload) | {"views": [view.state for view in rows(db, LiveView)]})
        if reply is None:
            return False
        at.centre.pages.state.requests.answer(topic.split("/")[1], correlation, reply)
        return True

    at.centre.pages.state.requests = Requests(publish, lambda: "c-1")
    return asked


def views(at: Web) -> list[tuple[str, str, str]]:
    with at.database.reading() as db:
        return [(view.watcher, view.camera, view.state) for view in rows(db, LiveView)]


@pytest.mark.req("M4")
def test_a_view_is_on_record_before_the_offer_leaves(at: Web) -> None:
    asked = answering(at, {"ok": True, "sdp": "answer"})
    browser = at.browser("supervisor")
    given = browser.post("/api/wall/views", json={"camera": "cam-eval-1-a", "sdp": "offer"}).json()
    assert given["sdp"] == "answer"
    assert asked[0]["views"] == ["asked"]
    assert (asked[0]["kind"], asked[0]["camera"], asked[0]["watcher"]) == (
        "live_offer",
        "cam-eval-1-a",
        "supervisor",
    )
    assert views(at) == [("supervisor", "cam-eval-1-a", "live")]
    assert at.browser("other").post(f"/api/wall/views/{given['view']}/end").status_code == 404
    assert browser.post(f"/api/wall/views/{given['view']}/end").status_code == 204
    assert views(at) == [("supervisor", "cam-eval-1-a", "ended")]
    with at.database.reading() as db:
        actions = list(db.exec(select(AuditRow.action).where(AuditRow.subject == "cam-eval-1-a")))
    assert actions == ["live_view.asked", "live_view.live", "live_view.ended"]


@pytest.mark.parametrize(("reply", "status"), [(None, 504), ({"ok": False, "error": "busy"}, 409)])
def test_a_view_that_fails_is_on_record_as_refused(at: Web, reply: Any, status: int) -> None:
    answering(at, reply)
    answer = at.browser("supervisor").post("/api/wall/views", json={"camera": "cam-eval-1-a", "sdp": "o"})
    assert answer.status_code == status
    assert views(at) == [("supervisor", "cam-eval-1-a", "refused")]


def test_a_secret_room_is_never_watched(at: Web) -> None:
    with at.database.writing() as db:
        room = db.get(Room, "eval-1")
        assert room is not None
        room.secret = True
        db.add(room)
    asked = answering(at, {"ok": True, "sdp": "a"})
    browser = at.browser("supervisor")
    assert "cam-eval-1-a" not in [row["id"] for row in browser.get("/api/wall/cameras").json()]
    answer = browser.post("/api/wall/views", json={"camera": "cam-eval-1-a", "sdp": "o"})
    assert (answer.status_code, answer.json()["detail"]["key"]) == (403, "wall.secret_room")
    assert browser.post("/api/wall/views", json={"camera": "none", "sdp": "o"}).status_code == 403
    assert asked == []
    assert views(at) == []


def test_the_edge_ends_a_view_by_its_fact(at: Web, journal: Journal, ingest: Ingest) -> None:
    answering(at, {"ok": True, "sdp": "answer"})
    view = (
        at.browser("supervisor").post("/api/wall/views", json={"camera": "cam-eval-1-a", "sdp": "o"}).json()
    )
    journal.state("live_view_ended", view=view["view"], watcher="supervisor", camera="cam-eval-1-a")
    ingest.take("V01.edge", journal.payload())
    assert views(at) == [("supervisor", "cam-eval-1-a", "ended")]


def book(at: Web) -> str:
    """A session in eval-1 that begins in a while."""
    start = at.clock.now() + timedelta(hours=1)
    wish = {
        "project_code": "DEMO-1", "title": "示例项目", "kind": "evaluation",
        "checkin_opens_at": stamp(start - timedelta(minutes=30)), "starts_at": stamp(start),
        "ends_at": stamp(start + timedelta(hours=2)), "rooms": [{"room": "eval-1", "purpose": "evaluation"}],
    }  # fmt: skip
    answer = at.browser("staff").post("/api/sessions", json=wish)
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["id"])


@pytest.mark.req("S3")
def test_an_order_is_a_command_and_its_result_comes_back(at: Web, journal: Journal, ingest: Ingest) -> None:
    session = book(at)
    browser = at.browser("supervisor")
    wish = {"kind": "suspend_entry", "reason": "示例：程序存疑"}
    order = browser.post(f"/api/sessions/{session}/orders", json=wish).json()["order"]
    with at.database.reading() as db:
        (command,) = rows(db, CommandRow)
    assert (command.to, command.body, command.by) == ("V01.edge", {"rooms": ["eval-1"]}, ["supervisor"])
    about = {"command_id": order, "command_kind": "suspend_entry", "by": ["supervisor"]}
    journal.state("command_accepted", **about)
    ingest.take("V01.edge", journal.payload())
    assert browser.get(f"/api/orders/{order}").json() == {"state": "sent"}
    journal.state("command_executed", **about, result="done")
    ingest.take("V01.edge", journal.payload())
    assert browser.get(f"/api/orders/{order}").json() == {"state": "done"}


def test_an_order_that_does_not_fit_is_refused(at: Web) -> None:
    session = book(at)
    staff = at.browser("staff")
    staff.post(f"/api/sessions/{session}/actions/cancel", json={"reason": "示例"})
    wish = {"kind": "suspend_entry", "reason": "示例：程序存疑"}
    answer = at.browser("supervisor").post(f"/api/sessions/{session}/orders", json=wish)
    assert (answer.status_code, answer.json()["detail"]["key"]) == (409, "order.does_not_fit")


@pytest.mark.req("M1")
def test_a_public_camera_is_seen_to_record_once_it_delivers_and_not_when_it_is_off_line(
    at: Web, journal: Journal, ingest: Ingest
) -> None:
    """Nobody orders a public camera to record, so no `recording_started` speaks of it."""
    with at.database.reading() as db:
        public = next(one.id for one in rows(db, CameraRow) if one.record == "always")
        private = next(one.id for one in rows(db, CameraRow) if one.record != "always")

    def shown() -> dict[str, bool]:
        with at.database.reading() as db:
            return {tile.camera.id: tile.recording for tile in wall.tiles(db)}

    assert not shown()[public]
    for camera in (public, private):
        journal.state(
            "segment_finalised", camera=camera, worker="w", number=1, file=f"{camera}/1.mp4", start_us=0, end_us=1,
            bytes=1, sha256="0" * 64, chain_first="0" * 64, chain_last="0" * 64, fragments=1, video_samples=1,
            audio_samples=1, lost=0, container="mp4",
        )  # fmt: skip
    ingest.take("V01.edge", journal.payload())
    assert shown()[public]
    assert not shown()[private], "a session's last segment comes after its recording stopped"
    journal.state(
        "device_changed",
        device=public,
        device_class="camera",
        state="offline",
        reason="no_packets",
        simulated=False,
    )
    ingest.take("V01.edge", journal.payload())
    assert not shown()[public]


@pytest.mark.req("M5")
def test_the_feed_is_facts_and_alarms_in_order_without_bookkeeping(
    at: Web, journal: Journal, ingest: Ingest
) -> None:
    journal.state()
    journal.checkpoint()
    journal.state()
    ingest.take("V01.edge", journal.payload())
    with at.database.reading() as db:
        start = feed.start(db, 100)
    with at.database.writing() as db:
        alarms.raise_(db, "duty_late", "x", "alarm.duty_late", {"duty": "x"})
        alarms.clear(db, "duty_late", "x")
    with at.database.reading() as db:
        entries, cursor = feed.after(db, start)
        assert [one.kind for one in entries] == [
            "help_requested",
            "help_requested",
            "alarm_raised",
            "alarm_cleared",
        ]
        assert feed.after(db, cursor) == ([], cursor)
        for one in entries:
            rest, _ = feed.after(db, feed.parse_cursor(str(one.cursor)) or start)
            assert rest == entries[entries.index(one) + 1 :]
    assert feed.parse_cursor("drop table") is None


@pytest.mark.req("M5")
def test_the_feed_streams_and_resumes_where_the_browser_was(
    at: Web, journal: Journal, ingest: Ingest
) -> None:
    for _ in range(3):
        journal.state()
    ingest.take("V01.edge", journal.payload())
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            at.centre.pages, port=port, log_config=None, lifespan="off", timeout_graceful_shutdown=1
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as browser:
            browser.post("/api/sign-in", json={"name": "supervisor", "password": PASSWORD})
            first = _read(browser, 2)
            journal.state()
            ingest.take("V01.edge", journal.payload())
            second = _read(browser, 2, {"Last-Event-ID": first[-1][0]})
        seen = [item["id"] for _, item in first + second]
        assert seen == [record.fact.id for record in journal.records]
    finally:
        server.should_exit = True
        thread.join()


def _read(browser: httpx.Client, count: int, headers: dict[str, str] | None = None) -> list[tuple[str, Any]]:
    """The next events of the feed: (id, data)."""
    found: list[tuple[str, Any]] = []
    data = ""
    with browser.stream("GET", "/api/feed", headers=headers) as stream:
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "data":
                data = value
            elif name == "id":
                found.append((value, None))
            elif not line and found and found[-1][1] is None:
                found[-1] = (found[-1][0], json.loads(data))
                if len(found) == count:
                    return found
    raise AssertionError("the feed ended")
