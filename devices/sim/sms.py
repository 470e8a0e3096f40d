"""Plays a text-message gateway: `POST /messages {phone, text}`; keeps what it was given in memory only."""

import asyncio
import time
from typing import Any

from aiohttp import web

from devices.sim.port import Faults
from devices.sim.wirelog import WireLog


class GatewaySim:
    """The gateway. `dead` never answers, `mute` takes the message and answers 504, `wrong` refuses it."""

    def __init__(self, log: WireLog) -> None:
        self._log = log
        self.faults = Faults()
        self._outbox: list[dict[str, Any]] = []

    def app(self) -> web.Application:
        """What listens on the gateway's port."""
        app = web.Application()
        app.router.add_post("/messages", self._take)
        return app

    def messages(self, phone: str | None) -> list[dict[str, Any]]:
        """What was sent, to one phone or to all."""
        return [m for m in self._outbox if phone is None or m["phone"] == phone]

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.faults.dead:
            await asyncio.sleep(60)
        if self.faults.wrong:
            return web.json_response({"accepted": False}, status=400)
        self._outbox.append(
            {"phone": str(body["phone"]), "text": str(body["text"]), "t_us": time.monotonic_ns() // 1000}
        )
        self._log.event("message_taken")  # neither phone nor text: the log is read by many
        await asyncio.sleep(self.faults.delay_ms / 1000)
        return web.json_response({"accepted": True}, status=504 if self.faults.mute else 202)
