"""The centre's database: engine, table base, transactions, audit, outbox, migrations.

Imports nothing of ours but `contract` and `venue.settings`. A session is one transaction (`Database.writing` begins it
IMMEDIATE, `Database.reading` deferred); its clock travels with it (`now`, `new_id`). Endpoints take `Writing` or
`Reading`. Start reading at `engine.py`, then `base.py`; every change of state also calls `audit.write` (keeps I-16).
"""

from venue.db.base import Table
from venue.db.engine import Database, Reading, Writing, make_engine, new_id, now

__all__ = ["Database", "Reading", "Table", "Writing", "make_engine", "new_id", "now"]
