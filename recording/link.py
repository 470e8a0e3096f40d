"""The recorder's end of the Unix socket to its edge: JSON lines, reconnecting, reports until acknowledged.

Recording does not wait for the edge: reports stay in the index and are sent again after every reconnect.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog

from recording.index import Index

_log = structlog.get_logger()
_RETRY_S = 0.5
_LINE = 1 << 20
_BACKLOG = 4 << 20
Message = dict[str, Any]


class EdgeLink:
    """Speaks to the edge while it is there; `handle` gets every message but acknowledgements."""

    def __init__(self, path: Path, index: Index, handle: Callable[[Message], Awaitable[None]]) -> None:
        self._path, self._index, self._handle = path, index, handle
        self._writer: asyncio.StreamWriter | None = None
        self._sent = 0

    async def run(self) -> None:
        """Connect again and again until cancelled."""
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(str(self._path), limit=_LINE)
                await self._converse(reader)
            except (OSError, ValueError) as error:
                _log.debug("edge_link_down", error=type(error).__name__)
            finally:
                self._close()
            await asyncio.sleep(_RETRY_S)

    def send(self, message: Message) -> None:
        """Send one message when the edge is there; messages other than reports are not kept."""
        writer = self._writer
        if writer is None or writer.transport.is_closing():
            return
        if writer.transport.get_write_buffer_size() > _BACKLOG:
            writer.transport.abort()
            return
        writer.write(json.dumps(message).encode() + b"\n")

    def send_reports(self) -> None:
        """Send the reports that were not yet sent on this connection, in order."""
        while self._writer is not None and (batch := self._index.unacknowledged(self._sent)):
            for report in batch:
                self._sent = report.number
                head = {"t": "report", "worker": self._index.worker, "number": report.number}
                self.send({**head, "kind": report.kind, "body": report.body})

    async def finish(self) -> None:
        """Push out what is buffered before the process ends."""
        if self._writer is not None:
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await self._writer.drain()

    async def _converse(self, reader: asyncio.StreamReader) -> None:
        self._sent = 0
        self.send({"t": "hello", "worker": self._index.worker, "last": self._index.last_number()})
        self.send_reports()
        while line := await reader.readline():
            message = json.loads(line)
            if message.get("t") == "ack":
                self._index.acknowledge(int(message["number"]))
            else:
                await self._handle(message)

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.transport.abort()
