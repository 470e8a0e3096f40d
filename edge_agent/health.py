"""What the edge says about itself, and devices' states as facts."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from contract.clock import Clock
from contract.envelope import FactDraft
from contract.plan import VenuePlan
from devices.ports import DeviceHealth
from edge_agent.alarms import Alarms
from edge_agent.engine import Engine

DISK_ALARM_PERCENT = 15
CAMERA_GRACE_S = 5.0
"""A camera that is away for less is no alarm: recorders reconnect, cameras restart."""
START_GRACE_S = 20.0
"""Within this time of our start a recorder must have said how its cameras are."""


class DeviceStates:
    """Turns changes of health into `device_changed`, and lost devices into alarms; engine thread only.

    A camera's alarm waits until the grace is over; one that was not seen yet is not stated either before then.
    """

    def __init__(self, plan: VenuePlan, engine: Engine, alarms: Alarms, clock: Clock) -> None:
        self._classes: dict[str, str] = {d.id: d.device_class for d in plan.devices}
        self._classes.update({camera.id: "camera" for camera in plan.cameras})
        self._simulated, self._engine, self._alarms = plan.venue.simulated, engine, alarms
        self._clock, self._closed = clock, False
        start_over = clock.mono_us() + round(START_GRACE_S * 1e6)
        self._due = {camera.id: (start_over, "recorder_away") for camera in plan.cameras}
        self.states: dict[str, str] = {}

    def close(self) -> None:
        """We are stopping in order: what goes away from now on goes because of us."""
        self._closed = True

    def tick(self) -> None:
        """Alarm for cameras whose grace is over."""
        now = self._clock.mono_us()
        for camera, (due, reason) in list(self._due.items()):
            if now < due or self._closed:
                continue
            del self._due[camera]
            if self.states.get(camera) != "offline":
                self._state(camera, "offline", reason)
            self._alarms.raise_("device_offline", camera)

    def changed(self, event: DeviceHealth) -> None:
        """A device came, went or limps."""
        self._state(event.device, event.state.value, event.reason)

    def cameras(self, cameras: Mapping[str, Any]) -> None:
        """The recorder's word on its cameras; only changes count."""
        for camera, health in cameras.items():
            state = str(health.get("state", "offline"))
            state = state if state in ("online", "degraded", "offline") else "degraded"
            if camera in self._classes and self.states.get(camera) != state:
                self._camera(camera, state, str(health.get("reason", health.get("state", ""))))

    def recorder_gone(self) -> None:
        """No recorder, no cameras."""
        for device, kind in self._classes.items():
            if kind == "camera" and self.states.get(device, "offline") != "offline":
                self._camera(device, "offline", "recorder_away")

    def _camera(self, camera: str, state: str, reason: str) -> None:
        if state != "offline":
            self._due.pop(camera, None)
            self._state(camera, state, reason)
            return
        grace_over = self._clock.mono_us() + round(CAMERA_GRACE_S * 1e6)
        earlier = self._due.get(camera, (grace_over, reason))[0]
        self._due[camera] = (min(earlier, grace_over), reason)
        if camera in self.states:
            self._state(camera, state, reason)

    def _state(self, device: str, state: str, reason: str) -> None:
        if self._closed:
            return
        self.states[device] = state
        body = {
            "device": device, "device_class": self._classes.get(device, "unknown"), "state": state,
            "reason": reason, "simulated": self._simulated,
        }  # fmt: skip
        self._engine.record([FactDraft("device_changed", body)])
        if state == "offline" and body["device_class"] != "camera":
            self._alarms.raise_("device_offline", device)
        elif state == "online":
            self._alarms.clear("device_offline", device)


def disk_watch(folder: Path, engine: Engine, alarms: Alarms) -> Callable[[], None]:
    """A duty: an alarm while less than DISK_ALARM_PERCENT of the disk is free."""

    def look() -> None:
        usage = shutil.disk_usage(folder)
        low = usage.free * 100 < usage.total * DISK_ALARM_PERCENT
        act = (
            (lambda: alarms.raise_("disk_low", "home")) if low else (lambda: alarms.clear("disk_low", "home"))
        )
        engine.call(act).result(timeout=10)

    return look


def room_watch(engine: Engine, alarms: Alarms) -> Callable[[], None]:
    """A tick: the journal's disk was full and has room again, so the reserve is kept anew and the alarm cleared."""

    def look() -> None:
        standing = any(a["alarm"] == "disk_full" and a["subject"] == "journal" for a in alarms.standing())
        if (engine.full or standing) and engine.room_again():
            alarms.clear("disk_full", "journal")

    return look
