"""Watching and intervening: the wall, live views, orders to the edge, the feed of events and alarms.

Imports `sessions`, `sites`, `identity`, `edge_link`, `db`, `contract`. Who watched what is on record before the offer
leaves (M4, keeps I-16). Start reading at `api.py`, then `service.py` and `feed.py`.
"""
