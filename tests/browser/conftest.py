"""Server and browser of the page tests.

The sync Playwright keeps an event loop in this thread while it is open, which would break asynchronous tests after it:
so it is opened for this folder only and closed behind it, instead of by the session-wide fixtures of its plugin.
"""

import asyncio
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, sync_playwright

from tests.browser.pages_app import DIST, State, build


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "refusals: this page test means to be refused by the server")


SHOTS = os.environ.get("SHOTS")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """As everywhere, for threads; Chromium starts and ends helper processes as it likes until the folder is done."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 3.0
    while (left := _left(before)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, f"left behind: {left}"


def _left(before: set[threading.Thread]) -> list[str]:
    now = [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]
    return [thread.name for thread in now if not thread.name.startswith(("AnyIO worker thread", "asyncio_"))]


@dataclass(frozen=True, slots=True)
class Served:
    """The sample server: where it listens, and what a test may change."""

    url: str
    state: State


@pytest.fixture(scope="package")
def server() -> Iterator[tuple[str, "uvicorn.Server", State]]:
    if not (DIST / "kiosk.html").is_file():
        pytest.fail("the pages are not built: npm ci && npm run build in kiosk_ui")
    state = State()
    app = build(state)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, name="sample pages")
    thread.start()
    deadline = time.monotonic() + 10
    while not running.started and time.monotonic() < deadline:
        time.sleep(0.02)
    port = running.servers[0].sockets[0].getsockname()[1]
    loop = running.servers[0].get_loop()
    yield f"http://127.0.0.1:{port}", running, state
    asyncio.run_coroutine_threadsafe(state.peers.close(), loop).result(5)
    running.should_exit = True
    thread.join(10)
    assert not thread.is_alive()


@pytest.fixture
def served(server: tuple[str, "uvicorn.Server", State]) -> Served:
    """The server with its state as on the first day."""
    url, _, state = server
    peers = state.peers
    state.__init__()  # type: ignore[misc]
    state.peers = peers
    peers.moving.set()
    return Served(url, state)


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """One for the folder: the sync driver cannot be opened twice in a thread."""
    with sync_playwright() as opened:
        yield opened


@pytest.fixture(scope="package")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
    yield browser
    browser.close()


CALENDAR = "https://svelte.dev/e/derived_inert"
"""A warning that the calendar library gives to its own authors when a focused block is drawn again."""
Opener = Callable[..., Page]
REFUSED = re.compile(r"Failed to load resource: .* status of 4\d\d")
"""Chromium reports every refused request as an error; a test marked `refusals` means to be refused."""


@pytest.fixture
def open_page(chromium: Browser, served: Served, request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Opens a path at a size in a language; afterwards the page must have had no error of its own."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        meant = request.node.get_closest_marker("refusals") and REFUSED.search(message.text)
        if message.type in {"error", "warning"} and not meant and message.text != CALENDAR:
            complaints.append(message.text)

    def opened(path: str, size: tuple[int, int] = (1440, 900), lang: str = "zh", touch: bool = False) -> Page:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]}, has_touch=touch, locale="zh-CN",
            permissions=["camera", "microphone"],
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(8000)
        page.on("console", listen)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        mark = "&" if "?" in path else "?"
        head, _, tail = path.partition("#")
        page.goto(f"{served.url}{head}{mark}lang={lang}" + (f"#{tail}" if tail else ""))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints, complaints


def shoot(page: Page, name: str) -> None:
    """A photograph for people, when they asked for some."""
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(350)
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))


def moment_fits(page: Page) -> None:
    """What a kiosk's moment says and offers stays within its place: under the steps, above the constant buttons."""
    out = page.evaluate(
        """() => {
          const place = document.querySelector('main.moment').getBoundingClientRect();
          return [...document.querySelectorAll('.said *')].filter((part) => {
            const box = part.getBoundingClientRect();
            return box.height > 0 && (box.top < place.top - 1 || box.bottom > place.bottom + 1);
          }).map((part) => part.innerText);
        }"""
    )
    assert not out, f"out of its place: {out}"


def no_overflow(page: Page) -> None:
    """Nothing sticks out sideways, and no button's words are cut off."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{wide} px too wide"
    cut = page.evaluate(
        "[...document.querySelectorAll('button')].filter(b => b.scrollWidth > b.clientWidth + 1).map(b => b.innerText)"
    )
    assert not cut, f"cut off: {cut}"
