"""Sign in and out, who am I, users and roles."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlmodel import col, select

from venue.db import Database, Reading, Writing
from venue.identity import service
from venue.identity.gate import COOKIE, CSRF_COOKIE, Actor, refuse, require, signed_in_actor
from venue.identity.tables import User, UserRole
from venue.settings import Settings

router = APIRouter()


class SignIn(BaseModel):
    """Name and password."""

    name: str = Field(max_length=80)
    password: str = Field(max_length=200)


class Me(BaseModel):
    """The signed-in person."""

    name: str
    display: str
    roles: list[str]
    permissions: list[str]


class UserRead(BaseModel):
    """A user as administrators see one."""

    id: str
    name: str
    display: str
    roles: list[str]
    demo: bool
    disabled: bool


class NewUser(BaseModel):
    """A user to add; roles are granted afterwards, one by one."""

    name: str = Field(min_length=2, max_length=80, pattern=r"^[a-z0-9][a-z0-9._-]*$")
    display: str = Field(min_length=1, max_length=80)
    password: str = Field(max_length=200)


class Grant(BaseModel):
    """A role to give."""

    role: str


@router.post("/sign-in", operation_id="sign_in")
def sign_in(request: Request, response: Response, body: SignIn) -> Me:
    """Sign in; sets the session cookie and the CSRF cookie that unsafe requests repeat as `X-CSRF`."""
    settings: Settings = request.app.state.settings
    database: Database = request.app.state.database
    try:
        token, csrf = service.sign_in(database, body.name, body.password, settings)
    except service.IdentityError as error:
        raise refuse(429 if str(error) == "identity.busy" else 401, str(error)) from error
    secure = bool(settings.web.certificate)
    age = settings.web.sign_in_hours * 3600
    response.set_cookie(COOKIE, token, max_age=age, httponly=True, secure=secure, samesite="strict")
    response.set_cookie(CSRF_COOKIE, csrf, max_age=age, secure=secure, samesite="strict")
    with database.reading() as db:
        return _me(service.actor_of(db, token))


@router.post("/sign-out", operation_id="sign_out")
def sign_out(db: Writing, request: Request, actor: Annotated[Actor, signed_in_actor]) -> Response:
    """End this session."""
    service.sign_out(db, request.cookies.get(COOKIE, ""), actor.name)
    response = JSONResponse({"ok": True})
    response.delete_cookie(COOKIE)
    response.delete_cookie(CSRF_COOKIE)
    return response


@router.get("/me", operation_id="me")
def me(actor: Annotated[Actor, signed_in_actor]) -> Me:
    """Who I am and what I may do."""
    return _me(actor)


def _me(actor: Actor) -> Me:
    return Me(
        name=actor.name,
        display=actor.display,
        roles=sorted(actor.roles),
        permissions=sorted(actor.permissions),
    )


@router.get("/users", operation_id="list_users")
def list_users(db: Reading, actor: Annotated[Actor, require("users.read")]) -> list[UserRead]:
    """Everybody, by name."""
    roles: dict[str, list[str]] = {}
    for row in db.exec(select(UserRole).order_by(UserRole.role)):
        roles.setdefault(row.user, []).append(row.role)
    return [
        UserRead(
            id=user.id, name=user.name, display=user.display, roles=roles.get(user.id, []), demo=user.demo,
            disabled=user.disabled,
        )
        for user in db.exec(select(User).order_by(col(User.name)))
    ]  # fmt: skip


@router.post("/users", status_code=201, operation_id="add_user")
def add_user(db: Writing, body: NewUser, actor: Annotated[Actor, require("users.write")]) -> UserRead:
    """Add a person without roles."""
    try:
        user = service.add_user(db, body.name, body.display, body.password, demo=False, by=actor.name)
    except service.IdentityError as error:
        raise refuse(409, str(error)) from error
    return UserRead(id=user.id, name=user.name, display=user.display, roles=[], demo=False, disabled=False)


@router.post("/users/{user_id}/roles", status_code=204, operation_id="grant_role")
def grant_role(
    db: Writing, user_id: str, body: Grant, actor: Annotated[Actor, require("users.write")]
) -> None:
    """Give a role; the database refuses exclusions and oneself (I-15)."""
    user = db.get(User, user_id)
    if user is None:
        raise refuse(404, "identity.unknown_user")
    try:
        service.grant(db, user, body.role, actor.name)
    except service.IdentityError as error:
        raise refuse(409, str(error), role=body.role) from error


@router.delete("/users/{user_id}/roles/{role}", status_code=204, operation_id="revoke_role")
def revoke_role(
    db: Writing, user_id: str, role: str, actor: Annotated[Actor, require("users.write")]
) -> None:
    """Take a role back."""
    user = db.get(User, user_id)
    if user is None:
        raise refuse(404, "identity.unknown_user")
    try:
        service.revoke_role(db, user, role, actor.name)
    except service.IdentityError as error:
        raise refuse(404, str(error), role=role) from error
