"""What the link does by the clock: notice edges and witnesses from whom nothing comes."""

from datetime import timedelta

from sqlmodel import col, select

from venue.db import alarms, now
from venue.db.duties import Desk, Duty
from venue.edge_link.tables import Party

SILENT = timedelta(seconds=60)
"""An edge that restarts is back within this time."""


def watch_parties(desk: Desk) -> None:
    """`edge_silent` / `witness_silent` while an enrolled party is off line for longer than SILENT."""
    with desk.database.reading() as db:
        parties = list(db.exec(select(Party).where(col(Party.revoked_at).is_(None))))
    with desk.database.writing() as db:
        for party in parties:
            alarm = f"{party.name.rpartition('.')[2]}_silent"
            since = party.seen_at or party.enrolled_at
            if party.online:
                alarms.clear(db, alarm, party.name)
            elif now(db) - since > SILENT:
                alarms.raise_(db, alarm, party.name, f"alarm.{alarm}", {"name": party.name})


duties: list[Duty] = [Duty("watch_parties", 10.0, watch_parties)]
