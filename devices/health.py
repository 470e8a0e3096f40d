"""Health of one device from its answers: degraded after a miss, offline after three or without a port.

Liveness comes from the protocol only: a silent RS-485 bus never raises. Edges are told to the listener
and logged once each; every miss is counted.
"""

import threading

import structlog

from devices.ports import DeviceHealth, Health, HealthState, Listener, MonoUs

_log = structlog.get_logger(__name__)
MISSES_TO_OFFLINE = 3


class HealthKeeper:
    """Counts answers and misses of one device. Written by its bus thread, read from any."""

    def __init__(self, device: str, mono_us: MonoUs, listener: Listener) -> None:
        self._device, self._mono_us, self._listener = device, mono_us, listener
        self._lock = threading.Lock()
        self._health = Health(HealthState.OFFLINE, None, 0, "not_seen_yet")
        self._misses = 0
        self._told = False

    def now(self) -> Health:
        """The state now."""
        with self._lock:
            return self._health

    @property
    def offline(self) -> bool:
        """Whether polls should slow down."""
        return self.now().state is HealthState.OFFLINE

    def answered(self) -> None:
        """A good answer came."""
        self._misses = 0
        self._become(HealthState.ONLINE, "ok", self._mono_us(), 0)

    def missed(self, reason: str) -> None:
        """An answer did not come or made no sense."""
        self._misses += 1
        was_offline = self.offline and self._told
        out = was_offline or self._misses >= MISSES_TO_OFFLINE or self.now().last_ok is None
        self._become(HealthState.OFFLINE if out else HealthState.DEGRADED, reason, None, 1)

    def lost(self, reason: str) -> None:
        """The port is gone or cannot be opened."""
        self._misses = MISSES_TO_OFFLINE
        self._become(HealthState.OFFLINE, reason, None, 1)

    def doubted(self, reason: str) -> None:
        """The device answers, but something that it must do was not confirmed."""
        self._become(HealthState.DEGRADED, reason, self._mono_us(), 1)

    def _become(self, state: HealthState, reason: str, ok_at: int | None, errors: int) -> None:
        with self._lock:
            old = self._health
            last_ok = ok_at if ok_at is not None else old.last_ok
            self._health = Health(state, last_ok, old.errors + errors, reason)
        if old.state is state and self._told:
            return
        self._told = True
        _log.info("device_state", device=self._device, state=state.value, reason=reason)
        self._listener(DeviceHealth(self._device, state, reason, self._mono_us()))
