"""RTSP client (RFC 2326) with Basic and Digest sign-in, interleaved or UDP media.

`connect` does the whole handshake and answers a `Connection` whose sockets are not registered with the event loop:
`recording.ingest` reads them on a timer. Media that arrives before the PLAY reply is handed on like any other.
"""

import asyncio
import base64
import contextlib
import hashlib
import re
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

from recording.rtp import Demultiplexer
from recording.sdp import Session, join_url, parse

_BUFFER = 1 << 20
FrameSink = Callable[["Channel", memoryview], None]


class RtspError(Exception):
    """The camera refused or does not speak RTSP; `reason` is a word for logs and health."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Channel:
    """What a frame belongs to."""

    kind: str
    """`video` or `audio`."""
    control: bool
    """True for RTCP."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One RTSP reply; header names in lower case, `challenges` are the WWW-Authenticate lines."""

    status: int
    headers: dict[str, str]
    challenges: tuple[str, ...]
    body: str


@dataclass(slots=True)
class Connection:
    """A playing (or opening) session."""

    url: str
    sock: socket.socket
    sink: FrameSink
    user: str
    password: str
    channels: dict[int, Channel] = field(default_factory=dict)
    datagrams: list[tuple[socket.socket, Channel]] = field(default_factory=list)
    session: Session | None = None
    session_id: str = ""
    timeout_s: int = 60
    keepalive_method: str = "GET_PARAMETER"
    _sequence: int = 0
    _challenge: str = ""
    _replies: list[Reply] = field(default_factory=list)
    demultiplexer: Demultiplexer = field(init=False)

    def __post_init__(self) -> None:
        self.demultiplexer = Demultiplexer(self._frame, self._text)

    def _frame(self, channel: int, data: memoryview) -> None:
        self.sink(self.channels[channel], data)

    def _text(self, text: str) -> None:
        if (reply := parse_reply(text)) is not None:
            self._replies.append(reply)
            if reply.status >= 400 and self.session_id:
                self.keepalive_method = "OPTIONS"  # never a reason to end a session that flows
            del self._replies[:-8]

    def compose(self, method: str, url: str, headers: dict[str, str] | None = None) -> bytes:
        """The bytes of a request with the next CSeq."""
        self._sequence += 1
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self._sequence}", "User-Agent: jianzheng"]
        if self._challenge:
            lines.append(
                "Authorization: " + authorise(self._challenge, method, url, self.user, self.password)
            )
        if self.session_id:
            lines.append(f"Session: {self.session_id}")
        lines += [f"{k}: {v}" for k, v in (headers or {}).items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def request(self, method: str, url: str, headers: dict[str, str] | None = None) -> Reply:
        """Send and await the reply; signs in once when asked to. Raises RtspError for anything but 2xx."""
        reply = await self._exchange(self.compose(method, url, headers))
        if (
            reply.status == 401
            and reply.challenges
            and not (self._challenge and "stale=true" not in str(reply))
        ):
            self._challenge = choose_challenge(reply.challenges)
            reply = await self._exchange(self.compose(method, url, headers))
        if reply.status // 100 != 2:
            raise RtspError(f"rtsp_{reply.status}")
        return reply

    async def _exchange(self, data: bytes) -> Reply:
        loop = asyncio.get_running_loop()
        self._replies.clear()
        await loop.sock_sendall(self.sock, data)
        while True:
            for reply in self._replies:
                if reply.headers.get("cseq", str(self._sequence)) == str(self._sequence):
                    return reply
            received = await loop.sock_recv(self.sock, 65_536)
            if not received:
                raise RtspError("closed")
            self.demultiplexer.feed(received)

    def send_quietly(self, method: str) -> None:
        """Send a request without waiting; a full send buffer postpones it to the next time."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            self.sock.send(self.compose(method, self.url))

    def close(self) -> None:
        """TEARDOWN and close every socket."""
        if self.session_id:
            self.send_quietly("TEARDOWN")
        self.sock.close()
        for sock, _ in self.datagrams:
            sock.close()


async def connect(endpoint: str, transport: str, sink: FrameSink, timeout_s: float = 5) -> Connection:
    """Open, describe, set up and play. Raises RtspError, SdpError, OSError or TimeoutError; leaves nothing open."""
    parts = urlsplit(endpoint)
    host, port = parts.hostname or "", parts.port or 554
    bare = urlunsplit(parts._replace(netloc=f"{host}:{port}"))
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    connection = Connection(bare, sock, sink, unquote(parts.username or ""), unquote(parts.password or ""))
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.get_running_loop().sock_connect(sock, (host, port))
            await _open(connection, transport)
    except BaseException:
        connection.close()
        raise
    return connection


async def _open(connection: Connection, transport: str) -> None:
    described = await connection.request("DESCRIBE", connection.url, {"Accept": "application/sdp"})
    base = (
        described.headers.get("content-base") or described.headers.get("content-location") or connection.url
    )
    session = parse(described.body, base.rstrip("/") if base.endswith("/") else base)
    connection.session = session
    await _set_up(connection, session.video.control, "video", transport)
    if session.audio is not None:
        await _set_up(connection, session.audio.control, "audio", transport)
    await connection.request("PLAY", join_url(base, "*"), {"Range": "npt=0.000-"})


async def _set_up(connection: Connection, url: str, kind: str, transport: str) -> None:
    if transport == "udp":
        pair = _udp_pair(connection.sock.getsockname()[0])
        connection.datagrams += [(pair[0], Channel(kind, False)), (pair[1], Channel(kind, True))]
        asked = f"RTP/AVP;unicast;client_port={pair[0].getsockname()[1]}-{pair[1].getsockname()[1]}"
    else:
        first = len(connection.channels)
        asked = f"RTP/AVP/TCP;unicast;interleaved={first}-{first + 1}"
        _map_channels(connection, kind, first, first + 1)
    reply = await connection.request("SETUP", url, {"Transport": asked})
    if found := re.search(r"interleaved=(\d+)-(\d+)", reply.headers.get("transport", "")):
        _map_channels(connection, kind, int(found[1]), int(found[2]))
    if not connection.session_id:
        given = reply.headers.get("session", "")
        connection.session_id = given.partition(";")[0].strip()
        found = re.search(r"timeout=(\d+)", given)
        connection.timeout_s = max(10, int(found[1])) if found else 60


def _map_channels(connection: Connection, kind: str, media: int, control: int) -> None:
    """Use the channel numbers the server named, which need not be those we asked for."""
    for number in [n for n, c in connection.channels.items() if c.kind == kind]:
        del connection.channels[number]
    connection.channels[media], connection.channels[control] = Channel(kind, False), Channel(kind, True)
    connection.demultiplexer.channels = set(connection.channels)


def _udp_pair(host: str) -> tuple[socket.socket, socket.socket]:
    for _ in range(50):
        first, second = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        first.bind((host, 0))
        port = first.getsockname()[1]
        try:
            if port % 2:
                raise OSError("odd port")
            second.bind((host, port + 1))
        except OSError:
            first.close()
            second.close()
            continue
        for sock in (first, second):
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        return first, second
    raise RtspError("no_udp_ports")


def parse_reply(text: str) -> Reply | None:
    """An RTSP reply, or None when the text is none."""
    head, _, body = text.partition("\r\n\r\n")
    lines = head.split("\r\n")
    words = lines[0].split(" ", 2)
    if len(words) < 2 or not words[0].startswith("RTSP/") or not words[1].isdigit():
        return None
    pairs = [(k.strip().lower(), v.strip()) for k, _, v in (line.partition(":") for line in lines[1:])]
    challenges = tuple(v for k, v in pairs if k == "www-authenticate")
    return Reply(int(words[1]), dict(pairs), challenges, body)


def choose_challenge(challenges: tuple[str, ...]) -> str:
    """The strongest of the ways to sign in that are offered and known to us."""
    order = [c for c in challenges if c.lower().startswith("digest") and "sha-256" in c.lower()]
    order += [c for c in challenges if c.lower().startswith("digest")]
    order += [c for c in challenges if c.lower().startswith("basic")]
    return order[0] if order else ""


def authorise(challenge: str, method: str, url: str, user: str, password: str) -> str:
    """The Authorization header's value (RFC 7617, RFC 7616 with `auth` or without qop)."""
    if challenge.lower().startswith("basic"):
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    given = {k.lower(): a or b for k, a, b in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', challenge)}
    sha = given.get("algorithm", "MD5").upper() == "SHA-256"

    def digest(text: str) -> str:
        return (hashlib.sha256 if sha else hashlib.md5)(text.encode()).hexdigest()

    realm, nonce = given.get("realm", ""), given.get("nonce", "")
    first, second = digest(f"{user}:{realm}:{password}"), digest(f"{method}:{url}")
    answer = {"username": user, "realm": realm, "nonce": nonce, "uri": url}
    plain = {"algorithm": "SHA-256" if sha else "MD5"}
    if "auth" in given.get("qop", "").split(","):
        client = secrets.token_hex(8)
        answer["response"] = digest(f"{first}:{nonce}:00000001:{client}:auth:{second}")
        answer["cnonce"] = client
        plain |= {"qop": "auth", "nc": "00000001"}
    else:
        answer["response"] = digest(f"{first}:{nonce}:{second}")
    if "opaque" in given:
        answer["opaque"] = given["opaque"]
    quoted = [f'{k}="{v}"' for k, v in answer.items()] + [f"{k}={v}" for k, v in plain.items()]
    return "Digest " + ", ".join(quoted)
