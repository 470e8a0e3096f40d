"""Live views judged in a real browser: by the counter in the pixels, the sound that arrives and the clock channel."""

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from playwright.async_api import Page, async_playwright

from devices.sim.camera import CameraServer
from devices.sim.clip import COUNTER_BITS, COUNTER_CELL, COUNTER_X, COUNTER_Y, LOOP_FRAMES
from recording.live_addresses import bind_only, without_candidates
from tests.recording.conftest import FakeEdge, RecorderProcess, specs

WATCH = """
async () => {
  const pc = window.pc = new RTCPeerConnection();
  pc.addTransceiver('video', {direction: 'recvonly'});
  pc.addTransceiver('audio', {direction: 'recvonly'});
  window.clock = []; window.counters = [];
  pc.createDataChannel('clock').addEventListener('message', e => window.clock.push(JSON.parse(e.data)));
  const video = window.video = document.createElement('video');
  video.muted = true; video.autoplay = true;
  document.body.append(video);
  pc.addEventListener('track', e => { if (e.track.kind === 'video') video.srcObject = new MediaStream([e.track]); });
  await pc.setLocalDescription(await pc.createOffer());
  return pc.localDescription.sdp;
}
"""
ANSWER = """
async ([sdp, bits, cell, left, top]) => {
  const canvas = document.createElement('canvas');
  canvas.width = 640; canvas.height = 360;
  const g = canvas.getContext('2d', {willReadFrequently: true});
  const read = () => {
    g.drawImage(window.video, 0, 0, 640, 360);
    let n = 0;
    for (let k = 0; k < bits; k++) {
      const p = g.getImageData(left + (k + 0.5) * cell, top + 0.5 * cell, 1, 1).data;
      if (p[0] > 128) n |= 1 << k;
    }
    window.counters.push([n, performance.timeOrigin + performance.now()]);
    window.video.requestVideoFrameCallback(read);
  };
  window.video.requestVideoFrameCallback(read);
  await window.pc.setRemoteDescription({type: 'answer', sdp});
}
"""
STATS = """
async () => {
  const found = {};
  (await window.pc.getStats()).forEach(s => { if (s.type === 'inbound-rtp') found[s.kind] = s.packetsReceived; });
  return found;
}
"""


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as tool:
        browser = await tool.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"],
        )
        page = await browser.new_page()
        yield page
        await browser.close()


async def watch(page: Page, edge: FakeEdge, camera: str) -> float:
    """Open a view as the wall does; answers the wall time of the offer in milliseconds."""
    began = time.time() * 1000  # noqa: TID251 - compared with the browser's clock
    offer = await page.evaluate(WATCH)
    edge.say(t="live_offer", rid=camera, view=f"view-{camera}", camera=camera, sdp=offer)
    reply = await edge.heard(lambda m: m["t"] == "reply" and m["rid"] == camera)
    assert reply["ok"], reply
    for line in reply["sdp"].splitlines():
        if line.startswith("a=candidate"):
            assert " 127.0.0.1 " in line
    await page.evaluate(ANSWER, [reply["sdp"], COUNTER_BITS, COUNTER_CELL, COUNTER_X, COUNTER_Y])
    return began


async def ready(edge: FakeEdge, sim: CameraServer) -> None:
    await edge.heard(lambda m: m["t"] == "hello")
    edge.say(t="plan", cameras=specs(sim), record=[])
    await edge.heard(lambda m: m["t"] == "health" and m["cameras"] and all(
        c["fps"] > 10 for c in m["cameras"].values()))  # fmt: skip


@pytest.mark.req("M8")
@pytest.mark.browser
@pytest.mark.req("M4")
async def test_pictures_move_and_stop_when_the_camera_stops(
    sim: CameraServer, edge: FakeEdge, recorder: RecorderProcess, page: Page
) -> None:
    await ready(edge, sim)
    began = await watch(page, edge, "cam-a")
    await asyncio.sleep(4)
    counters: list[Any] = await page.evaluate("window.counters")
    numbers = [n for n, _ in counters]
    assert len(numbers) > 30
    steps = [(b - a) % LOOP_FRAMES for a, b in pairwise(numbers)]
    assert all(0 <= s <= 15 for s in steps)
    assert sum(steps) > 30
    sent = {f["counter"]: f["wall_us"] / 1000 for f in sim.sent("cam-a")["frames"]}
    lags = sorted(at - sent[n] for n, at in counters[-20:])
    assert lags[len(lags) // 2] < 1000
    assert counters[0][1] - began < 4000
    heard = await page.evaluate(STATS)
    assert heard["audio"] > 50
    clock = await page.evaluate("window.clock")
    assert len(clock) >= 3
    assert [c["n"] for c in clock] == sorted({c["n"] for c in clock})
    assert max(c["sound"] for c in clock) > 20
    sim.fault("cam-a", freeze=True)
    await asyncio.sleep(1)
    before = len(await page.evaluate("window.clock"))
    await asyncio.sleep(1.5)
    assert len(await page.evaluate("window.clock")) == before
    edge.say(t="live_end", view="view-cam-a")
    await edge.heard(lambda m: m["t"] == "view_ended" and m["view"] == "view-cam-a")


async def test_offers_that_cannot_be_served_are_refused(
    sim: CameraServer, edge: FakeEdge, recorder: RecorderProcess
) -> None:
    await ready(edge, sim)
    edge.say(t="live_offer", rid="r1", view="v1", camera="cam-z", sdp="v=0")
    assert (await edge.heard(lambda m: m.get("rid") == "r1"))["error"] == "camera_unknown"
    edge.say(t="live_offer", rid="r2", view="v2", camera="cam-a", sdp="v=0\r\nm=nonsense")
    assert (await edge.heard(lambda m: m.get("rid") == "r2"))["error"] == "bad_offer"
    last = await edge.heard(lambda m: m["t"] == "health")
    assert set(last["cameras"]) == {"cam-a", "cam-b"}


async def test_media_binds_only_where_it_may() -> None:
    import aioice

    bind_only(["127.0.0.1"])
    connection = aioice.Connection(ice_controlling=False)
    await connection.gather_candidates()
    try:
        assert {c.host for c in connection.local_candidates} == {"127.0.0.1"}
    finally:
        await connection.close()
    with pytest.raises(ValueError):
        bind_only(["0.0.0.0.0"])


def test_candidates_are_dropped_from_an_offer() -> None:
    offer = "v=0\r\na=candidate:1 1 udp 1 x.local 9 typ host\r\na=end-of-candidates\r\nm=video 9 x\r\n"
    assert without_candidates(offer) == "v=0\r\nm=video 9 x\r\n"
