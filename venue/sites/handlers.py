"""Device states from facts."""

from sqlmodel import Session

from venue.edge_link.facts import FactRecord, Handlers
from venue.sites.tables import CameraRow, DeviceRow, Site


def _device_changed(db: Session, fact: FactRecord) -> None:
    """The last known state of a device; one that the venue file does not have is kept too, for people to see."""
    if db.get(Site, fact.venue) is None:
        return
    name = str(fact.body["device"])
    row = db.get(DeviceRow, (fact.venue, name)) or DeviceRow(
        venue=fact.venue, id=name, device_class=str(fact.body["device_class"])
    )
    row.state, row.reason = str(fact.body["state"]), fact.body.get("reason")
    row.simulated, row.changed_at = bool(fact.body.get("simulated")), fact.wall
    db.add(row)


def _recording(db: Session, fact: FactRecord) -> None:
    """Which cameras record now, as the wall shows it."""
    on = fact.kind == "recording_started"
    for name in fact.body["cameras"]:
        row = db.get(DeviceRow, (fact.venue, str(name)))
        if row is not None:
            row.detail = {**row.detail, "recording": on}
            db.add(row)


def _segment_finalised(db: Session, fact: FactRecord) -> None:
    """A public camera records without a session's word: that it delivers segments is what says so."""
    name = str(fact.body["camera"])
    camera, row = db.get(CameraRow, name), db.get(DeviceRow, (fact.venue, name))
    if (
        camera is not None
        and camera.record == "always"
        and row is not None
        and not row.detail.get("recording")
    ):
        row.detail = {**row.detail, "recording": True}
        db.add(row)


handlers: Handlers = {
    "device_changed": _device_changed,
    "recording_started": _recording,
    "recording_stopped": _recording,
    "segment_finalised": _segment_finalised,
}
