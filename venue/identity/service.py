"""Signing in and out, users and their roles."""

import hmac
import secrets
import threading
from datetime import timedelta

from pwdlib import PasswordHash
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from venue.db import Database, audit, new_id, now
from venue.identity.gate import Actor, find_actor, token_hash
from venue.identity.roles import ROLES
from venue.identity.tables import SignInSession, User, UserRole
from venue.settings import Settings

_hasher = PasswordHash.recommended()
# Compared when the name is unknown, so that a wrong name takes as long as a wrong password.
_NOBODY = _hasher.hash(secrets.token_hex(16))
_SHORTEST = 10
# So many passwords are looked at together: whoever tries more must not take every thread of the pages.
_hands = threading.BoundedSemaphore(4)
_PATIENCE_S = 0.25
_RESERVED = frozenset({"centre", "cli", "unknown", "setup"})
"""Actors in the audit that are no persons; nobody may bear their name (I-16)."""


class IdentityError(Exception):
    """Refused; the text is the message key."""


def sign_in(database: Database, name: str, password: str, settings: Settings) -> tuple[str, str]:
    """(session token, CSRF token), or IdentityError `identity.wrong`, `identity.locked`, `identity.busy`.

    Opens its own transactions. Hashing takes tens of milliseconds: inside one, strangers who try names would keep
    the ledger from being written. An attempt is counted before it is judged, so that many at once get no more tries.
    """
    if not _hands.acquire(timeout=_PATIENCE_S):
        raise IdentityError("identity.busy")
    try:
        with database.writing() as db:
            user = _begin_attempt(db, name, settings)
        if user is None:
            raise IdentityError("identity.locked")
        right = _hasher.verify(password, user.password_hash or _NOBODY)
    finally:
        _hands.release()
    with database.writing() as db:
        found = _end_attempt(db, name, settings, right=right)
    if isinstance(found, str):
        raise IdentityError(found)
    return found


def _begin_attempt(db: Session, name: str, settings: Settings) -> User | None:
    """Count the attempt. The person, one without a password for an unknown name, or None when locked."""
    user = db.exec(select(User).where(User.name == name)).first()
    if user is None:
        return User(id="", name=name, display="", password_hash="", created_at=now(db))
    if user.wrong >= settings.identity.wrong_passwords and not _locked(db, user):
        # As many tries as may be are under way, or a crash left them counted.
        _lock(db, user, settings)
    if _locked(db, user):
        audit.write(db, name, "sign_in.refused", user.id, {"reason": "locked"})
        return None
    user.wrong += 1
    db.add(user)
    return user


def _end_attempt(db: Session, name: str, settings: Settings, *, right: bool) -> tuple[str, str] | str:
    """Session token and CSRF token, or the key of the refusal."""
    user = db.exec(select(User).where(User.name == name)).first()
    if user is None:
        audit.write(db, "unknown", "sign_in.refused", "unknown", {"reason": "wrong"})
        return "identity.wrong"
    if _locked(db, user):
        audit.write(db, name, "sign_in.refused", user.id, {"reason": "locked"})
        return "identity.locked"
    if user.disabled or not right or (user.demo and settings.production):
        if user.wrong >= settings.identity.wrong_passwords:
            _lock(db, user, settings)
        audit.write(db, name, "sign_in.refused", user.id, {"reason": "wrong"})
        return "identity.wrong"
    user.wrong, user.locked_until = 0, None
    db.add(user)
    audit.write(db, name, "sign_in.accepted", user.id)
    return _new_session(db, user, settings)


def _locked(db: Session, user: User) -> bool:
    return user.locked_until is not None and user.locked_until > now(db)


def _lock(db: Session, user: User, settings: Settings) -> None:
    user.wrong, user.locked_until = 0, now(db) + timedelta(minutes=settings.identity.lock_minutes)
    db.add(user)
    audit.write(db, user.name, "user.locked", user.id)


def _new_session(db: Session, user: User, settings: Settings) -> tuple[str, str]:
    token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
    expires = now(db) + timedelta(hours=settings.web.sign_in_hours)
    session = SignInSession(
        token_hash=token_hash(token),
        user=user.id,
        csrf=csrf,
        created_at=now(db),
        seen_at=now(db),
        expires_at=expires,
    )
    db.add(session)
    return token, csrf


def actor_of(db: Session, token: str) -> Actor:
    """Whose session a token just made is."""
    found = find_actor(db, token)
    assert found is not None
    return found[0]


def sign_out(db: Session, token: str, by: str) -> None:
    """End a session; an unknown token is no error."""
    session = db.get(SignInSession, token_hash(token))
    if session is not None and hmac.compare_digest(session.token_hash, token_hash(token)):
        db.delete(session)
        audit.write(db, by, "session.ended", session.user)


def add_user(db: Session, name: str, display: str, password: str, *, demo: bool, by: str) -> User:
    """A new person without roles. IdentityError `identity.name_taken`, `identity.password_too_short`."""
    if len(password) < _SHORTEST:
        raise IdentityError("identity.password_too_short")
    taken = db.exec(select(User).where(User.name == name)).first() is not None
    if taken or name in _RESERVED or name.endswith((".edge", ".witness")):
        raise IdentityError("identity.name_taken")
    user = User(
        id=new_id(db),
        name=name,
        display=display,
        password_hash=_hasher.hash(password),
        demo=demo,
        created_at=now(db),
    )
    db.add(user)
    db.flush()
    audit.write(db, by, "user.added", user.id, {"demo": demo})
    return user


def grant(db: Session, user: User, role: str, by: str) -> None:
    """Give a role. IdentityError `identity.unknown_role`, `identity.excluded`, `identity.self_granted` (I-15).

    The database's triggers decide; this only translates their words.
    """
    if role not in ROLES:
        raise IdentityError("identity.unknown_role")
    try:
        with db.begin_nested():
            db.add(UserRole(user=user.id, role=role, granted_by=by, granted_at=now(db)))
            db.flush()
    except IntegrityError as error:
        words = str(error.orig)
        key = "identity.self_granted" if "self_granted" in words else "identity.excluded"
        raise IdentityError("identity.has_role" if "UNIQUE" in words else key) from error
    audit.write(db, by, "role.granted", user.id, {"role": role})


def revoke_role(db: Session, user: User, role: str, by: str) -> None:
    """Take a role back. IdentityError `identity.has_not_role`."""
    row = db.get(UserRole, (user.id, role))
    if row is None:
        raise IdentityError("identity.has_not_role")
    db.delete(row)
    audit.write(db, by, "role.revoked", user.id, {"role": role})


def demo_names(db: Session) -> list[str]:
    """Demo accounts that exist; production refuses to start with any (keeps I-19)."""
    return list(db.exec(select(User.name).where(User.demo == True)))  # noqa: E712 - SQL
