"""Sessions, sittings and their parts: one table of states, moved by people's actions and by facts from the site.

May import `venue.bookings` and everything below it. A session has sittings (windows of time), a sitting has parts
(venue and room). Making one books all its rooms in the same transaction and issues its documents; moving one issues
them again with higher serials (I-9). Start reading at `rules.py` (the state table of `docs/design/states.md` as data),
then `service.py`, `facts.py` (fact → state), `preparation.py`, `duties.py`; `signs.py` is public and holds nothing
secret.
"""
