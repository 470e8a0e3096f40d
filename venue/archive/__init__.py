"""Evidence in, packages out: the centre's store by sha256, its own reckoning, and one bag a project (design §6).

May import everything of `venue` but `transactions`. The edge sends what is missing (`store.py`, idempotent by hash);
when all of a session has arrived the centre recomputes completeness, says where it differs from the edge's
statement, composes the BagIt bag and has it verified by the offline verifier before the session counts as filed
(`filing.py`). Terms come from `config/retention.toml`, each with its source (`retention.py`, I-12).
Start reading at `filing.py`.
"""
