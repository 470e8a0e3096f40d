"""Text messages through a gateway that takes `POST {phone, text}`. Phone and text are never logged."""

import threading

import httpx
import structlog

from devices.ports import DeviceHealth, Health, HealthState, Listener, MonoUs, Result

_log = structlog.get_logger(__name__)


class HttpTextMessages:
    """TextMessages over HTTP. A message is handed over once; a lost answer is `unknown`."""

    def __init__(self, id: str, url: str, mono_us: MonoUs, *, timeout_s: float = 5.0) -> None:  # noqa: A002
        self.id, self._url, self._mono_us = id, url, mono_us
        self._client = httpx.Client(timeout=timeout_s, trust_env=False)
        self._listener: Listener = lambda event: None
        self._lock = threading.Lock()
        self._health = Health(HealthState.ONLINE, None, 0, "not_used_yet")

    def start(self, listener: Listener) -> None:
        """Events are health edges only: a gateway is known by the last message, it is not polled."""
        self._listener = listener

    def stop(self) -> None:
        """Close the connections."""
        self._client.close()

    def health(self) -> Health:
        """See TextMessages."""
        with self._lock:
            return self._health

    def send(self, phone: str, text: str) -> Result:
        """See TextMessages. Any thread; blocks up to the time-out."""
        try:
            status = self._client.post(self._url, json={"phone": phone, "text": text}).status_code
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return self._became(HealthState.OFFLINE, type(error).__name__, Result.REFUSED)
        except httpx.HTTPError as error:
            return self._became(HealthState.DEGRADED, type(error).__name__, Result.UNKNOWN)
        if status < 300:
            return self._became(HealthState.ONLINE, "ok", Result.DONE)
        refused = Result.REFUSED if status < 500 else Result.UNKNOWN
        return self._became(HealthState.DEGRADED, f"http_{status}", refused)

    def _became(self, state: HealthState, reason: str, result: Result) -> Result:
        now = self._mono_us()
        with self._lock:
            old = self._health
            good = state is HealthState.ONLINE
            self._health = Health(state, now if good else old.last_ok, old.errors + (not good), reason)
        if old.state is not state:
            _log.info("device_state", device=self.id, state=state.value, reason=reason)
            self._listener(DeviceHealth(self.id, state, reason, now))
        return result
