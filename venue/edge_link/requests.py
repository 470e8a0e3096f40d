"""Questions that want an answer at once (live offers, draw shares): MQTT 5 request and reply, never queued."""

import threading
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request

from contract.canonical import canonical

Publish = Callable[[str, bytes, str, bytes], bool]
"""(topic, payload, response topic, correlation) → whether it left; given by the link."""


class NoAnswer(Exception):
    """The other side is away or did not answer in time."""


class Requests:
    """Asks parties and matches their replies by correlation; safe from many threads."""

    def __init__(self, publish: Publish, new_correlation: Callable[[], str]) -> None:
        self._publish = publish
        self._new_correlation = new_correlation
        self._waiting: dict[bytes, tuple[str, threading.Event, list[Any]]] = {}
        self._lock = threading.Lock()

    def ask(self, to: str, kind: str, body: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Send `{"kind": kind, **body}` to `to` (`V01.edge`, `V01.witness`) and wait up to `timeout` seconds.

        Returns the reply (`{"ok": bool, …}`). Raises NoAnswer. Never call it inside a database transaction.
        """
        correlation = self._new_correlation().encode()
        arrived, box = threading.Event(), []  # type: threading.Event, list[Any]
        with self._lock:
            self._waiting[correlation] = (to, arrived, box)
        try:
            sent = self._publish(
                f"down/{to}/requests", canonical({"kind": kind, **body}), f"up/{to}/replies", correlation
            )
            if not sent or not arrived.wait(timeout):
                raise NoAnswer(to)
        finally:
            with self._lock:
                self._waiting.pop(correlation, None)
        return dict(box[0])

    def answer(self, sender: str, correlation: bytes, reply: dict[str, Any]) -> None:
        """A reply arrived from `sender`; one from anybody but the party asked is dropped."""
        with self._lock:
            waiting = self._waiting.get(correlation)
        if waiting and waiting[0] == sender:
            waiting[2].append(reply)
            waiting[1].set()


def _from_app(request: Request) -> Requests:
    requests: Requests = request.app.state.requests
    return requests


Asking = Annotated[Requests, Depends(_from_app)]
