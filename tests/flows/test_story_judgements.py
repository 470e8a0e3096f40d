"""Every row of the story's report can fail: each is shown something wrong once and must say so.

`tamper` has its own file, `test_story_tamper.py`.
"""

import hashlib
import hmac
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from devices.sim import clip
from scripts.stage.story.clients import Refused
from scripts.stage.story.context import Scene
from scripts.stage.story.people import sample_people
from scripts.stage.story.report import STEPS, Report
from scripts.stage.story.steps import after, arrival, before, session
from scripts.stage.story.wire import WireLog, crc16

WRITE_COIL = bytes.fromhex("01050000ff00")


class Quiet:
    """Answers from a table; what is not in it answers with the default. Notes nothing."""

    def __init__(self, answers: dict[str, Any] | None = None, default: Any = None) -> None:
        self._answers, self._default = answers or {}, default

    def _say(self, path: str) -> Any:
        for key, value in self._answers.items():
            if key in path:
                return value(path) if callable(value) else value
        return self._default

    def get(self, path: str, **_: Any) -> Any:
        return self._say(path)

    def post(self, path: str, *_: Any, **__: Any) -> Any:
        return self._say(path)

    def take_card(self, _reader: str) -> None: ...


class Page(Quiet):
    """A kiosk page that always shows one screen."""

    def __init__(self, screen: str) -> None:
        super().__init__()
        self._screen = {"screen": screen, "params": {"locker": 1}}

    def act(self, *_: Any) -> None: ...

    def frames(self, _jpegs: Any) -> None: ...

    def until(self, *_screens: str, **__: Any) -> dict[str, Any]:
        return self._screen


class Feet:
    """A walker whose every door opens (or stays shut)."""

    def __init__(self, opens: bool = True, screen: str = "promise", locker: int = 7) -> None:
        self._opens, self._screen, self._locker = opens, screen, locker
        self.times: dict[str, float] = {}

    def identify(self, *_: Any, **__: Any) -> dict[str, Any]:
        return {"screen": self._screen, "params": {}}

    def leave_things(self) -> int:
        return self._locker

    def gate(self, *_: Any, **__: Any) -> None: ...

    def present(self, *_: Any) -> None: ...

    def main_door(self, **_: Any) -> bool:
        return self._opens

    def room_door(self, *_: Any, **__: Any) -> bool:
        return self._opens

    def exit_by(self, _door: str) -> bool:
        return self._opens

    def until_locked(self, _door: str) -> bool:
        return True

    def admit(self, *_: Any) -> int:
        return self._locker

    def fetch_things(self, _person: Any) -> int:
        return self._locker

    def code_for(self, _person: Any) -> str:
        return "123456"


class House:
    """A stage that says what it is told to say."""

    def __init__(self, home: Path, prefix: bool = True) -> None:
        self.home, self.cache, self.models = home, home / "cache", home / "models"
        self.plan = {
            "doors": [{"id": d, "coil": n} for n, d in enumerate(("door-main", "door-eval-1", "door-eval-2"))]
        }
        self._prefix = prefix

    def health(self) -> dict[str, Any]:
        return {}

    def edge_head(self) -> int:
        return 10

    def ledger_head(self) -> int:
        return 9

    def ledger_is_prefix(self) -> bool:
        return self._prefix


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    (tmp_path / "wire.jsonl").write_text("")
    wire = WireLog(tmp_path / "wire.jsonl")
    accounts: Any = dict.fromkeys(("staff", "supervisor", "archivist", "keeper", "draw"), Quiet())
    people = sample_people(8)
    parts: Any = {"stage": House(tmp_path), "sim": Quiet(), "walker": Feet(), "kiosk": Page("idle")}
    made = Scene(report=Report(lambda _: None), wire=wire, accounts=accounts, people=people, **parts)
    made.drawn, made.session, made.patience = people[:5], "S1", 0.01
    return made


def failed(scene: Scene, name: str) -> str:
    judgement = scene.report.judgements[name]
    assert judgement.judged
    assert not judgement.ok
    return "; ".join(judgement.failed)


def unlock_on_the_wire(scene: Scene) -> Any:
    """A simulator whose every answer comes with an unlock frame on the wire."""
    frame = (WRITE_COIL + crc16(WRITE_COIL)).hex()
    line = f'{{"t_us": {2**62}, "wire": "relays-1", "dir": "rx", "hex": "{frame}"}}\n'
    (scene.stage.home / "wire.jsonl").write_text(line)
    return scene


def test_no_row_holds_that_was_not_judged() -> None:
    report = Report(lambda _: None)
    assert not report.ok
    assert [row["ok"] for row in report.as_json()["steps"]] == [False] * len(STEPS)


def test_a_figure_that_misses_its_goal_fails_the_story() -> None:
    report = Report(lambda _: None)
    for name in STEPS:
        with report.judge(name):
            pass
    assert report.ok
    report.figure("gap_undeclared_s", 1.0, "s", "0", False)
    assert not report.ok


def test_book_fails_when_a_clash_is_accepted(scene: Scene) -> None:
    made = {"id": "S1", "sittings": [{"id": "T1"}]}
    rows = [{"session": "S1", "room": room} for room in (scene.room, scene.second_room)]
    scene.accounts["staff"] = Quiet({"/sessions": made, "/bookings": rows})  # type: ignore[assignment]
    before.book(scene)
    assert "clashing booking was accepted" in failed(scene, "book")


def test_book_fails_when_the_reason_is_missing(scene: Scene) -> None:
    calls: list[str] = []

    def answer(path: str) -> Any:
        calls.append(path)
        if len(calls) > 1:
            raise Refused(409, {"detail": {"key": "booking.clash", "params": {}}})
        return {"id": "S1", "sittings": [{"id": "T1"}]}

    rows = [{"session": "S1", "room": room} for room in (scene.room, scene.second_room)]
    scene.accounts["staff"] = Quiet({"/sessions": answer, "/bookings": rows})  # type: ignore[assignment]
    before.book(scene)
    assert "reason" in failed(scene, "book")


def prepare_draw(scene: Scene) -> None:
    told = [p.phone for p in scene.people[:5]]
    scene.notes["told"] = told
    scene.accounts["draw"] = Quiet({"/draw": {"commitments": ["a", "b", "c"]}})  # type: ignore[assignment]
    experts = [{"id": f"E{n}", "name": p.name} for n, p in enumerate(scene.people)]
    scene.accounts["keeper"] = Quiet({"/experts": experts})  # type: ignore[assignment]

    class Phones(Quiet):
        def get(self, _path: str, **params: Any) -> Any:
            return [{"text": "."}] if params.get("phone") in told else []

    scene.sim = Phones()  # type: ignore[assignment]
    for number in range(12):
        (scene.stage.home / f"stored-{number}.db").write_bytes(b"sealed")


@pytest.mark.parametrize("form", [0, 1, 2, 5, 6, 7])
def test_draw_fails_when_a_name_can_be_read(scene: Scene, form: int) -> None:
    prepare_draw(scene)
    leak = before.spellings("x" + scene.people[1].name + "y")[form]
    (scene.stage.home / "stored-3.db").write_bytes(b"..." + leak + b"...")
    before.draw(scene)
    assert "stored-3.db" in failed(scene, "draw")


def test_draw_fails_when_a_stored_seed_recomputes_it(scene: Scene) -> None:
    prepare_draw(scene)
    seed = hashlib.sha256(b"seed").digest()
    ids = [f"E{n}" for n in range(8)]
    ranked = sorted(ids, key=lambda i: hmac.new(seed, i.encode(), hashlib.sha256).digest())[:5]
    scene.notes["told"][:] = [scene.people[int(i[1:])].phone for i in ranked]
    (scene.stage.home / "stored-1.db").write_text(seed.hex())
    before.draw(scene)
    assert "recomputes" in failed(scene, "draw")


def test_admit_fails_when_check_in_never_opens(scene: Scene) -> None:
    arrival.checkin_open(scene)
    assert "check-in opened" in failed(scene, "admit")


def test_admit_fails_when_the_wire_saw_too_few(scene: Scene) -> None:
    arrival.link_cut(scene)
    assert "five passed each door" in failed(scene, "admit")


def test_stand_in_fails_when_a_stranger_is_let_on(scene: Scene) -> None:
    arrival.strangers(scene)
    assert "not drawn sees promise" in failed(scene, "stand_in")


def test_stand_in_fails_when_the_door_was_unlocked(scene: Scene) -> None:
    scene.walker = Feet(opens=False, screen="not_expected")  # type: ignore[assignment]
    arrival.strangers(unlock_on_the_wire(scene))
    assert "never energised" in failed(scene, "stand_in")


def test_phone_fails_when_the_door_opens_with_a_phone(scene: Scene) -> None:
    arrival.by_face(scene)
    assert "stays shut" in failed(scene, "phone")


def test_wrong_room_fails_when_it_opens(scene: Scene) -> None:
    scene.sim = Quiet({"/doors": {"opened": True}})  # type: ignore[assignment]
    arrival.by_face(scene)
    assert "opens nothing" in failed(scene, "wrong_room")


def test_offline_fails_when_the_ledger_differs(scene: Scene) -> None:
    scene.stage = House(scene.stage.home, prefix=False)  # type: ignore[assignment]
    arrival.link_cut(scene)
    assert "equals the edge's journal" in failed(scene, "offline")


def write_clip(path: Path, numbers: list[int]) -> Path:
    """A short recording with the given counters and sound of the same length."""
    with av.open(str(path), "w") as out:
        video, audio = out.add_stream("libx264", rate=clip.FPS), out.add_stream("aac", rate=16000)
        video.width, video.height, video.pix_fmt = clip.WIDTH, clip.HEIGHT, "yuv420p"
        for number in numbers:
            out.mux(video.encode(av.VideoFrame.from_ndarray(clip.draw_frame(number, "test"), format="bgr24")))
        out.mux(video.encode(None))
        sound = av.AudioFrame.from_ndarray(
            np.zeros((1, 16000 * len(numbers) // clip.FPS), np.float32), "fltp", "mono"
        )
        sound.sample_rate = 16000
        out.mux(audio.encode(sound))
        out.mux(audio.encode(None))
    return path


def judge(scene: Scene, path: Path, window: tuple[int, int] | None = None) -> None:
    with scene.report.judge("record") as j:
        after.judge_camera(
            j,
            "cam",
            [after.read_recording(path)],
            window,
            None,
            {"recorded": 0.0, "undeclared": 0.0, "declared": 0.0},
        )


def test_record_holds_for_a_whole_clip_and_fails_for_one_missing_frame(scene: Scene, tmp_path: Path) -> None:
    judge(scene, write_clip(tmp_path / "whole.mp4", list(range(30))))
    assert scene.report.judgements["record"].ok
    judge(scene, write_clip(tmp_path / "short.mp4", [n for n in range(30) if n != 11]))
    assert "1 skips" in failed(scene, "record")


def test_record_fails_when_the_session_is_longer_than_the_picture(scene: Scene, tmp_path: Path) -> None:
    judge(scene, write_clip(tmp_path / "part.mp4", list(range(30))), (0, 9_000_000))
    assert "of a session of 9.0 s" in failed(scene, "record")


@pytest.mark.parametrize(("moved", "near"), [(0, True), (30, False), (200, True)])
def test_watch_fails_for_a_picture_that_is_not_live(scene: Scene, moved: int, near: bool) -> None:
    with scene.report.judge("watch") as j:
        session.judge_view(j, "cam", moved, near)
    assert f"{moved} frames on" in failed(scene, "watch")


def test_suspend_fails_when_entry_is_still_possible(scene: Scene) -> None:
    scene.accounts["supervisor"] = Quiet({"/orders/": {"state": "done"}, "/orders": {"order": "O1"}})  # type: ignore[assignment]
    session.suspend(scene)
    assert "door stays shut" in failed(scene, "suspend")


def test_suspend_fails_when_leaving_is_prevented(scene: Scene) -> None:
    scene.accounts["supervisor"] = Quiet({"/orders/": {"state": "done"}, "/orders": {"order": "O1"}})  # type: ignore[assignment]
    scene.walker = Feet(opens=False)  # type: ignore[assignment]
    session.suspend(scene)
    assert "leaving the room works" in failed(scene, "suspend")


def test_leave_fails_when_another_locker_opens(scene: Scene) -> None:
    scene.lockers = {p.id_number: n for n, p in enumerate(scene.drawn, 1)}
    after.leave(scene)
    assert "locker 7" in failed(scene, "leave")


def test_file_fails_when_the_session_is_never_filed(scene: Scene) -> None:
    scene.accounts["staff"] = Quiet({"/sessions": {"state": "closed"}})  # type: ignore[assignment]
    after.close_and_file(scene)
    assert "session is closed" in failed(scene, "file")
