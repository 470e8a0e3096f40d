"""The venue file as the rules and the kiosk's page need it."""

from typing import Any

from access_control.site import DoorSite, KioskSite, LaneSite, SitePlan
from contract.plan import VenuePlan

DEFAULT_WAYS = 24


def site_of(plan: VenuePlan) -> SitePlan:
    """What the rules know of the venue."""
    banks = {d.id: _ways(d.settings()) for d in plan.devices if d.device_class == "locker_bank"}
    return SitePlan(
        doors={
            d.id: DoorSite(d.id, d.kind, d.reader, d.room, d.unlock_seconds, d.held_open_seconds, d.guards)
            for d in plan.doors
        },
        lanes={lane.id: LaneSite(lane.id, lane.reader, lane.gate, lane.door) for lane in plan.lanes},
        kiosks={k.id: KioskSite(k.id, k.reader, k.banks, k.lane) for k in plan.kiosks},
        banks=banks,
        rooms=tuple(room.id for room in plan.rooms),
    )


def places(plan: VenuePlan) -> dict[str, dict[str, Any]]:
    """Kiosk → what its page draws and never changes (interfaces.md, kiosk API `place`)."""
    rooms = [r.model_dump(mode="json", include={"id", "name", "way", "position"}) for r in plan.rooms]
    ways = {d.id: _ways(d.settings()) for d in plan.devices if d.device_class == "locker_bank"}
    return {
        kiosk.id: {
            "venue": plan.venue.name.model_dump(),
            "kiosk": kiosk.model_dump(mode="json", include={"id", "name", "position"}),
            "rooms": rooms,
            "banks": [{"id": bank, "ways": ways[bank]} for bank in kiosk.banks],
            "muster_point": plan.venue.muster_point.model_dump(),
            "simulated": plan.venue.simulated,
        }
        for kiosk in plan.kiosks
    }


def camera_table(plan: VenuePlan, home: str) -> list[dict[str, Any]]:
    """Cameras as the recorder's plan names them."""
    return [
        {"id": c.id, "endpoint": c.endpoint.replace("{home}", home), "transport": c.transport}
        for c in plan.cameras
    ]


def _ways(settings: dict[str, Any]) -> int:
    return int(settings.get("ways", DEFAULT_WAYS))
