"""The roles, what each may do, and which exclude each other (keeps I-15; requirements X5, S6, I1)."""

ROLES: dict[str, frozenset[str]] = {
    "venue_staff": frozenset(
        [
            "sites.read",
            "bookings.read",
            "bookings.write",
            "sessions.read",
            "sessions.write",
            "devices.read",
            "feed.read",
            "duties.read",
        ]
    ),
    "supervisor": frozenset(
        [
            "sites.read",
            "sessions.read",
            "people.read",
            "devices.read",
            "feed.read",
            "wall.watch",
            "orders.give",
            "duties.read",
            "packages.read",
        ]
    ),
    "archivist": frozenset(["sites.read", "sessions.read", "packages.read", "packages.write", "feed.read"]),
    "pool_keeper": frozenset(["experts.read", "experts.write"]),
    "draw_operator": frozenset(["sites.read", "sessions.read", "draw.run", "draw.read"]),
    "pool_overseer": frozenset(["sessions.read", "draw.read", "experts.oversee"]),
    "system_admin": frozenset(
        ["sites.read", "devices.read", "duties.read", "edges.read", "edges.enrol", "users.read"]
    ),
    "security_admin": frozenset(["users.read", "users.write", "edges.read", "edges.approve", "edges.revoke"]),
    "audit_admin": frozenset(["audit.read", "users.read", "edges.read"]),
}

EXCLUSIONS: tuple[tuple[str, ...], ...] = (
    ("pool_keeper", "draw_operator", "pool_overseer"),
    ("system_admin", "security_admin", "audit_admin"),
    ("venue_staff", "supervisor"),
)
"""No person holds two roles of one group. The third group: service and supervision are separate (CQ 一(二), SC 13)."""


def excluded_pairs() -> list[tuple[str, str]]:
    """Every ordered pair of roles that one person may not hold together."""
    return [(a, b) for group in EXCLUSIONS for a in group for b in group if a != b]


def permissions_of(roles: frozenset[str]) -> frozenset[str]:
    """What these roles together may do."""
    return frozenset().union(*(ROLES[role] for role in roles)) if roles else frozenset()


PERMISSIONS = frozenset().union(*ROLES.values())
