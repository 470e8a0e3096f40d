"""What stands on site, as ports and drivers: readers, lockers, gate, doors, relays, text messages, faces.

May import: serial, httpx, cv2, structlog and the standard library; nothing of ours (time comes in as
a function). Start reading at `ports.py` (the verbs and events), then `build.py` (venue file tables →
drivers), `bus.py` (one owner thread a serial port) and any driver: each is a sans-I/O codec followed
by the object that uses it. `sim/` is the other end of every wire, a process of its own that
production never imports.
"""
