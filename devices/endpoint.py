"""Where a device is: `serial:PATH?baud=115200`, `tcp:HOST:PORT`, `rtsp://…`, `http://…`."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit


class EndpointError(ValueError):
    """An endpoint cannot be used; the text says what to write."""


@dataclass(frozen=True, slots=True)
class SerialEndpoint:
    """A serial port, 8N1."""

    path: Path
    baud: int = 9600


@dataclass(frozen=True, slots=True)
class TcpEndpoint:
    """A serial device behind a network converter, or a device that speaks its protocol over TCP."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class UrlEndpoint:
    """A URL, kept as written."""

    url: str


Endpoint = SerialEndpoint | TcpEndpoint | UrlEndpoint


def parse_endpoint(text: str) -> Endpoint:
    """Read an endpoint as the venue file writes it. Raises EndpointError."""
    scheme, _, rest = text.partition(":")
    if scheme == "serial":
        return _serial(text, rest)
    if scheme == "tcp":
        return _tcp(text, rest)
    if scheme in ("rtsp", "http", "https") and urlsplit(text).hostname:
        return UrlEndpoint(text)
    raise EndpointError(f"{text!r}: write serial:PATH?baud=N, tcp:HOST:PORT, rtsp://… or http://…")


def _serial(text: str, rest: str) -> SerialEndpoint:
    path, _, query = rest.partition("?")
    options = dict(parse_qsl(query))
    baud = options.pop("baud", "9600")
    if not path or options or not baud.isdecimal() or int(baud) == 0:
        raise EndpointError(f"{text!r}: write serial:PATH or serial:PATH?baud=N")
    return SerialEndpoint(Path(path), int(baud))


def _tcp(text: str, rest: str) -> TcpEndpoint:
    host, _, port = rest.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise EndpointError(f"{text!r}: write tcp:HOST:PORT")
    return TcpEndpoint(host.strip("[]"), int(port))
