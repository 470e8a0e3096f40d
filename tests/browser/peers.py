"""The other end of a wall tile: real WebRTC peers that send a moving sample picture and the `clock` channel."""

import asyncio
import fractions
import json
from typing import Any

import av
import numpy as np
from aiortc import RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack

from contract.clock import SystemClock

RATE = 5
SIZE = (180, 320, 3)


class SamplePicture(MediaStreamTrack):
    """A bar that moves across a grey ground, five times a second; it stands while `peers.moving` is not set."""

    kind = "video"

    def __init__(self, peers: "Peers") -> None:
        super().__init__()
        self._peers = peers
        self._count = 0

    async def recv(self) -> Any:
        await asyncio.sleep(1 / RATE)
        await self._peers.moving.wait()
        self._count += 1
        pixels = np.full(SIZE, 70, dtype=np.uint8)
        left = (self._count * 16) % (SIZE[1] - 24)
        pixels[40:140, left : left + 24] = (90, 160, 230)
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = self._count * 90_000 // RATE, fractions.Fraction(1, 90_000)
        return frame


class Peers:
    """All open views; clearing `moving` stops every picture and its count, as a frozen camera does."""

    def __init__(self) -> None:
        self.moving = asyncio.Event()
        self.moving.set()
        self._open: set[RTCPeerConnection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._frames = 0

    async def answer(self, sdp: str) -> str:
        peer = RTCPeerConnection()
        self._open.add(peer)
        peer.on("datachannel", self._speak)
        peer.addTrack(SamplePicture(self))
        await peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await peer.setLocalDescription(await peer.createAnswer())
        return peer.localDescription.sdp

    def _speak(self, channel: RTCDataChannel) -> None:
        task = asyncio.get_running_loop().create_task(self._tell(channel))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tell(self, channel: RTCDataChannel) -> None:
        clock = SystemClock()
        at = 0
        while channel.readyState == "open":
            if self.moving.is_set():
                self._frames += 1
                at = int(clock.now().timestamp() * 1_000_000)
            channel.send(json.dumps({"frame_us": at, "n": self._frames, "sound": (self._frames * 17) % 90}))
            await asyncio.sleep(0.5)

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*(peer.close() for peer in self._open))
        self._open.clear()
