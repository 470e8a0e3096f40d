"""TCP proxies between the edge and the centre that can be cut: connections closed, new ones refused."""

import asyncio
import contextlib
from dataclasses import dataclass

from devices.sim.wirelog import WireLog


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """`NAME=LISTEN:HOST:PORT`."""

    name: str
    listen: int
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "LinkSpec":
        """Read the command-line form. Raises ValueError saying what to write."""
        name, _, rest = text.partition("=")
        parts = rest.split(":")
        if not name or len(parts) != 3 or not (parts[0].isdecimal() and parts[2].isdecimal()):
            raise ValueError(f"{text!r}: write NAME=LISTEN_PORT:HOST:PORT")
        return cls(name, int(parts[0]), parts[1], int(parts[2]))


class Link:
    """One proxy. Bytes are not logged (they are encrypted); ups, downs and connections are."""

    def __init__(self, spec: LinkSpec, log: WireLog) -> None:
        self.spec, self._log = spec, log
        self._port = spec.listen
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def is_up(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    @property
    def port(self) -> int:
        """The listening port (known after the first start when 0 was asked)."""
        return self._port

    async def up(self) -> None:
        """Listen."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
            self._port = self._server.sockets[0].getsockname()[1]
            self._log.event("link_up", link=self.spec.name)

    async def down(self) -> None:
        """Cut: stop listening, abort every connection."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for writer in tuple(self._writers):
            writer.transport.abort()
        self._log.event("link_down", link=self.spec.name)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            away_reader, away_writer = await asyncio.open_connection(self.spec.host, self.spec.port)
        except OSError:
            self._log.event("link_target_refused", link=self.spec.name)
            self._writers.discard(writer)
            writer.transport.abort()
            return
        self._writers.add(away_writer)
        await asyncio.gather(self._pump(reader, away_writer), self._pump(away_reader, writer))
        self._writers -= {writer, away_writer}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(ConnectionError, OSError):
            writer.close()
            await writer.wait_closed()
