"""The other end of every wire: a process of its own (`venue-sim`) that plays a whole venue's devices.

Everything here is simulated and says so (keeps I-19); production never imports it. It reads the venue file by
itself (`plan.py`), opens every serial endpoint as a pty (`port.py`), answers with codecs written apart from the
drivers', knows a little physics (a door opens only when its lock is released), takes orders over HTTP
(`control.py`) and writes every byte and physical event with monotonic time (`wirelog.py`): the oracle of tests.
May import: aiohttp, typer, structlog, av and the standard library; nothing of ours. Start at `venue.py`.
"""
