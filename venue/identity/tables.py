"""Users, their roles and their sessions."""

from datetime import datetime

from sqlmodel import Field

from venue.db.base import Table


class User(Table, table=True):
    """A person of the centre. `demo` accounts exist only in the demo and are refused in production (keeps I-19)."""

    __tablename__ = "user_account"
    id: str = Field(primary_key=True)
    name: str = Field(unique=True)
    display: str
    password_hash: str
    demo: bool = False
    disabled: bool = False
    wrong: int = 0
    locked_until: datetime | None = None
    created_at: datetime


class UserRole(Table, table=True):
    """A role held; triggers refuse exclusions and granting oneself (keeps I-15)."""

    __tablename__ = "user_role"
    user: str = Field(primary_key=True, foreign_key="user_account.id")
    role: str = Field(primary_key=True)
    granted_by: str
    granted_at: datetime


class RoleExclusion(Table, table=True):
    """Pairs of roles one person may not hold; read by the trigger."""

    __tablename__ = "role_exclusion"
    role: str = Field(primary_key=True)
    other: str = Field(primary_key=True)


class SignInSession(Table, table=True):
    """A signed-in browser. The token is stored hashed; `csrf` must come back in a header."""

    __tablename__ = "sign_in_session"
    token_hash: str = Field(primary_key=True)
    user: str = Field(foreign_key="user_account.id")
    csrf: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
