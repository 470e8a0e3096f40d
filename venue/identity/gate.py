"""The dependency that stands before every endpoint: signed in, CSRF right, permission held."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from fastapi import Depends, HTTPException, Request
from sqlmodel import Session, select

from venue.db import Database, now
from venue.identity.roles import PERMISSIONS, permissions_of
from venue.identity.tables import SignInSession, User, UserRole

COOKIE = "jz_session"
CSRF_COOKIE = "jz_csrf"
CSRF_HEADER = "X-CSRF"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Actor:
    """The signed-in person. `name` goes into audit rows."""

    id: str
    name: str
    display: str
    roles: frozenset[str]

    @property
    def permissions(self) -> frozenset[str]:
        """What this person may do."""
        return permissions_of(self.roles)


def refuse(status: int, key: str, **params: Any) -> HTTPException:
    """The one shape of a refusal: `{"detail": {"key", "params"}}`; the words are in the pages."""
    return HTTPException(status, {"key": key, "params": params})


def token_hash(token: str) -> str:
    """How a session token is stored."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_actor(db: Session, token: str) -> tuple[Actor, SignInSession] | None:
    """Whose token this is, if it still counts."""
    session = db.get(SignInSession, token_hash(token))
    if session is None or session.expires_at <= now(db):
        return None
    user = db.get(User, session.user)
    if user is None or user.disabled:
        return None
    roles = frozenset(db.exec(select(UserRole.role).where(UserRole.user == user.id)))
    return Actor(user.id, user.name, user.display, roles), session


def signed_in(request: Request) -> Actor:
    """The actor of this request. 401 without a live session, 403 when an unsafe method lacks the CSRF header."""
    database: Database = request.app.state.database
    with database.reading() as db:
        found = find_actor(db, request.cookies.get(COOKIE, ""))
    if found is None:
        raise refuse(401, "identity.sign_in_first")
    actor, session = found
    if request.method not in _SAFE and not hmac.compare_digest(
        request.headers.get(CSRF_HEADER, "").encode(), session.csrf.encode()
    ):
        raise refuse(403, "identity.csrf")
    return actor


signed_in_actor: Any = Depends(signed_in)
"""A dependency: anybody signed in."""


def require(permission: str) -> Any:
    """What stands before an endpoint, as an annotation of its actor; answers 401 or 403 otherwise."""
    assert permission in PERMISSIONS, permission

    def check(request: Request) -> Actor:
        actor = signed_in(request)
        if permission not in actor.permissions:
            raise refuse(403, "identity.not_allowed", permission=permission)
        return actor

    check.permission = permission  # type: ignore[attr-defined]  # read by the role × endpoint test
    return Depends(check)
