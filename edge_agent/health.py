"""What the edge says about itself, and devices' states as facts."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from contract.envelope import FactDraft
from contract.plan import VenuePlan
from devices.ports import DeviceHealth
from edge_agent.alarms import Alarms
from edge_agent.engine import Engine

DISK_ALARM_PERCENT = 15


class DeviceStates:
    """Turns changes of health into `device_changed`, and lost devices into alarms; engine thread only."""

    def __init__(self, plan: VenuePlan, engine: Engine, alarms: Alarms) -> None:
        self._classes: dict[str, str] = {d.id: d.device_class for d in plan.devices}
        self._classes.update({camera.id: "camera" for camera in plan.cameras})
        self._simulated, self._engine, self._alarms = plan.venue.simulated, engine, alarms
        self.states: dict[str, str] = {}

    def changed(self, event: DeviceHealth) -> None:
        """A device came, went or limps."""
        self._state(event.device, event.state.value, event.reason)

    def cameras(self, cameras: Mapping[str, Any]) -> None:
        """The recorder's word on its cameras; only changes count."""
        for camera, health in cameras.items():
            state = str(health.get("state", "offline"))
            state = state if state in ("online", "degraded", "offline") else "degraded"
            if camera in self._classes and self.states.get(camera) != state:
                self._state(camera, state, str(health.get("reason", health.get("state", ""))))

    def recorder_gone(self) -> None:
        """No recorder, no cameras."""
        for device, kind in self._classes.items():
            if kind == "camera" and self.states.get(device, "offline") != "offline":
                self._state(device, "offline", "recorder_away")

    def _state(self, device: str, state: str, reason: str) -> None:
        self.states[device] = state
        body = {
            "device": device, "device_class": self._classes.get(device, "unknown"), "state": state,
            "reason": reason, "simulated": self._simulated,
        }  # fmt: skip
        self._engine.record([FactDraft("device_changed", body)])
        if state == "offline":
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
