"""A whole visit by fingers alone: a real browser, the real edge, the simulated venue, in both sizes and languages."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Playwright, expect

from contract.clock import SystemClock
from scripts.stage.home import Stage
from scripts.stage.story.clients import wait_for
from scripts.stage.story.context import Scene
from scripts.stage.story.people import SamplePerson, photo
from scripts.stage.story.play import close_scene, open_scene
from scripts.stage.story.report import Report
from scripts.stage.story.steps import before
from tests.browser.conftest import FLAGS, moment_fits, no_overflow, shoot

pytestmark = [pytest.mark.browser, pytest.mark.faults, pytest.mark.timeout(180)]
VISITS = {"zh": (1080, 1920), "en": (1280, 800)}
WORDS = {
    "idle": ("请将身份证放在读卡区", "Place your ID card on the reader"),
    "gate": ("请通过检测门", "Walk through the gate"),
    "go": ("进入 第1评标室", "Go to Evaluation room 1"),
    "leave": ("取回 {locker} 号柜", "from locker {locker}"),
}


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A venue in which a session's check-in is open and its experts are drawn."""
    stage = Stage(tmp_path_factory.mktemp("touch"), free=True, say=lambda said: None)
    try:
        stage.prepare()
        stage.start()
        made = open_scene(stage, Report())
        try:
            made.people[:] = made.people[:6]
            before.register(made)
            _book_and_draw(made)
            yield made
        finally:
            close_scene(made)
    finally:
        stage.stop()


def _book_and_draw(scene: Scene) -> None:
    wanted = before.booking(scene)
    wanted["starts_at"] = before.stamp(SystemClock().now() + timedelta(seconds=before.CHECKIN_IN + 1))
    scene.session = scene.accounts["staff"].post("/sessions", wanted)["id"]
    seats = {"seats": [{"specialty": "A01", "count": 2}]}
    scene.accounts["draw"].post(f"/sessions/{scene.session}/draw", seats)
    assert wait_for(lambda: len(before.told(scene)) == 2, 20.0), "two were drawn and told"
    scene.drawn = before.told(scene)
    assert wait_for(lambda: bool(scene.stage.health().get("open_sittings")), 40.0), "check-in opened"


def film(scene: Scene, person: SamplePerson, folder: Path) -> Path:
    """What the kiosk's camera sees: this person, a little different every frame."""
    path = folder / f"{person.picture}.mjpeg"
    path.write_bytes(b"".join(photo(scene.pictures, person.picture, number) for number in (2, 3, 5) * 4))
    return path


class Visitor:
    """One person before the kiosk: fingers on the glass, the rest of the body in the simulated venue."""

    def __init__(self, scene: Scene, page: Page, person: SamplePerson, lang: str) -> None:
        self.scene, self.page, self.person, self.lang = scene, page, person, lang
        self.walker = scene.walker

    def sees(self, screen: str, seconds: float = 20.0) -> None:
        """The page shows this moment, whole, in the visitor's language."""
        expect(self.page.locator(".kiosk")).to_have_attribute("data-screen", screen, timeout=seconds * 1000)
        no_overflow(self.page)
        moment_fits(self.page)
        shoot(self.page, f"touch-{screen}-{self.lang}")

    def reads(self, screen: str, **params: int) -> None:
        words = WORDS[screen][list(VISITS).index(self.lang)].format(**params)
        expect(self.page.get_by_role("heading", level=1).filter(has_text=words)).to_be_visible()

    def card(self) -> None:
        self.scene.sim.post("/readers/reader-kiosk-1/card", **self.person.card)

    def lift(self) -> None:
        self.scene.sim.take_card("reader-kiosk-1")

    def sign(self, board: Locator) -> None:
        """Two strokes of one finger, as touch input of the browser itself."""
        box = board.bounding_box()
        assert box is not None
        glass = self.page.context.new_cdp_session(self.page)
        for height in (0.35, 0.6):
            for n, kind in enumerate(["touchStart", *["touchMove"] * 12, "touchEnd"]):
                x = box["x"] + box["width"] * (0.2 + 0.045 * n)
                y = box["y"] + box["height"] * (height + 0.1 * (n % 2))
                points = [] if kind == "touchEnd" else [{"x": x, "y": y}]
                glass.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        glass.detach()

    def arrive(self) -> int:
        """Card, face, signature, locker. Returns the locker's number."""
        self.reads("idle")
        self.card()
        self.sees("promise")
        self.lift()
        main = self.page.locator(".sign .main")
        expect(main).to_be_disabled()
        self.sign(self.page.locator("canvas"))
        expect(main).to_be_enabled()
        main.tap()
        self.sees("store")
        assert wait_for(lambda: self._opened() is not None, 8.0), "a locker opened"
        number = self._opened()
        assert number is not None
        expect(self.page.get_by_text(str(number)).first).to_be_visible()
        confirm = self.page.locator(".big-button.main")
        expect(confirm).to_be_disabled()
        self.scene.sim.post(f"/lockers/bank-1/{number}/shut")
        expect(confirm).to_be_enabled()
        shoot(self.page, f"touch-shut-{self.lang}")
        confirm.tap()
        return number

    def _opened(self) -> int | None:
        """The locker that stands open."""
        doors = self.scene.sim.get("/lockers/bank-1")
        return next((int(n) for n, state in doors.items() if not state["closed"]), None)

    def enter(self) -> None:
        """Gate, the screen that shows the way, main door, room."""
        self.sees("gate")
        self.reads("gate")
        self.walker.gate(self.person)
        self.sees("go")
        self.reads("go")
        assert self.walker.main_door(), "the main door opens after a clean passage"
        assert self.walker.room_door(self.person, self.scene.room), "the room opens for its own expert"

    def leave(self, locker: int) -> None:
        """Out by the buttons; the card at the kiosk opens the own locker; its shut door ends the visit."""
        assert self.walker.exit_by(f"door-{self.scene.room}")
        assert self.walker.exit_by("door-main")
        self.card()
        self.sees("leave")
        self.reads("leave", locker=locker)
        assert wait_for(lambda: self._opened() == locker, 8.0), "the own locker opened"
        self.lift()
        self.scene.sim.post(f"/lockers/bank-1/{locker}/shut")
        self.sees("idle", 15.0)


@pytest.mark.req("C6")
@pytest.mark.parametrize("lang", VISITS)
def test_a_whole_visit_by_touch(scene: Scene, playwright: Playwright, tmp_path: Path, lang: str) -> None:
    person = scene.drawn[list(VISITS).index(lang)]
    camera = f"--use-file-for-fake-video-capture={film(scene, person, tmp_path)}"
    width, height = VISITS[lang]
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=[*FLAGS, camera])
    try:
        context = browser.new_context(
            viewport={"width": width, "height": height}, has_touch=True, permissions=["camera"]
        )
        page = context.new_page()
        page.set_default_timeout(8000)
        stage = scene.stage
        page.goto(f"{stage.kiosk_url}/kiosk/kiosk-1?lang=zh#token={stage.kiosk_token('kiosk-1')}")
        visitor = Visitor(scene, page, person, lang)
        visitor.sees("idle")
        if lang == "en":
            page.locator(".language").tap()
        locker = visitor.arrive()
        visitor.enter()
        visitor.leave(locker)
    finally:
        browser.close()
