"""Who watched what."""

from datetime import datetime

from sqlmodel import Field

from venue.db.base import Table


class LiveView(Table, table=True):
    """One person's live view of one camera; `started_at` is when the centre allowed it."""

    __tablename__ = "live_view"
    id: str = Field(primary_key=True)
    watcher: str
    camera: str
    edge: str
    state: str
    """asked, live, refused or ended."""
    started_at: datetime
    ended_at: datetime | None = None
