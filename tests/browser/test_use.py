"""The pages in use: touch alone at the kiosk, mouse, touch and keyboard at the timeline, a supervisor at the wall."""

import re
from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Opener, Served, no_overflow, shoot
from tests.browser.test_pages import KIOSK, SIZES

pytestmark = pytest.mark.browser
PIXELS = """video => {
  const pen = new OffscreenCanvas(32, 18).getContext("2d");
  pen.drawImage(video, 0, 0, 32, 18);
  return [...pen.getImageData(0, 0, 32, 18).data].join();
}"""


def kiosk(open_page: Opener, served: Served, moment: str, size: str = "portrait") -> Page:
    served.state.screen = moment
    page = open_page(KIOSK, SIZES[size], "zh", touch=True)
    expect(page.locator(f"[data-screen={moment}]")).to_be_visible()
    return page


def waited_for(page: Page, what: Any, seconds: float = 4) -> None:
    for _ in range(int(seconds * 20)):
        if what():
            return
        page.wait_for_timeout(50)
    raise AssertionError("did not happen")


@pytest.mark.req("C6")
def test_kiosk_code_by_touch(open_page: Opener, served: Served) -> None:
    page = kiosk(open_page, served, "pin")
    confirm = page.get_by_role("button", name="确认")
    expect(confirm).to_be_disabled()
    for digit in "402817":
        page.get_by_role("button", name=digit, exact=True).tap()
    confirm.tap()
    waited_for(page, lambda: ("pin", "402817") in served.state.actions)


def test_kiosk_signature_needs_more_than_a_dot(open_page: Opener, served: Served) -> None:
    page = kiosk(open_page, served, "promise")
    main = page.get_by_role("button", name="我已阅读并签名")
    box = page.locator("canvas").bounding_box()
    assert box is not None
    x, y = box["x"] + 100, box["y"] + 150
    page.mouse.click(x, y)
    expect(main).to_be_disabled()
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 12):
        page.mouse.move(x + 40 * step, y + (30 if step % 2 else -30))
    page.mouse.up()
    shoot(page, "kiosk-signed")
    main.tap()
    waited_for(page, lambda: any(action == "sign" for action, _ in served.state.actions))
    value = next(value for action, value in served.state.actions if action == "sign")
    assert value is not None
    assert value.startswith("iVBOR"), "a PNG in base64"


def test_kiosk_face_sends_frames_until_the_screen_changes(open_page: Opener, served: Served) -> None:
    page = kiosk(open_page, served, "face")
    waited_for(page, lambda: served.state.frames >= 4, 10)
    served.state.screen = "unsure"
    expect(page.locator("[data-screen=unsure]")).to_be_visible()
    page.wait_for_timeout(1500)
    sent = served.state.frames
    page.wait_for_timeout(2500)
    assert served.state.frames == sent, "the camera is off once the moment has passed"


def test_kiosk_idle_warning(open_page: Opener, served: Served) -> None:
    served.state.screens["store"] = {**served.state.screens["store"], "expires_in": 9}
    page = kiosk(open_page, served, "store")
    expect(page.get_by_role("alertdialog")).to_contain_text("还在吗")
    shoot(page, "kiosk-idle-warning")
    page.get_by_role("button", name="继续").tap()
    waited_for(page, lambda: ("continue", None) in served.state.actions)


def test_kiosk_speaks_the_language_that_was_touched(open_page: Opener, served: Served) -> None:
    page = kiosk(open_page, served, "gate")
    page.get_by_role("button", name="English").tap()
    expect(page.get_by_role("heading", name="Walk through the gate")).to_be_visible()
    waited_for(page, lambda: ("language", "en") in served.state.actions)


def test_kiosk_speaks_the_language_that_was_chosen_before_the_card(open_page: Opener, served: Served) -> None:
    page = kiosk(open_page, served, "idle")
    page.get_by_role("button", name="English").tap()
    expect(page.get_by_role("heading", name="Place your ID card")).to_be_visible()
    served.state.screen = "gate"
    expect(page.get_by_role("heading", name="Walk through the gate")).to_be_visible()
    waited_for(page, lambda: ("language", "en") in served.state.actions)


def test_kiosk_lets_the_visitor_say_that_all_is_stored_behind_a_shut_door_only(
    open_page: Opener, served: Served
) -> None:
    page = kiosk(open_page, served, "store")
    stored = page.get_by_role("button", name="都放好了")
    expect(stored).to_be_disabled()
    shut = served.state.screens["store"]
    served.state.screens["store"] = {**shut, "params": {**shut["params"], "open": False}}
    stored.tap()
    waited_for(page, lambda: ("stored", None) in served.state.actions)


@pytest.mark.req("C6")
@pytest.mark.parametrize("moment", ["idle", "face", "pin", "promise", "store", "gate", "alarm", "go"])
@pytest.mark.parametrize("size", SIZES)
def test_kiosk_help_and_cancel_never_move(open_page: Opener, served: Served, moment: str, size: str) -> None:
    page = kiosk(open_page, served, moment, size)
    boxes = [
        page.get_by_role("button", name=name, exact=True).bounding_box() for name in ("呼叫工作人员", "取消")
    ]
    page = kiosk(open_page, served, "leave", size)
    assert boxes == [
        page.get_by_role("button", name=name, exact=True).bounding_box() for name in ("呼叫工作人员", "取消")
    ]


@pytest.mark.refusals
def test_kiosk_says_so_when_its_edge_does_not_answer(open_page: Opener) -> None:
    """A wrong token is answered 403: for the person in front of it the terminal cannot be used."""
    page = open_page("/kiosk/kiosk-1#token=wrong", SIZES["portrait"])
    expect(page.locator("[data-screen=offline]")).to_be_visible(timeout=10_000)
    no_overflow(page)
    shoot(page, "kiosk-offline")


def block(page: Page, booking: str) -> Locator:
    return page.locator(f"[data-booking={booking}]").first


def minutes(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp() / 60


def test_timeline_moves_by_keyboard(open_page: Opener, served: Served) -> None:
    page = open_page("/timeline", (1900, 900))
    mine = block(page, "b-002-0")
    mine.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(250)
    expect(page.locator(".say")).to_contain_text("第2评标室")
    page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(250)
    page.keyboard.press("Enter")
    waited_for(page, lambda: served.state.moves)
    before = next(
        row for row in page.evaluate("fetch('/api/bookings').then(r => r.json())") if row["id"] == "b-002-0"
    )
    move = served.state.moves[0]
    assert minutes(before["starts_at"]) - minutes(move["starts_at"]) == 30
    assert minutes(before["ends_at"]) - minutes(move["ends_at"]) == 30


def test_timeline_escape_takes_a_move_back(open_page: Opener, served: Served) -> None:
    page = open_page("/timeline", (1900, 900))
    mine = block(page, "b-002-0")
    home = mine.bounding_box()
    mine.focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(300)
    assert block(page, "b-002-0").bounding_box() != home
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    assert block(page, "b-002-0").bounding_box() == home
    assert not served.state.moves


@pytest.mark.req("V2")
@pytest.mark.refusals
def test_timeline_shows_the_clash_while_dragging(open_page: Opener, served: Served) -> None:
    page = open_page("/timeline", (1900, 900))
    mine, other = block(page, "b-002-0").bounding_box(), block(page, "b-001-0").bounding_box()
    assert mine is not None
    assert other is not None
    page.mouse.move(mine["x"] + 30, mine["y"] + 20)
    page.mouse.down()
    page.mouse.move(mine["x"] + 10, mine["y"] + 10, steps=4)
    page.mouse.move(other["x"] + 40, other["y"] + 20, steps=12)
    expect(page.locator(".say")).to_contain_text(re.compile("与“示例项目甲.*冲突"))
    shoot(page, "staff-timeline-clash")
    page.mouse.up()
    waited_for(page, lambda: served.state.moves)
    assert served.state.moves[0]["granted"] is False
    expect(page.get_by_role("alert")).to_contain_text("冲突")
    home = (mine["x"], mine["width"])
    waited_for(
        page, lambda: (now := block(page, "b-002-0").bounding_box()) and (now["x"], now["width"]) == home
    )


@pytest.mark.req("M8")
def test_wall_says_when_a_picture_stops(open_page: Opener, served: Served) -> None:
    page = open_page("/wall", (1920, 1080))
    tile = page.locator("[data-camera-tile=cam-eval-1-a]")
    expect(tile).to_have_attribute("data-state", "live", timeout=15_000)
    video = page.locator("video[data-camera=cam-eval-1-a]")
    first = video.evaluate(PIXELS)
    waited_for(page, lambda: video.evaluate(PIXELS) != first)
    served.state.peers.moving.clear()
    expect(tile).to_have_attribute("data-state", "stopped", timeout=6000)
    expect(tile).to_contain_text("画面停止")
    shoot(page, "wall-stopped")
    served.state.peers.moving.set()


def test_wall_suspends_entry_by_keys_alone(open_page: Opener, served: Served) -> None:
    page = open_page("/wall", (1920, 1080))
    expect(page.locator("[data-camera-tile]").first).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("s")
    page.keyboard.type("示例：评审现场需要核实")
    shoot(page, "wall-suspend")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_contain_text("现场已执行")
    assert served.state.orders[0]["kind"] == "suspend_entry"


@pytest.mark.refusals
def test_wrong_password_keeps_the_name(open_page: Opener) -> None:
    page = open_page("/sign-in")
    page.locator("input[name=username]").fill("sample")
    page.locator("input[name=password]").fill("other")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("用户名或密码不对")
    expect(page.get_by_role("alert")).to_contain_text("c0ffee")
    expect(page.locator("input[name=username]")).to_have_value("sample")
