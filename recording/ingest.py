"""One camera's connection: connects, reads its sockets when the sweep says so, and hands media on.

The sweep is driven by a timer, not by readiness: the kernel buffers meanwhile, so 14 cameras cost a few reads a
second each. Whatever one camera sends, however broken, ends at worst that camera's connection.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import structlog

from contract.clock import Clock, to_us
from recording.fmp4 import MediaForm
from recording.h264 import AccessUnit, Depacketiser, SpsError, parse_sps
from recording.rtp import parse_packet, parse_sender_report
from recording.rtsp import Channel, Connection, RtspError, connect
from recording.sdp import AudioTrack, SdpError
from recording.segmenter import Segmenter
from recording.settings import RecorderSettings
from recording.sound import SoundChunk, depacketise, loudness
from recording.timeline import Timeline

_log = structlog.get_logger()
_CACHE_BYTES = 8 << 20
_BACKOFF_S = (0.5, 1, 2, 4, 5)
_DATAGRAMS = 2000
_LEVELS = 25
Media = tuple[AccessUnit | SoundChunk, int]
"""A picture or sound with its unwrapped ticks."""


class Viewer(Protocol):
    """Someone who watches a camera live."""

    def picture(self, unit: AccessUnit, ticks: int) -> None:
        """The next picture."""
        ...

    def sound(self, chunk: SoundChunk, ticks: int) -> None:
        """The next sound."""
        ...


class CameraIngest:
    """One camera from its endpoint to segmenter and viewers."""

    def __init__(
        self, spec: dict[str, Any], segmenter: Segmenter, clock: Clock, settings: RecorderSettings
    ) -> None:
        self.camera, self.spec, self.segmenter = str(spec["id"]), spec, segmenter
        self._clock, self._settings = clock, settings
        self.viewers: set[Viewer] = set()
        self.cache: list[Media] = []
        """The current group of pictures with its sound, for viewers."""
        self._before: list[Media] = []
        self.form: MediaForm | None = None
        self.audio: AudioTrack | None = None
        self.last_frame_us = 0
        self.frames = 0
        self.reason = "connecting"
        self._cache_bytes = 0
        self._connection: Connection | None = None
        self._timeline: Timeline | None = None
        self._depacketiser = Depacketiser(b"", b"")
        self._recent: deque[int] = deque(maxlen=64)
        self._now_us = 0
        self._heard_us = 0
        self._asked_us = 0
        self._levels: deque[int] = deque(maxlen=_LEVELS)
        self._sound_us = 0
        self._lost_event = asyncio.Event()
        self._playing = False
        self._early: list[tuple[Channel, bytes]] = []

    @property
    def watched(self) -> bool:
        """Whether someone looks at this camera now."""
        return bool(self.viewers)

    async def run(self) -> None:
        """Keep the camera connected until cancelled."""
        failures = 0
        try:
            while True:
                failures = 0 if await self._attempt() else failures + 1
                await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
        finally:
            self._drop("not_connected")

    async def _attempt(self) -> bool:
        """One connection from beginning to end; False when it never played."""
        self._lost_event.clear()
        self._early.clear()
        transport = str(self.spec.get("transport", "tcp"))
        try:
            connection = await connect(str(self.spec["endpoint"]), transport, self._frame)
        except (OSError, TimeoutError, RtspError, SdpError) as error:
            self.reason = error.reason if isinstance(error, RtspError) else type(error).__name__.lower()
            return False
        self._play(connection)
        await self._lost_event.wait()
        return True

    def _play(self, connection: Connection) -> None:
        if connection.session is None:
            raise RuntimeError("played without a description")
        session = connection.session
        self.audio = session.audio
        self._timeline = Timeline(session.video.clock, session.audio.clock if session.audio else None)
        self._depacketiser = Depacketiser(session.video.sps, session.video.pps)
        self.form, self.cache, self._before, self._cache_bytes = None, [], [], 0
        self._now_us = self._heard_us = self._asked_us = to_us(self._clock.now())
        self.segmenter.attach(self._timeline)
        self._connection, self._playing, self.reason = connection, True, ""
        early, self._early = self._early, []
        for channel, data in early:
            self._frame(channel, memoryview(data))

    def sweep(self, buffer: bytearray) -> None:
        """Read what the kernel holds. Never raises: a broken camera is dropped and reconnected."""
        connection = self._connection
        if connection is None:
            return
        self._now_us = to_us(self._clock.now())
        try:
            self._read_stream(connection, buffer)
            for sock, channel in connection.datagrams:
                self._read_datagrams(sock, channel, buffer)
        except (OSError, RtspError) as error:
            self._drop("not_connected", getattr(error, "reason", type(error).__name__.lower()))
        except Exception:
            _log.exception("camera_input_failed", camera=self.camera)
            self._drop("not_connected", "bad_input")

    def _read_stream(self, connection: Connection, buffer: bytearray) -> None:
        with contextlib.suppress(BlockingIOError):
            size = connection.sock.recv_into(buffer)
            if size == 0:
                raise RtspError("closed")
            self._heard_us = self._now_us if not connection.datagrams else self._heard_us
            connection.demultiplexer.feed(bytes(memoryview(buffer)[:size]))

    def _read_datagrams(self, sock: Any, channel: Channel, buffer: bytearray) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(_DATAGRAMS):
                size = sock.recv_into(buffer)
                self._heard_us = self._now_us
                self._frame(channel, memoryview(bytes(memoryview(buffer)[:size])))

    def tick(self, now_us: int) -> None:
        """Keep the session alive, give up a dead one, let the segmenter look at the time."""
        connection = self._connection
        if connection is not None:
            if now_us - self._asked_us > connection.timeout_s * 400_000:
                self._asked_us = now_us
                connection.send_quietly(connection.keepalive_method)
            if now_us - self._heard_us > self._settings.reconnect_s * 1e6:
                self._drop("no_packets", "silent")
        self.segmenter.tick(now_us)

    def record(self, cause: str) -> None:
        """Begin the duty to record, with the two groups of pictures already here.

        Two, because the order may come just after a keyframe for a moment just before it.
        """
        if self.segmenter.recording:
            return
        self.segmenter.record(to_us(self._clock.now()), cause)
        for media, ticks in self._before + self.cache:
            self._to_segmenter(media, ticks)

    def health(self, now_us: int) -> dict[str, Any]:
        """`{state, fps, last_frame_us, recording, sound, reason}`; state as in `device_changed`."""
        recent = [t for t in self._recent if now_us - t < 2_000_000]
        flowing = now_us - self.last_frame_us <= self._settings.silence_us + 1_000_000
        state = "online" if flowing else "degraded" if self._playing else "offline"
        reason = self.reason or ("" if flowing else "no_packets")
        return {
            "state": state, "fps": len(recent) // 2, "last_frame_us": self.last_frame_us,
            "recording": self.segmenter.recording, "sound": self.level(), "reason": reason,
        }  # fmt: skip

    def level(self) -> int | None:
        """Loudness of the last half second, 0..100; None without sound or when it cannot be told (AAC)."""
        if not self._levels or self._now_us - self._sound_us > self._settings.silence_us:
            return None
        return max(self._levels)

    def _drop(self, cause: str, reason: str = "stopped") -> None:
        connection, self._connection, self._playing = self._connection, None, False
        if connection is None:
            return
        self.segmenter.detach(cause)
        connection.close()
        self.reason, self._timeline, self.cache, self._before = reason, None, [], []
        self._lost_event.set()

    def _frame(self, channel: Channel, data: memoryview) -> None:
        timeline = self._timeline if self._playing else None
        if timeline is None:
            if len(self._early) < _DATAGRAMS:
                self._early.append((channel, bytes(data)))
            return
        if channel.control:
            track = timeline.video if channel.kind == "video" else timeline.audio
            if track is not None and (report := parse_sender_report(data)) is not None:
                timeline.report(track, report, self._now_us)
        elif channel.kind == "video":
            self._video(data, timeline)
        else:
            self._audio(data, timeline)

    def _video(self, data: memoryview, timeline: Timeline) -> None:
        packet = parse_packet(data)
        session = self._connection.session if self._connection else None
        if packet is None or session is None or packet.payload_type != session.video.payload_type:
            return
        units = self._depacketiser.feed(packet)
        if lost := self._depacketiser.take_lost():
            self.segmenter.lost(lost)
        for unit in units:
            self._picture(unit, timeline)

    def _picture(self, unit: AccessUnit, timeline: Timeline) -> None:
        ticks = timeline.arrived(timeline.video, unit.timestamp, self._now_us)
        if unit.key:
            self._take_form()
            self._before, self.cache, self._cache_bytes = self.cache, [], 0
        self.last_frame_us = self._now_us
        self._recent.append(self._now_us)
        self.frames += 1
        self._remember(unit, ticks, len(unit.data))
        self._to_viewers(lambda v: v.picture(unit, ticks))
        if timeline.try_fix(self._now_us):
            self._to_segmenter(unit, ticks)

    def _take_form(self) -> None:
        sps, pps = self._depacketiser.sps, self._depacketiser.pps
        if self.form is not None and (self.form.sps, self.form.pps) == (sps, pps):
            return
        try:
            self.form = MediaForm(sps, pps, parse_sps(sps), self.audio) if pps else None
        except SpsError:
            self.form, self.segmenter.cause = None, "undecodable"

    def _audio(self, data: memoryview, timeline: Timeline) -> None:
        packet, track = parse_packet(data), self.audio
        if (
            packet is None
            or track is None
            or timeline.audio is None
            or packet.payload_type != track.payload_type
        ):
            return
        chunk = depacketise(packet, track)
        if chunk is None:
            return
        ticks = timeline.arrived(timeline.audio, chunk.timestamp, self._now_us)
        self._sound_us = self._now_us
        if (level := loudness(chunk, track.codec)) is not None:
            self._levels.append(level)
        self._remember(chunk, ticks, len(chunk.data))
        self._to_viewers(lambda v: v.sound(chunk, ticks))
        if timeline.fixed:
            self._to_segmenter(chunk, ticks)

    def _remember(self, media: AccessUnit | SoundChunk, ticks: int, size: int) -> None:
        self._cache_bytes += size
        if self._cache_bytes > _CACHE_BYTES:
            self.cache, self._before, self._cache_bytes = [], [], 0
        self.cache.append((media, ticks))

    def _to_segmenter(self, media: AccessUnit | SoundChunk, ticks: int) -> None:
        if isinstance(media, AccessUnit):
            self.segmenter.picture(media, ticks, self.form, self._now_us)
        else:
            self.segmenter.sound(media, ticks, self._now_us)

    def _to_viewers(self, give: Callable[[Viewer], None]) -> None:
        for viewer in list(self.viewers):
            give(viewer)
