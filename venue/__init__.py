"""The centre: bookings, people, terms, supervision, filing; it asks the edges and never opens a door itself.

Imports `contract` only (never `devices`, `recording`, `edge_agent`). Layers, each importing only what stands below:
cli > main > transactions > archive > supervision > sessions > bookings > sites, experts > identity > edge_link > db >
settings. Start reading at `main.py` (composition: routers, fact handlers, duties), then `db/` and `edge_link/`.
"""
