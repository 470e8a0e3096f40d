"""Who may pass: pure functions over facts. No I/O, no clock, no asyncio. May import `contract`, `devices.ports`.

The passage: card at the kiosk → identity → promise → custody of phones → lane and gate → main door → room
door → out, things back. `observations` is what was seen, `area` what is known (a fold of facts), `decide` what
follows (facts to state, then acts to do), `screens` what a kiosk shows, `occupancy` who is where.
The engine: decide → journal the facts (durable) → `evolve` each record → do the acts → `decision.then` next.
Start reading at `decide.py`; the states stand as tables in `states.py` and in `docs/design/states.md`.
By subject: `kiosk`, `identity`, `custody` (lockers), `lane` (gate), `doors`, `holds`, `timeouts`, `recovery`.
"""
