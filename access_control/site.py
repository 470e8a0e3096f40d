"""What the rules need of the venue file; the edge builds it from `contract.plan.VenuePlan`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

EVALUATION = "evaluation"
"""The place behind the main door, as it stands in `person_entered`."""


@dataclass(frozen=True, slots=True)
class DoorSite:
    """`guards` `other`: outside the gate, staff open it by hand; a card opens nothing there."""

    id: str
    kind: Literal["main", "room"]
    reader: str
    room: str | None = None
    unlock_seconds: int = 5
    held_open_seconds: int = 30
    guards: Literal["evaluation", "other"] = "evaluation"

    @property
    def place(self) -> str:
        """What one enters by this door."""
        return self.room or EVALUATION


@dataclass(frozen=True, slots=True)
class LaneSite:
    """From the detection gate to the main door."""

    id: str
    reader: str
    gate: str
    door: str


@dataclass(frozen=True, slots=True)
class KioskSite:
    """A check-in point and the locker banks beside it."""

    id: str
    reader: str
    banks: tuple[str, ...]
    lane: str


@dataclass(frozen=True, slots=True)
class SitePlan:
    """Everything by its id; `banks` maps a bank to its number of lockers (numbered from 1)."""

    doors: Mapping[str, DoorSite] = field(default_factory=dict)
    lanes: Mapping[str, LaneSite] = field(default_factory=dict)
    kiosks: Mapping[str, KioskSite] = field(default_factory=dict)
    banks: Mapping[str, int] = field(default_factory=dict)
    rooms: tuple[str, ...] = ()

    def kiosk_of(self, reader: str) -> KioskSite | None:
        """The kiosk with that reader."""
        return next((k for k in self.kiosks.values() if k.reader == reader), None)

    def lane_of(self, reader: str) -> LaneSite | None:
        """The lane whose entrance has that reader."""
        return next((lane for lane in self.lanes.values() if lane.reader == reader), None)

    def lane_of_gate(self, gate: str) -> LaneSite | None:
        """The lane with that gate."""
        return next((lane for lane in self.lanes.values() if lane.gate == gate), None)

    def lane_of_door(self, door: str) -> LaneSite | None:
        """The lane that ends at that main door."""
        return next((lane for lane in self.lanes.values() if lane.door == door), None)

    def door_of(self, reader: str) -> DoorSite | None:
        """The door with that reader."""
        return next((d for d in self.doors.values() if d.reader == reader), None)
