"""Live views: the camera's own H.264 and G.711 copied into WebRTC, never transcoded.

A view starts with the group of pictures already here, re-timed so that it plays at once. A viewer that does not keep up
loses pictures up to the next keyframe, nobody else's. The data channel `clock`, which the browser opens, hears twice a
second of the last frame, and nothing while no frame comes: a still picture never looks live.
"""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import av
import structlog
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

from contract.clock import Clock
from recording.h264 import AccessUnit
from recording.ingest import CameraIngest
from recording.link import Message
from recording.live_addresses import bind_only, without_candidates
from recording.sound import SoundChunk

_log = structlog.get_logger()
_QUEUE = 90
_BURST_STEP = 300
_CLOCK_S, _CONNECT_S = 0.5, 15
_START_CODE = b"\0\0\0\1"
_G711 = {"alaw": "audio/PCMA", "ulaw": "audio/PCMU"}


def annex_b(unit: AccessUnit, sps: bytes, pps: bytes) -> bytes:
    """The picture with start codes, parameter sets before a keyframe."""
    parts = [_START_CODE + s for s in (sps, pps)] if unit.key else []
    at = 0
    while at + 4 <= len(unit.data):
        size = int.from_bytes(unit.data[at : at + 4], "big")
        parts.append(_START_CODE + unit.data[at + 4 : at + 4 + size])
        at += 4 + size
    return b"".join(parts)


class _Copied(MediaStreamTrack):
    """A track whose packets come ready-made from a bounded queue."""

    def __init__(self, kind: str, clock: int) -> None:
        self.kind = kind
        super().__init__()
        self._clock = clock
        self._packets: deque[tuple[bytes, int]] = deque()
        self._ready = asyncio.Event()
        self._base: int | None = None
        self._last = 0

    async def recv(self) -> "av.Packet[Any]":
        """The next packet; MediaStreamError once the track is stopped."""
        while not self._packets:
            if self.readyState != "live":
                raise MediaStreamError
            self._ready.clear()
            await self._ready.wait()
        data, pts = self._packets.popleft()
        packet = av.Packet(data)
        packet.pts, packet.time_base = pts, Fraction(1, self._clock)
        return packet

    def stop(self) -> None:
        """End the track and wake whoever waits for a packet."""
        super().stop()
        self._ready.set()

    def put(self, data: bytes, ticks: int) -> None:
        """Queue one packet; a step back or a long jump (the camera came again) goes on without a jump."""
        if self._base is None or not 0 < ticks - self._base - self._last < 10 * self._clock:
            self._base = ticks - self._last - self._clock // 25
        self._last = ticks - self._base
        self._packets.append((data, self._last))
        self._ready.set()

    def is_full(self) -> bool:
        """Whether the viewer has fallen behind."""
        return len(self._packets) >= _QUEUE

    def clear(self) -> None:
        """Forget what waits."""
        self._packets.clear()


class View:
    """One viewer of one camera."""

    def __init__(self, view: str, ingest: CameraIngest, peer: RTCPeerConnection) -> None:
        self.id, self.ingest, self.peer = view, ingest, peer
        self._video = _Copied("video", 90_000)
        self._audio: _Copied | None = None
        self._needs_key = True
        self.channel: Any = None
        self.beat: asyncio.Task[None] | None = None

    def add_tracks(self, sdp: str) -> None:
        """Add what the camera has. Codec preferences must stand before the offer is applied, else VP8 wins."""
        self._add(self._video, "video/H264")
        audio = self.ingest.audio
        if audio is not None and audio.codec in _G711 and "m=audio" in sdp:
            self._audio = _Copied("audio", audio.clock)
            self._add(self._audio, _G711[audio.codec])

    def _add(self, track: _Copied, mime: str) -> None:
        transceiver = self.peer.addTransceiver(track, direction="sendonly")
        codecs = RTCRtpSender.getCapabilities(track.kind).codecs
        transceiver.setCodecPreferences([c for c in codecs if c.mimeType == mime])

    def begin(self) -> None:
        """Send the group of pictures already here in one quick burst, then whatever comes."""
        units = [(m, t) for m, t in self.ingest.cache if isinstance(m, AccessUnit)]
        first = next((i for i, (m, _) in enumerate(units) if m.key), len(units))
        burst = units[first:]
        for order, (unit, _) in enumerate(burst):
            self.picture(unit, burst[-1][1] - (len(burst) - 1 - order) * _BURST_STEP)
        self.ingest.viewers.add(self)

    def picture(self, unit: AccessUnit, ticks: int) -> None:
        """The next picture of the camera."""
        if self._video.is_full():
            self._video.clear()
            self._needs_key = True
        form = self.ingest.form
        if form is None or (self._needs_key and not unit.key):
            return
        self._needs_key = False
        self._video.put(annex_b(unit, form.sps, form.pps), ticks)

    def sound(self, chunk: SoundChunk, ticks: int) -> None:
        """The next sound of the camera."""
        if self._audio is not None:
            if self._audio.is_full():
                self._audio.clear()
            self._audio.put(chunk.data, ticks)

    async def tell_time(self) -> None:
        """Twice a second, while frames come: when the last came, how many, how loud."""
        seen = -1
        while True:
            await asyncio.sleep(_CLOCK_S)
            channel, ingest = self.channel, self.ingest
            if channel is not None and channel.readyState == "open" and ingest.frames != seen:
                seen = ingest.frames
                body = {"frame_us": ingest.last_frame_us, "n": seen, "sound": ingest.level()}
                channel.send(json.dumps(body))

    async def close(self) -> None:
        """Take the viewer off the camera and end the connection."""
        self.ingest.viewers.discard(self)
        if self.beat is not None:
            self.beat.cancel()
        self._video.stop()
        if self._audio is not None:
            self._audio.stop()
        await self.peer.close()


class LiveViews:
    """All views of this recorder."""

    def __init__(self, addresses: Sequence[str], clock: Clock, send: Callable[[Message], None]) -> None:
        bind_only(addresses)
        self._clock, self._send = clock, send
        self._views: dict[str, View] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def offer(self, message: Message, ingest: CameraIngest | None) -> None:
        """Answer an offer with `reply`; a camera without pictures or an offer without H.264 is refused."""
        reply = {"t": "reply", "rid": message["rid"], "ok": False}
        if ingest is None or ingest.form is None:
            self._send({**reply, "error": "camera_unknown" if ingest is None else "no_picture"})
            return
        try:
            sdp = await self._answer(str(message["view"]), str(message["sdp"]), ingest)
        except Exception as error:  # the offer is foreign text: whatever it breaks is this view's loss alone
            _log.warning("live_offer_refused", view=message["view"], error=type(error).__name__)
            await self.end(str(message["view"]))
            self._send({**reply, "error": "bad_offer"})
            return
        self._send({**reply, "ok": True, "sdp": sdp})

    async def _answer(self, name: str, sdp: str, ingest: CameraIngest) -> str:
        await self.end(name)
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        view = self._views[name] = View(name, ingest, peer)
        view.add_tracks(sdp)
        self._listen(view)
        await peer.setRemoteDescription(RTCSessionDescription(without_candidates(sdp), "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        view.beat = asyncio.create_task(view.tell_time())
        asyncio.get_running_loop().call_later(_CONNECT_S, self._give_up, view)
        return str(peer.localDescription.sdp)

    def _listen(self, view: View) -> None:
        def channel_opened(channel: Any) -> None:
            if channel.label == "clock":
                view.channel = channel

        def state_changed() -> None:
            state = view.peer.connectionState
            if state == "connected":
                view.begin()
            elif state in {"failed", "closed"} and self._views.get(view.id) is view:
                self._end_soon(view.id)

        view.peer.on("datachannel", channel_opened)
        view.peer.on("connectionstatechange", state_changed)

    def _give_up(self, view: View) -> None:
        if self._views.get(view.id) is view and view.peer.connectionState != "connected":
            self._end_soon(view.id)

    def _end_soon(self, name: str) -> None:
        task = asyncio.get_running_loop().create_task(self.end(name))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def end(self, name: str) -> None:
        """End a view and say so; nothing when there is none of that name."""
        view = self._views.pop(name, None)
        if view is not None:
            with contextlib.suppress(ConnectionError):
                await view.close()
            self._send({"t": "view_ended", "view": name})

    async def close(self) -> None:
        """End every view."""
        for name in list(self._views):
            await self.end(name)
        await asyncio.gather(*self._ending, return_exceptions=True)
