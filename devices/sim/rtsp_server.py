"""RTSP 1.0 server side of the camera simulator: requests, transports, sessions (RFC 2326, RFC 3550).

One TCP port serves every camera by path; media goes interleaved on the same connection or over UDP. What the
cameras play and which faults they have is in `devices.sim.camera`.
"""

import asyncio
import contextlib
import re
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

WireLog = Callable[[str, str, bytes], None]
"""`(wire, "rx" | "tx", bytes)`; RTSP text only, media is not logged."""

_MAX_BACKLOG = 4 << 20
_SESSION_TIMEOUT = 60


@dataclass(slots=True)
class TrackOut:
    """One medium of one player: where its packets go and the sequence number they carry next."""

    channel: int = 0
    address: tuple[str, int] | None = None
    sequence: int = field(default_factory=lambda: secrets.randbits(16))


class Source(Protocol):
    """A camera as the server sees it."""

    id: str

    def sdp(self) -> str:
        """Session description of the clip."""
        ...

    def refuses(self) -> bool:
        """True while the camera is down."""
        ...

    def is_silent(self) -> bool:
        """True while the camera holds its connections open and says nothing."""
        ...

    def join(self, player: "Player") -> str:
        """Start playing to `player`; answers the RTP-Info header."""
        ...

    def leave(self, player: "Player") -> None:
        """Stop playing to `player`."""
        ...


class Player:
    """One RTSP connection: a client that may play one camera."""

    def __init__(self, server: "RtspServer", writer: asyncio.StreamWriter) -> None:
        self.tracks: dict[int, TrackOut] = {}
        self.source: Source | None = None
        self.session = f"{secrets.randbits(32):08X}"
        self._server, self._writer = server, writer

    def send_interleaved(self, data: bytes) -> None:
        """Queue framed media bytes; a client that does not read is cut off."""
        transport = self._writer.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() > _MAX_BACKLOG:
            transport.abort()
            return
        self._writer.write(data)

    def send_udp(self, packet: bytes, address: tuple[str, int], control: bool) -> None:
        """Send one datagram from the server's RTP or RTCP port."""
        self._server.send_udp(packet, address, control)

    def reply(self, text: str) -> None:
        """Send RTSP text."""
        if not self._writer.transport.is_closing():
            self._server.log("tx", text.encode())
            self._writer.write(text.encode())

    def close(self) -> None:
        """Cut the connection."""
        self._writer.transport.abort()


class RtspServer:
    """Listens on one TCP port (and a pair of UDP ports) and hands players to sources by path."""

    def __init__(self, sources: dict[str, Source], host: str, port: int, wire_log: WireLog | None) -> None:
        self._sources, self._host, self.port, self._wire_log = sources, host, port, wire_log
        self._server: asyncio.Server | None = None
        self._udp: list[socket.socket] = []
        self.players: set[Player] = set()
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Bind; `port` 0 takes a free one and `port` then says which."""
        self._server = await asyncio.start_server(self._serve, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self._udp = _udp_pair(self._host)

    async def stop(self) -> None:
        """Cut every player and stop listening."""
        if self._server is not None:
            self._server.close()
            for player in list(self.players):
                player.close()
            await self._server.wait_closed()
            await asyncio.gather(*self._serving, return_exceptions=True)
        for sock in self._udp:
            sock.close()
        self._udp = []

    def log(self, direction: str, data: bytes) -> None:
        """Pass RTSP text to the simulator's log of the wire."""
        if self._wire_log is not None:
            self._wire_log("rtsp", direction, data)

    def send_udp(self, packet: bytes, address: tuple[str, int], control: bool) -> None:
        """Send one datagram; a full buffer loses it, as on a real network."""
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            self._udp[1 if control else 0].sendto(packet, address)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        player = Player(self, writer)
        self.players.add(player)
        if (task := asyncio.current_task()) is not None:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        try:
            while (request := await _read_request(reader)) is not None:
                self.log("rx", request)
                self._answer(player, request.decode("utf-8", "replace"))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client went away: the player is removed below
        finally:
            if player.source is not None:
                player.source.leave(player)
            self.players.discard(player)
            writer.transport.abort()

    def _answer(self, player: Player, request: str) -> None:
        first, _, rest = request.partition("\r\n")
        method, _, target = first.partition(" ")
        url = target.split(" ", maxsplit=1)[0]
        headers = {k.strip().lower(): v.strip() for k, _, v in (x.partition(":") for x in rest.split("\r\n"))}
        source = self._find(url)
        if source is not None and source.is_silent():
            return
        if method != "OPTIONS" and (source is None or source.refuses()):
            player.reply(_response("404 Not Found", headers, []))
            return
        player.reply(self._perform(player, source, method, url, headers))
        if method == "PLAY" and source is not None:
            player.source = source
        if method == "TEARDOWN" and player.source is not None:
            player.source.leave(player)

    def _perform(
        self, player: Player, source: Source | None, method: str, url: str, headers: dict[str, str]
    ) -> str:
        session = f"Session: {player.session};timeout={_SESSION_TIMEOUT}"
        if method == "DESCRIBE" and source is not None:
            body = source.sdp()
            extra = [f"Content-Base: {url}/", "Content-Type: application/sdp", f"Content-Length: {len(body)}"]
            return _response("200 OK", headers, extra) + body
        if method == "SETUP":
            answer = self._transport(player, url, headers.get("transport", ""))
            if answer is None:
                return _response("461 Unsupported Transport", headers, [])
            return _response("200 OK", headers, [session, f"Transport: {answer}"])
        if method == "PLAY" and source is not None:
            return _response("200 OK", headers, [session, f"RTP-Info: {source.join(player)}"])
        if method in {"OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "TEARDOWN"}:
            public = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER, SET_PARAMETER"
            return _response("200 OK", headers, [public, session])
        return _response("501 Not Implemented", headers, [])

    def _transport(self, player: Player, url: str, asked: str) -> str | None:
        track = int(found[1]) if (found := re.search(r"trackID=(\d+)", url)) else 0
        if found := re.search(r"interleaved=(\d+)-(\d+)", asked):
            player.tracks[track] = TrackOut(channel=int(found[1]))
            return f"RTP/AVP/TCP;unicast;interleaved={found[1]}-{found[2]}"
        if found := re.search(r"client_port=(\d+)-(\d+)", asked):
            out = TrackOut(address=(player._writer.get_extra_info("peername")[0], int(found[1])))  # noqa: SLF001
            player.tracks[track] = out
            ports = "-".join(str(s.getsockname()[1]) for s in self._udp)
            return f"RTP/AVP;unicast;client_port={found[1]}-{found[2]};server_port={ports}"
        return None

    def _find(self, url: str) -> Source | None:
        path = re.sub(r"/trackID=\d+$", "", urlsplit(url).path).rstrip("/")
        return self._sources.get(path)


def _response(status: str, headers: dict[str, str], extra: list[str]) -> str:
    lines = [f"RTSP/1.0 {status}", f"CSeq: {headers.get('cseq', '0')}", *extra]
    return "\r\n".join(lines) + "\r\n\r\n"


async def _read_request(reader: asyncio.StreamReader) -> bytes | None:
    """The next request with its body; interleaved data from the client (receiver reports) is skipped."""
    while True:
        first = await reader.read(1)
        if not first:
            return None
        if first != b"$":
            break
        head = await reader.readexactly(3)
        await reader.readexactly(int.from_bytes(head[1:3], "big"))
    text = first + await reader.readuntil(b"\r\n\r\n")
    found = re.search(rb"(?i)content-length:\s*(\d+)", text)
    return text + (await reader.readexactly(int(found[1])) if found else b"")


def _udp_pair(host: str) -> list[socket.socket]:
    """An even port and the next one, both bound."""
    for _ in range(50):
        first = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        second = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        first.bind((host, 0))
        port = first.getsockname()[1]
        with contextlib.suppress(OSError):
            if port % 2 == 0:
                second.bind((host, port + 1))
                first.setblocking(False)
                second.setblocking(False)
                return [first, second]
        first.close()
        second.close()
    raise OSError("no free pair of UDP ports")
