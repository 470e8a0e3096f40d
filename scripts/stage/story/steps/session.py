"""While the session runs: a real browser watches two rooms, the supervisor holds entry, leaving stays free."""

import time
from typing import Any

from playwright.sync_api import Page, sync_playwright

from devices.sim import clip
from scripts.stage.story.clients import wait_for
from scripts.stage.story.context import Scene
from scripts.stage.story.report import Judgement
from scripts.stage.story.steps.arrival import unlocks
from scripts.stage.story.visit import mono_us

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-loopback-in-peer-connection",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]
READ_COUNTER = """([camera, x, y, cell, bits, width, height]) => {
  const video = document.querySelector(`video[data-camera="${camera}"]`);
  if (!video || video.readyState < 2) return null;
  const canvas = document.createElement('canvas');
  canvas.width = width; canvas.height = height;
  const ctx = canvas.getContext('2d');
  ctx.drawImage(video, 0, 0, width, height);
  let value = 0;
  for (let bit = 0; bit < bits; bit++) {
    const p = ctx.getImageData(x + bit * cell + cell / 2, y + cell / 2, 1, 1).data;
    if ((p[0] + p[1] + p[2]) / 3 > 128) value |= 1 << bit;
  }
  return value;
}"""


def read_counter(page: Page, camera: str) -> int | None:
    """The frame counter that the browser shows for a camera now."""
    place = [
        camera,
        clip.COUNTER_X,
        clip.COUNTER_Y,
        clip.COUNTER_CELL,
        clip.COUNTER_BITS,
        clip.WIDTH,
        clip.HEIGHT,
    ]
    value: int | None = page.evaluate(READ_COUNTER, place)
    return value


def watch(scene: Scene) -> None:
    """Two rooms live in a real browser: the counters in the pixels move, and the view is on record."""
    cameras = [f"cam-{scene.room}-a", f"cam-{scene.second_room}-a"]
    with scene.report.judge("watch") as j, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_context(viewport={"width": 1920, "height": 1080}, locale="zh-CN").new_page()
        try:
            sign_in(scene, page)
            began = time.monotonic()
            shown = wait_for(
                lambda: all(read_counter(page, c) is not None for c in cameras), 30.0 * scene.patience
            )
            j.require(shown, f"both rooms show a picture ({', '.join(cameras)})")
            scene.report.figure("first_frame_ms", (time.monotonic() - began) * 1000, "ms")
            for camera in cameras:
                moved = frames_between(page, camera, 2.0)
                judge_view(j, camera, moved, expected_near(scene, page, camera))
            page.screenshot(path=str(scene.stage.home / "wall.png"))
        finally:
            browser.close()
        seen = {f["body"]["camera"] for f in facts(scene, "live_view_started")}
        j.require(set(cameras) <= seen, f"who watched what is on record: {sorted(seen)}")


def judge_view(j: Judgement, camera: str, moved: int, near: bool) -> None:
    """A picture is live when its counter moves at the camera's pace and shows what was just sent."""
    j.require(10 <= moved <= 60 and near, f"{camera}: {moved} frames on in 2 s, as the camera sent them")


def frames_between(page: Page, camera: str, seconds: float) -> int:
    """How far the counter moved in that time."""
    first = read_counter(page, camera) or 0
    time.sleep(seconds)
    return ((read_counter(page, camera) or 0) - first) % clip.LOOP_FRAMES


def expected_near(scene: Scene, page: Page, camera: str) -> bool:
    """Whether what is shown is what the camera sent within the last two seconds."""
    sent = int(scene.sim.get(f"/sent/{camera}")["counter"])
    return (sent - (read_counter(page, camera) or 0)) % clip.LOOP_FRAMES <= 2 * clip.FPS


def sign_in(scene: Scene, page: Page) -> None:
    """The supervisor signs in and opens the wall."""
    page.goto(f"{scene.stage.centre_url}/sign-in")
    account = scene.stage.accounts["supervisor"]
    page.fill("input[name=username]", account["name"])
    page.fill("input[name=password]", account["password"])
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "sign-in" not in url)
    page.goto(f"{scene.stage.centre_url}/wall?rooms={scene.room},{scene.second_room}")


def facts(scene: Scene, kind: str) -> list[dict[str, Any]]:
    """Facts of one kind in the centre's ledger."""
    return [f for f in scene.stage.ledger() if f["kind"] == kind]


def suspend(scene: Scene) -> None:
    """The supervisor's order holds entry at the doors; leaving works; the order is lifted again."""
    person = scene.drawn[0]
    door = f"door-{scene.room}"
    with scene.report.judge("suspend") as j:
        order(scene, "suspend_entry")
        since = mono_us()
        j.require(scene.walker.exit_by(door), "while entry is held, leaving the room works")
        j.require(scene.walker.until_locked(door), "and the door locks again behind the person")
        released = unlocks(scene, door, since)
        since = mono_us() + 1
        j.require(
            not scene.walker.room_door(person, scene.room, timeout=2.0), "entry is held: the door stays shut"
        )
        j.require(
            not [t for t in unlocks(scene, door, since) if t not in released], "no unlock frame for entry"
        )
        order(scene, "resume_entry")
        j.require(
            scene.walker.room_door(person, scene.room), "after the order was lifted the door opens again"
        )


def order(scene: Scene, kind: str) -> None:
    """Give an order and wait for its result to come back."""
    given = scene.accounts["supervisor"].post(
        f"/sessions/{scene.session}/orders", {"kind": kind, "reason": "示例：程序存疑"}
    )
    state: dict[str, Any] = {}

    def done() -> bool:
        state.update(scene.accounts["supervisor"].get(f"/orders/{given['order']}"))
        return state["state"] != "sent"

    if not wait_for(done, 15.0 * scene.patience) or state["state"] != "done":
        raise TimeoutError(f"order {kind}: {state.get('state')}")
