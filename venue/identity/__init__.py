"""Who may do what: users, roles and their exclusions, passwords, sessions, CSRF, lock-out.

Imports `contract` and `venue.db`. Endpoints take `require("permission")`, which answers with the signed-in `Actor`.
Start reading at `roles.py` (one table of roles and permissions), then `service.py`, `gate.py`, `api.py`.
"""

from venue.identity.gate import Actor, require

__all__ = ["Actor", "require"]
