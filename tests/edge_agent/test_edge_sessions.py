"""What the edge has recorded, by its plan and the centre's documents: never a secret room, whoever asks."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from access_control.settings import Settings
from contract.clock import stamp
from contract.plan import VenuePlan, load_plan
from edge_agent.engine import Engine
from edge_agent.orders import LiveViews
from edge_agent.recorder_link import RecorderEvents, RecorderLink
from edge_agent.sessions import Duties, Sessions
from edge_agent.venue_site import site_of
from tests.edge_agent.test_inbox import Desk

EXAMPLE = load_plan(Path(__file__).resolve().parents[2] / "config/example/venue.toml")
PUBLIC = ["cam-lobby", "cam-corridor"]
ROOMS = ["eval-1", "clar-1"]


def cameras_of(*rooms: str) -> list[str]:
    return [c.id for c in EXAMPLE.cameras if c.room in rooms]


def with_secret(room: str) -> VenuePlan:
    """The example venue, where a room is secret and its camera is to record always: set past the file's own check."""
    rooms = tuple(r.model_copy(update={"secret": r.id == room}) for r in EXAMPLE.rooms)
    cameras = tuple(
        c.model_copy(update={"record": "always" if c.room == room else c.record}) for c in EXAMPLE.cameras
    )
    return EXAMPLE.model_copy(update={"rooms": rooms, "cameras": cameras})


_DEAF = RecorderEvents(
    hello=lambda: None, report=lambda *_: None, health=lambda _: None, stopped=lambda _: None,
    disk=lambda _: None, view_ended=lambda _: None, gone=lambda: None,
)  # fmt: skip


class Site:
    """Sessions on a real journal and inbox; what they ask of the recorder is kept."""

    def __init__(self, folder: Path, venue: VenuePlan) -> None:
        self.desk, self.recorded = Desk(folder), [["never asked"]]
        duties = Duties(
            observe=lambda _seen: None, switch=lambda *_asked: None, record_cameras=self._take,
            cut=lambda *_asked: True, checkpoint=lambda: None, closed=lambda _session: None,
        )  # fmt: skip
        desk = self.desk
        self.sessions = Sessions(venue, desk.inbox, desk.journal, desk.record, duties, desk.clock, 30)

    def _take(self, cameras: Sequence[str]) -> None:
        self.recorded.append(list(cameras))

    def plan(self, recording: dict[str, Any] | None) -> None:
        now = self.desk.clock.now()
        at = {"opens_at": stamp(now), "closes_at": stamp(now + dt.timedelta(hours=1))}
        session = {
            "session": "S1", "sitting": "T1", "state": "booked", "facilities_on_at": stamp(now),
            "checkin_opens_at": stamp(now), "rooms": ROOMS, **at,
        }  # fmt: skip
        self._document(1, "session_plan", session)
        if recording is not None:
            span = {"session": "S1", "from": at["opens_at"], "until": at["closes_at"]}
            self._document(2, "recording_plan", {**span, **recording})
        self.sessions.reload()
        self.sessions.tick()

    def _document(self, serial: int, kind: str, body: dict[str, Any]) -> None:
        data = self.desk.document(serial, kind=kind, document="S1", body=body)
        assert self.desk.inbox.document(data) is not None

    def opened_with(self) -> list[str]:
        bodies = [r.fact.body for r in self.desk.journal.of_kind("session_opened")]
        return list(bodies[0]["cameras"])


@pytest.mark.req("M1")
@pytest.mark.req("M2")
def test_a_session_s_cameras_are_recorded_beside_the_public_ones(tmp_path: Path) -> None:
    site = Site(tmp_path, EXAMPLE)
    site.sessions.tick()
    assert sorted(site.recorded[-1]) == sorted(PUBLIC)
    site.plan({"cameras": cameras_of(*ROOMS), "secret_rooms": []})
    assert site.opened_with() == cameras_of(*ROOMS)
    assert sorted(site.recorded[-1]) == sorted(PUBLIC + cameras_of(*ROOMS))


@pytest.mark.req("M2")
@pytest.mark.parametrize(
    "recording",
    [
        None,
        {"cameras": cameras_of(*ROOMS), "secret_rooms": []},
        {"cameras": cameras_of(*ROOMS, "eval-2"), "secret_rooms": ["eval-2"]},
    ],
)
def test_a_room_that_the_venue_file_calls_secret_is_never_recorded(
    tmp_path: Path, recording: dict[str, Any] | None
) -> None:
    site = Site(tmp_path, with_secret("eval-1"))
    site.sessions.tick()
    site.plan(recording)
    assert site.opened_with() == cameras_of("clar-1")
    assert sorted(site.recorded[-1]) == sorted(PUBLIC + cameras_of("clar-1"))
    assert not any(set(asked) & set(cameras_of("eval-1")) for asked in site.recorded)


def test_a_venue_file_cannot_ask_for_it_either() -> None:
    with pytest.raises(ValidationError, match="stands in a secret room"):
        VenuePlan.model_validate(with_secret("eval-1").model_dump())


def test_a_secret_room_is_not_shown_live_whoever_asks_over_the_broker(tmp_path: Path) -> None:
    """A request is not signed: who holds the broker could ask for what the centre would refuse."""
    site = Site(tmp_path, with_secret("eval-1"))
    site.plan({"cameras": cameras_of("clar-1"), "secret_rooms": ["eval-2"]})
    engine = Engine(site.desk.journal, site_of(EXAMPLE), Settings(), site.desk.clock)
    recorder = RecorderLink(tmp_path / "recorder.sock", _DEAF)
    views = LiveViews(engine, recorder, site.sessions)
    recorder.start()
    engine.start()
    try:
        for room, error in (
            ("eval-1", "not_to_be_seen"),
            ("eval-2", "not_to_be_seen"),
            ("clar-1", "recorder_away"),
        ):
            asked = {
                "kind": "live_offer",
                "view": "v",
                "camera": cameras_of(room)[0],
                "sdp": "",
                "watcher": "x",
            }
            assert views.answer(asked) == {"ok": False, "error": error}
    finally:
        engine.stop()
        recorder.stop()
