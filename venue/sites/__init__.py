"""Sites, areas, rooms, cameras, devices and edges: what the venue file says and what facts say about its state.

Imports `identity`, `edge_link`, `db`, `contract`. Start reading at `tables.py`, then `loading.py` (the venue file),
`handlers.py` (device states from facts), `api.py`.
"""
