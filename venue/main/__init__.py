"""The centre's composition root: which routers, fact handlers and duties there are, and how they are served.

May import everything in `venue`; only `venue.cli` imports it. Start reading at `compose.py` (what is put together),
then `serve.py` (two HTTP servers, one MQTT client, one scheduler), `scheduler.py`, `shield.py`, `pages.py`.
"""
