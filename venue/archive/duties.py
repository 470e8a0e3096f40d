"""Seal what is due."""

from venue.archive import filing
from venue.db.duties import Desk, Duty


def seal(desk: Desk) -> None:
    """Compose the package of every session whose evidence is here; one that fails does not stop the others."""
    room = filing.room_of(desk.settings, desk.database, desk.keys)
    with desk.database.reading() as db:
        due = filing.waiting(db)
    failed: list[Exception] = []
    for session in due:
        try:
            filing.seal(room, session)
        except Exception as error:  # told together below: every session gets its turn
            failed.append(error)
    if failed:
        raise ExceptionGroup("packages that could not be made", failed)


duties: list[Duty] = [Duty("seal", 3, seal)]
