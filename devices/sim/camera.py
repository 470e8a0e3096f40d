"""Simulated cameras: each loops a clip over RTSP with timestamps that only rise, and can be made to fail.

`CameraServer(cameras, clips_dir, host, port, wire_log)`; `cameras` are mappings with `id`, `path` (of the RTSP
URL) and `clip` (`pcma` or `aac`; a clip named after the camera's id is preferred). `fault(camera, **knobs)`:

| knob | meaning while set |
| --- | --- |
| `freeze` | no media at all; RTSP still answers |
| `drop` | share of video packets lost (True = 0.05) |
| `mute` | no sound |
| `silent` | connections stay open, nothing is said on them |
| `down` | connections are cut and requests answered 404 |
| `kill` | cuts the connections once |

`sent(camera)` ties frame numbers to send times. The number in the pixels is `n % loop_frames`.
"""

import asyncio
import base64
import random
import struct
import time
import zlib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from devices.sim.clip import FPS
from devices.sim.rtsp_server import Player, RtspServer, Source, WireLog

VIDEO_PT, VIDEO_CLOCK = 96, 90_000
_TICKS = VIDEO_CLOCK // FPS
_MTU = 1400
_SR_FRAMES = FPS * 5
_REMEMBERED = FPS * 30
_NTP_1970 = 2_208_988_800
_DROP_DEFAULT = 0.05
_KNOBS = {"freeze", "drop", "mute", "silent", "down"}


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip cut into RTP payloads: `video[n]` are those of frame n, `audio[k]` is one packet of `audio_step`."""

    video: tuple[tuple[bytes, ...], ...]
    audio: tuple[bytes, ...]
    audio_rate: int
    audio_step: int
    sdp_video: str
    sdp_audio: str


def load_clip(path: Path) -> Clip:
    """Read and packetise a clip made by `devices.sim.clip`."""
    with av.open(str(path)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        packets = [p for p in container.demux() if p.size]
        pictures = [bytes(p) for p in packets if p.stream is video]
        sounds = [(p.pts, bytes(p)) for p in packets if p.stream is audio]
        sps, pps = _parameter_sets(bytes(video.codec_context.extradata or b""))
        name, rate = audio.codec_context.name, audio.rate
        config = bytes(audio.codec_context.extradata or b"")
    frames = tuple(tuple(_payloads(_nals(p), sps, pps)) for p in pictures)
    fmtp = (
        f"packetization-mode=1;profile-level-id={sps[1:4].hex()};sprop-parameter-sets={_b64(sps)},{_b64(pps)}"
    )
    lines = [f"m=video 0 RTP/AVP {VIDEO_PT}", f"a=rtpmap:{VIDEO_PT} H264/90000", f"a=fmtp:{VIDEO_PT} {fmtp}"]
    sdp_video = "\r\n".join([*lines, "a=control:trackID=0"])
    if name == "aac":
        units = tuple(_aac_payload(data) for pts, data in sounds if pts is not None and pts >= 0)
        return Clip(frames, units, rate, 1024, sdp_video, _aac_sdp(rate, config))
    samples = b"".join(data for _, data in sounds)
    parts = tuple(samples[i : i + 160] for i in range(0, len(samples), 160))
    return Clip(frames, parts, rate, 160, sdp_video, "m=audio 0 RTP/AVP 8\r\na=control:trackID=1")


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _aac_sdp(rate: int, config: bytes) -> str:
    fmtp = "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3"
    fmtp += f";config={config[:2].hex()}"
    lines = ["m=audio 0 RTP/AVP 97", f"a=rtpmap:97 mpeg4-generic/{rate}/1", f"a=fmtp:97 {fmtp}"]
    return "\r\n".join([*lines, "a=control:trackID=1"])


def _aac_payload(unit: bytes) -> bytes:
    """RFC 3640 AAC-hbr: one access unit, 16 bits of headers."""
    return struct.pack(">HH", 16, len(unit) << 3) + unit


def _parameter_sets(avcc: bytes) -> tuple[bytes, bytes]:
    """First SPS and PPS of an avcC record."""
    size = int.from_bytes(avcc[6:8], "big")
    at = 8 + size
    return avcc[8:at], avcc[at + 3 : at + 3 + int.from_bytes(avcc[at + 1 : at + 3], "big")]


def _nals(sample: bytes) -> list[bytes]:
    """NAL units of a length-prefixed sample."""
    found, at = [], 0
    while at + 4 <= len(sample):
        size = int.from_bytes(sample[at : at + 4], "big")
        found.append(sample[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def _payloads(nals: list[bytes], sps: bytes, pps: bytes) -> Iterable[bytes]:
    """RFC 6184: STAP-A with the parameter sets before an IDR, single NAL units, FU-A for the long ones."""
    nals = [n for n in nals if n[0] & 31 not in {7, 8, 9}]
    if any(n[0] & 31 == 5 for n in nals):
        yield b"\x78" + b"".join(len(n).to_bytes(2, "big") + n for n in (sps, pps))
    for nal in nals:
        if len(nal) <= _MTU:
            yield nal
            continue
        head, kind, body = nal[0] & 0xE0 | 28, nal[0] & 31, nal[1:]
        for at in range(0, len(body), _MTU - 2):
            mark = (0x80 if at == 0 else 0) | (0x40 if at + _MTU - 2 >= len(body) else 0)
            yield bytes((head, mark | kind)) + body[at : at + _MTU - 2]


class SimCamera:
    """One camera: plays its clip to every player that joined."""

    def __init__(self, camera_id: str, clip: Clip, order: int, url: str) -> None:
        self.id, self._clip, self._url = camera_id, clip, url
        self.knobs: dict[str, Any] = {}
        self._players: set[Player] = set()
        self._ssrc = zlib.crc32(camera_id.encode()) & 0xFFFFFFFE
        self._base = (self._ssrc * 7 & 0x7FFFFFFF, self._ssrc * 13 & 0x7FFFFFFF)
        self._dice = random.Random(self._ssrc)  # noqa: S311 - which packets get lost, repeatably
        self._n, self._k = order * 4, 0
        self._k = self._audio_due()
        self._sent: deque[tuple[int, int, int]] = deque(maxlen=_REMEMBERED)
        self._origin_mono, self._origin_wall = 0, 0
        self._fresh: set[Player] = set()

    def sdp(self) -> str:
        """Session description of the clip."""
        head = (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns={self.id}\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n"
        )
        return head + self._clip.sdp_video + "\r\n" + self._clip.sdp_audio + "\r\n"

    def refuses(self) -> bool:
        """True while the camera is down."""
        return bool(self.knobs.get("down"))

    def is_silent(self) -> bool:
        """True while the camera says nothing."""
        return bool(self.knobs.get("silent"))

    def join(self, player: Player) -> str:
        """Start playing to `player` with the next frame, sender reports first."""
        self._players.add(player)
        self._fresh.add(player)
        parts = []
        for track, out in sorted(player.tracks.items()):
            stamp = (self._video_ts() if track == 0 else self._audio_ts()) & 0xFFFFFFFF
            parts.append(f"url={self._url}/trackID={track};seq={out.sequence};rtptime={stamp}")
        return ",".join(parts)

    def leave(self, player: Player) -> None:
        """Stop playing to `player`."""
        self._players.discard(player)
        self._fresh.discard(player)

    def cut(self) -> None:
        """Cut every connection that plays this camera."""
        for player in list(self._players):
            player.close()

    async def play(self, mono0_ns: int, wall0_ns: int) -> None:
        """Send frame after frame at its time, for ever."""
        first = self._n
        self._origin_mono = mono0_ns - first * 1_000_000_000 // FPS
        self._origin_wall = wall0_ns - first * 1_000_000_000 // FPS
        while True:
            due = self._origin_mono + self._n * 1_000_000_000 // FPS
            await asyncio.sleep(max(0, due - time.monotonic_ns()) / 1e9)
            self._tick()
            self._n += 1

    def sent(self) -> dict[str, Any]:
        """`{camera, fps, loop_frames, frames: [{n, counter, mono_us, wall_us}]}`, oldest first, last 30 s."""
        loop = len(self._clip.video)
        frames = [{"n": n, "counter": n % loop, "mono_us": m, "wall_us": w} for n, m, w in list(self._sent)]
        return {"camera": self.id, "fps": FPS, "loop_frames": loop, "frames": frames}

    def _audio_due(self) -> int:
        """Number of audio packets that are complete when frame `_n` is taken."""
        return self._n * self._clip.audio_rate // (FPS * self._clip.audio_step)

    def _video_ts(self) -> int:
        return self._base[0] + self._n * _TICKS

    def _audio_ts(self) -> int:
        return self._base[1] + self._k * self._clip.audio_step

    def _tick(self) -> None:
        sounds = range(self._k, self._audio_due())
        if not (self.knobs.get("freeze") or self.is_silent() or self.refuses()):
            for player in list(self._players):
                self._send(player, sounds)
            self._sent.append((self._n, time.monotonic_ns() // 1000, time.time_ns() // 1000))
        self._k = sounds.stop

    def _send(self, player: Player, sounds: range) -> None:
        packets: list[tuple[TrackKey, bytes]] = []
        if player in self._fresh or self._n % _SR_FRAMES == 0:
            self._fresh.discard(player)
            packets += [((track, True), self._report(track)) for track in player.tracks]
        if 1 in player.tracks and not self.knobs.get("mute"):
            packets += [((1, False), self._sound(player, k)) for k in sounds]
        if 0 in player.tracks:
            packets += [((0, False), p) for p in self._picture(player)]
        _deliver(player, packets)

    def _report(self, track: int) -> bytes:
        """RTCP sender report (RFC 3550 §6.4.1): the wall time of the moment frame `_n` is taken."""
        wall_ns = self._origin_wall + self._n * 1_000_000_000 // FPS
        seconds, rest = divmod(wall_ns, 1_000_000_000)
        rate = VIDEO_CLOCK if track == 0 else self._clip.audio_rate
        stamp = self._base[track] + self._n * rate // FPS & 0xFFFFFFFF
        ntp = (seconds + _NTP_1970, (rest << 32) // 1_000_000_000)
        return struct.pack(">BBHIIIIII", 0x80, 200, 6, self._ssrc + track, *ntp, stamp, 0, 0)

    def _sound(self, player: Player, k: int) -> bytes:
        clip, out = self._clip, player.tracks[1]
        kind = 8 if clip.audio_step == 160 else 97
        stamp = self._base[1] + k * clip.audio_step & 0xFFFFFFFF
        head = struct.pack(">BBHII", 0x80, 0x80 | kind, out.sequence, stamp, self._ssrc + 1)
        out.sequence = out.sequence + 1 & 0xFFFF
        return head + clip.audio[k % len(clip.audio)]

    def _picture(self, player: Player) -> Iterable[bytes]:
        out = player.tracks[0]
        payloads = self._clip.video[self._n % len(self._clip.video)]
        share = self.knobs.get("drop", 0)
        share = _DROP_DEFAULT if share is True else float(share)
        for index, payload in enumerate(payloads):
            mark = 0x80 if index == len(payloads) - 1 else 0
            stamp = self._video_ts() & 0xFFFFFFFF
            head = struct.pack(">BBHII", 0x80, mark | VIDEO_PT, out.sequence, stamp, self._ssrc)
            out.sequence = out.sequence + 1 & 0xFFFF
            if not (share and self._dice.random() < share):
                yield head + payload


TrackKey = tuple[int, bool]
"""(track, is RTCP)."""


def _deliver(player: Player, packets: list[tuple[TrackKey, bytes]]) -> None:
    framed = bytearray()
    for (track, control), packet in packets:
        out = player.tracks[track]
        if out.address is None:
            framed += struct.pack(">BBH", 0x24, out.channel + control, len(packet)) + packet
        else:
            player.send_udp(packet, (out.address[0], out.address[1] + control), control)
    if framed:
        player.send_interleaved(bytes(framed))


class CameraServer:
    """All simulated cameras of a venue behind one RTSP port."""

    def __init__(
        self,
        cameras: Iterable[Mapping[str, str]],
        clips_dir: Path,
        host: str = "127.0.0.1",
        port: int = 8554,
        wire_log: WireLog | None = None,
    ) -> None:
        self._specs, self._clips = [dict(c) for c in cameras], clips_dir
        self._cameras: dict[str, SimCamera] = {}
        self._sources: dict[str, Source] = {}
        self._server = RtspServer(self._sources, host, port, wire_log)
        self._host, self._tasks = host, list[asyncio.Task[None]]()

    @property
    def port(self) -> int:
        """The RTSP port in use."""
        return self._server.port

    async def start(self) -> None:
        """Load the clips (FileNotFoundError names what is missing), listen and play."""
        paths = [self._clip_path(spec) for spec in self._specs]
        loaded = {path: load_clip(path) for path in set(paths)}
        await self._server.start()
        mono0, wall0 = time.monotonic_ns(), time.time_ns()
        for order, (spec, path) in enumerate(zip(self._specs, paths, strict=True)):
            url = f"rtsp://{self._host}:{self.port}{spec['path']}"
            camera = SimCamera(spec["id"], loaded[path], order, url)
            self._cameras[spec["id"]] = self._sources[spec["path"].rstrip("/")] = camera
            phase = order * 1_000_000_000 // FPS // max(1, len(self._specs))
            self._tasks.append(asyncio.create_task(camera.play(mono0 + phase, wall0 + phase)))

    async def stop(self) -> None:
        """Stop playing and listening."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._server.stop()

    def fault(self, camera: str, **knobs: Any) -> dict[str, Any]:
        """Set or clear fault knobs; answers those now set. KeyError: no such camera; ValueError: no such knob."""
        target = self._cameras[camera]
        if unknown := set(knobs) - _KNOBS - {"kill"}:
            raise ValueError(f"unknown fault {sorted(unknown)}; known: {sorted(_KNOBS | {'kill'})}")
        if knobs.pop("kill", False) or knobs.get("down"):
            target.cut()
        target.knobs.update(knobs)
        target.knobs = {k: v for k, v in target.knobs.items() if v}
        return dict(target.knobs)

    def sent(self, camera: str) -> dict[str, Any]:
        """Frame numbers and send times of a camera; KeyError when there is none of that id."""
        return self._cameras[camera].sent()

    def _clip_path(self, spec: Mapping[str, str]) -> Path:
        names = [f"{name}.{kind}" for name in (spec["id"], spec["clip"]) for kind in ("mov", "mp4")]
        for name in names:
            if (self._clips / name).exists():
                return self._clips / name
        raise FileNotFoundError(f"{self._clips}: none of {names}; run python -m devices.sim.clip")
