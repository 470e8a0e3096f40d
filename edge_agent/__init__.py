"""The processes on site: edge, recorder's root and witness.

Imports `contract`, `devices` (never `devices.sim`), `access_control` and `recording`; the `witness_*` modules
import `contract` and `settings_parts`, `enrol`, `keys`, `mqtt`, `terminal` only, so that the supervisors' process
shares no decision with the edge. One thread decides (`engine.py`); everything it does is first a durable fact
(`journal.py`). The link to the centre (`link.py`), the kiosk (`kiosk_api.py`), the recorder
(`recorder_link.py`) and the witness (`witness_api.py`) only bring observations to it. Start reading at
`main.py`, which puts the process together, then `engine.py` and `sessions.py`.
"""
