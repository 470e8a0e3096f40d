"""What the edge says about live views."""

from sqlmodel import Session

from venue.edge_link.facts import FactRecord, Handlers
from venue.supervision import wall
from venue.supervision.tables import LiveView


def _view_ended(db: Session, fact: FactRecord) -> None:
    view = db.get(LiveView, str(fact.body["view"]))
    if view is not None and view.edge == fact.edge:
        wall.settle(db, view.id, "ended")


handlers: Handlers = {"live_view_ended": _view_ended}
