"""Everything that passes between the centre and its edges: facts in, documents and commands out, enrolment.

Imports `contract` and `venue.db`. `link.py` owns the one MQTT client; `ingest.py` is the only writer of the ledger;
subjects call `documents.publish`, `commands.send` and `requests.ask` and receive facts through `Handlers`.
Start reading at `facts.py`, then `ingest.py`.
"""
