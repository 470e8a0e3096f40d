"""Bad configuration is told by file, line and key; the kiosk's API lets in its own page only; duties are watched."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi.testclient import TestClient

from contract.clock import FakeClock
from contract.config_file import ConfigError, load
from contract.envelope import FactDraft, Record
from edge_agent import kiosk_api, witness_api
from edge_agent.alarms import Alarms
from edge_agent.duties import Duties, Duty
from edge_agent.journal import Journal
from edge_agent.messages import load_texts
from edge_agent.settings import EdgeSettings, load_venue
from edge_agent.witness_settings import WitnessSettings
from tests.edge_agent.site import free_port, wait_for

ROOT = Path(__file__).resolve().parents[2]
SCREEN = {
    "screen": "idle", "params": {}, "step": 0, "offline": False, "expires_in": None, "help_since": None, "lang": "zh",
}  # fmt: skip


def test_the_defaults_files_are_the_defaults() -> None:
    edge = load(EdgeSettings, ROOT / "config/defaults/edge.toml")
    assert edge.model_dump(exclude={"plan", "passage"}) == EdgeSettings(plan=edge.plan).model_dump(
        exclude={"plan", "passage"}
    )
    witness = load(WitnessSettings, ROOT / "config/defaults/witness.toml")
    assert witness == WitnessSettings(venue="V01")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('plan = "v.toml"\n\n[kiosk]\nhost = "127.0.0.1"\nprot = 8100\n', ":5: kiosk.prot: unknown key"),
        ('plan = "v.toml"\n[kiosk]\nport = 99999\n', ":3: kiosk.port: "),
        ("[kiosk]\nport = 8100\n", ":1: plan: Field required"),
        ("plan = \n", "not valid TOML"),
        ('plan = "v.toml"\nenvironment = "test"\n', ":2: environment: "),
    ],
)
def test_bad_settings_name_file_line_and_key(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(EdgeSettings, path)
    assert str(path) in str(refused.value)
    assert expected in str(refused.value)
    with pytest.raises(ConfigError, match="cannot be read"):
        load(EdgeSettings, tmp_path / "absent.toml")


def test_production_refuses_what_is_simulated() -> None:
    plan = ROOT / "config/example/venue.toml"
    assert load_venue(EdgeSettings(plan=plan)).venue.simulated
    with pytest.raises(ConfigError, match="production refuses simulated"):
        load_venue(EdgeSettings(plan=plan, environment="production"))


def test_both_languages_have_the_same_texts() -> None:
    zh, en = (load_texts(ROOT / "config/messages", language).templates for language in ("zh", "en"))
    assert zh.keys() == en.keys()
    assert "123456" in load_texts(ROOT / "config/messages", "zh").text(
        "sms.pin", venue="V", pin="123456", minutes=5
    )


class Kiosk:
    def __init__(self) -> None:
        self.acts: list[tuple[str, str, str | None]] = []
        self.frames: list[int] = []
        self.shown: dict[str, Any] = dict(SCREEN)
        self.version = 0

    def act(self, kiosk: str, action: str, value: str | None) -> str | None:
        self.acts.append((kiosk, action, value))
        return "leave.show_card"

    def take(self, kiosk: str, frames: list[bytes]) -> bool:
        self.frames.append(len(frames))
        return True

    def desk(self) -> kiosk_api.KioskDesk:
        return kiosk_api.KioskDesk(
            tokens={"kiosk-1": "secret"}, places={"kiosk-1": {"simulated": True}}, screen=lambda kiosk: self.shown,
            version=lambda: self.version, act=self.act, frames=self.take,
            sign=lambda room: {"room": room} if room == "eval-1" else None, health=lambda: {"name": "V01.edge"},
        )  # fmt: skip


OWN = {"X-Kiosk-Token": "secret"}


def test_only_the_own_page_is_let_in(tmp_path: Path) -> None:
    kiosk = Kiosk()
    client = TestClient(kiosk_api.build(kiosk.desk(), tmp_path / "none"))
    for headers in ({}, {"X-Kiosk-Token": "other"}, {"X-Kiosk-Token": ""}):
        assert client.get("/kiosk/api/kiosk-1/screen", headers=headers).status_code == 403
    assert client.get("/kiosk/api/kiosk-2/screen", headers=OWN).status_code == 403
    assert client.get("/kiosk/api/kiosk-1/screen", headers=OWN).json() == SCREEN
    answer = client.post("/kiosk/api/kiosk-1/actions", headers=OWN, json={"action": "collect"})
    assert answer.json() == {"ok": True, "notice": "leave.show_card"}
    assert (
        client.post("/kiosk/api/kiosk-1/actions", headers=OWN, json={"action": "unlock"}).status_code == 422
    )
    files = [("frames", (f"{n}.jpg", b"jpeg", "image/jpeg")) for n in range(3)]
    assert client.post("/kiosk/api/kiosk-1/frames", headers=OWN, files=files).json() == {"taken": True}
    too_many = [files[0]] * (kiosk_api.MAX_FRAMES + 1)
    assert client.post("/kiosk/api/kiosk-1/frames", headers=OWN, files=too_many).status_code == 413
    assert kiosk.frames == [3]
    assert client.get("/signs/api/doors/eval-1").json() == {"room": "eval-1"}
    assert client.get("/signs/api/doors/vault").status_code == 404


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/kiosk/api/kiosk-1/actions", {}, 403),
        ("/kiosk/api/kiosk-1/frames", {}, 403),
        ("/kiosk/api/kiosk-1/actions", OWN, 413),
        ("/kiosk/api/kiosk-1/frames", OWN, 413),
        ("/signs/api/doors/eval-1", {}, 405),
    ],
)
async def test_an_endless_body_is_not_read(
    path: str, headers: dict[str, str], status: int, tmp_path: Path
) -> None:
    """A stranger's not at all, the own page's as far as a rightful one can reach."""
    app = kiosk_api.build(Kiosk().desk(), tmp_path / "none")
    read = 0
    answers: list[Any] = []

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1 << 20
        assert read < 64 << 20, "read on and on"
        begin = b'--b\r\nContent-Disposition: form-data; name="frames"; filename="a"\r\n\r\n'
        first = begin if path.endswith("frames") and read == 1 << 20 else b""
        return {"type": "http.request", "body": first + b"a" * (1 << 20), "more_body": True}

    async def send(message: Any) -> None:
        answers.append(message)

    kind = "multipart/form-data; boundary=b" if path.endswith("frames") else "application/json"
    raw = [
        (name.lower().encode(), value.encode()) for name, value in {**headers, "Content-Type": kind}.items()
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": raw,
        "query_string": b"",
        "http_version": "1.1",
    }
    await app(scope, receive, send)
    assert answers[0]["status"] == status
    assert read <= (26 << 20 if status == 413 else 0)


def test_pages_keep_their_deep_links(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "kiosk.html").write_text("kiosk page")
    (tmp_path / "sign.html").write_text("sign page")
    (tmp_path / "assets" / "a.js").write_text("script")
    client = TestClient(kiosk_api.build(Kiosk().desk(), tmp_path))
    assert client.get("/kiosk/kiosk-1").text == "kiosk page"
    assert client.get("/signs/doors/eval-1").text == "sign page"
    assert client.get("/assets/a.js").text == "script"
    assert client.get("/kiosk/api/kiosk-1/screen").status_code == 403


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Kiosk, int]]:
    kiosk, port = Kiosk(), free_port()
    app = kiosk_api.build(kiosk.desk(), tmp_path / "none")
    server = uvicorn.Server(
        uvicorn.Config(
            app, port=port, log_config=None, ws="none", lifespan="off", timeout_graceful_shutdown=1
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started)
    yield kiosk, port
    server.should_exit = True
    thread.join()


def test_a_changed_screen_is_pushed(served: tuple[Kiosk, int]) -> None:
    kiosk, port = served
    with httpx.stream(
        "GET", f"http://127.0.0.1:{port}/kiosk/api/kiosk-1/screens", headers=OWN, timeout=5
    ) as answer:
        lines = (line for line in answer.iter_lines() if line.startswith("data:"))
        assert '"idle"' in next(lines)
        kiosk.shown = {**SCREEN, "screen": "gate"}
        kiosk.version += 1
        assert '"gate"' in next(lines)


def test_streams_without_end_push_out_the_oldest(served: tuple[Kiosk, int]) -> None:
    _, port = served
    url = f"http://127.0.0.1:{port}/kiosk/api/kiosk-1/screens"
    with httpx.Client(headers=OWN, timeout=5) as client, contextlib.ExitStack() as open_streams:
        first, *_ = [
            open_streams.enter_context(client.stream("GET", url)) for _ in range(kiosk_api.MAX_STREAMS + 1)
        ]
        assert any('"idle"' in line for line in list(first.iter_lines())), "shown, then ended"


def test_a_duty_that_does_not_run_is_an_alarm_until_it_runs(tmp_path: Path) -> None:
    clock = FakeClock()
    journal = Journal.open(tmp_path / "journal.db", "V01", clock)

    def record(drafts: Sequence[FactDraft]) -> list[Record]:
        return journal.append(drafts)

    alarms, runs, broken = Alarms(journal, record), threading.Semaphore(0), [True]

    def work() -> None:
        runs.release()
        if broken[0]:
            raise OSError("not today")

    duties = Duties([Duty("checkpoint", 0.05, work)], clock, alarms)
    duties.start()
    assert runs.acquire(timeout=5)
    clock.advance(60)
    duties.judge()
    assert [(a["alarm"], a["subject"]) for a in alarms.standing()] == [("duty_missed", "checkpoint")]
    broken[0] = False
    wait_for(lambda: duties.beats()["checkpoint"] == 0)
    duties.judge()
    assert alarms.standing() == []
    assert Alarms(journal, record).standing() == []
    duties.stop()
    journal.close()


async def test_the_witness_port_reads_nothing_of_another_party() -> None:
    """Any party of our CA gets a connection; only the witness gets a hearing."""
    desk = witness_api.WitnessDesk(
        pending=lambda size: {"size": size}, cosigned=lambda note: False, roster=lambda sitting, inner: None,
        refused=lambda subject, reason: None,
    )  # fmt: skip
    app = witness_api.build(desk, "V01.witness")
    read, answers = 0, list[Any]()

    async def receive() -> dict[str, Any]:
        nonlocal read
        read += 1 << 20
        return {"type": "http.request", "body": b"[" * (1 << 20), "more_body": True}

    async def send(message: Any) -> None:
        answers.append(message)

    for peer, status, most in (("V01.edge", 403, 0), ("", 403, 0), ("V01.witness", 413, 80 << 20)):
        read = 0
        answers.clear()
        scope = {
            "type": "http", "method": "POST", "path": "/witness/rosters/T1", "query_string": b"", "http_version": "1.1",
            "headers": [(b"content-type", b"application/json")], "extensions": {"peer": peer},
        }  # fmt: skip
        await app(scope, receive, send)
        assert (answers[0]["status"], read <= most) == (status, True), peer
