"""Rooms reserved for sittings: what fits, what is free, and a guard that the database keeps (I-13).

May import `venue.sites`, `venue.identity`, `venue.edge_link`, `venue.db`, `contract`. A booking holds one room for
one sitting; the time it blocks is the sitting plus the buffers. `rules.refusals` is asked by the check endpoint, by
the list of free slots and by the accepting itself; two requests that race are told apart by the database
(SQLite triggers, PostgreSQL EXCLUDE: migration `0002_bookings`).
Start reading at `rules.py`, then `service.py` (place, shift, release), then `api.py`. Moving a whole sitting with all
that hangs on it is `venue.sessions.moves`.
"""
