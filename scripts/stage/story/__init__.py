"""The story: one whole session played unattended on the real clock and judged from outside.

It acts as people do: cards on readers, pages' requests, a walk through the gate. It judges by the simulators' log of
the wire, by pixels, by files on disk, never by our own journal alone. `play.py` is the order of events; `steps/` has
one file a group of judgements; `people.py` who walks; `clients.py` the ways in; `wire.py` reads the simulators' log.
"""
