"""Signing in, and the exclusions that the database keeps (I-15, I-16)."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from tests.venue.web import PASSWORD, Web, web
from venue.db import now
from venue.db.audit import AuditRow
from venue.identity import service
from venue.identity.roles import ROLES, excluded_pairs
from venue.identity.tables import User, UserRole
from venue.settings import SettingsError


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Web]:
    with web(tmp_path) as made:
        yield made


def audited(at: Web) -> list[str]:
    with at.database.reading() as db:
        return list(db.exec(select(AuditRow.action).order_by(AuditRow.number)))  # type: ignore[arg-type]


def wrong(at: Web, name: str, password: str) -> str:
    answer = at.browser().post("/api/sign-in", json={"name": name, "password": password})
    assert answer.status_code in (401, 429)
    return str(answer.json()["detail"]["key"])


def test_sign_in_shows_who_one_is_and_sign_out_ends_it(at: Web) -> None:
    at.add("staff", "venue_staff")
    browser = at.browser("staff")
    assert browser.get("/api/me").json()["roles"] == ["venue_staff"]
    assert browser.post("/api/sign-out").status_code == 200
    assert browser.get("/api/me").status_code == 401
    assert "sign_in.accepted" in audited(at)
    assert "session.ended" in audited(at)


def test_a_stolen_cookie_is_useless_after_sign_out(at: Web) -> None:
    at.add("staff", "venue_staff")
    browser = at.browser("staff")
    token = browser.cookies["jz_session"]
    browser.post("/api/sign-out")
    thief = at.browser()
    thief.cookies.set("jz_session", token)
    assert thief.get("/api/me").status_code == 401


def test_a_session_ends_by_itself(at: Web) -> None:
    at.add("staff", "venue_staff")
    browser = at.browser("staff")
    at.clock.advance(11 * 3600)
    assert browser.get("/api/me").status_code == 401


def test_five_wrong_passwords_lock_for_fifteen_minutes(at: Web) -> None:
    at.add("staff", "venue_staff")
    assert [wrong(at, "staff", "no") for _ in range(5)] == ["identity.wrong"] * 5
    assert wrong(at, "staff", PASSWORD) == "identity.locked"
    at.clock.advance(14 * 60)
    assert wrong(at, "staff", PASSWORD) == "identity.locked"
    at.clock.advance(61)
    assert at.browser("staff").get("/api/me").status_code == 200
    assert audited(at).count("user.locked") == 1


def test_an_unknown_name_is_told_the_same_as_a_wrong_password(at: Web) -> None:
    assert wrong(at, "nobody", PASSWORD) == "identity.wrong"


def test_an_unsafe_request_needs_the_csrf_header(at: Web) -> None:
    at.add("staff", "venue_staff")
    browser = at.browser("staff")
    for header in ("", "guess"):
        browser.headers["X-CSRF"] = header
        answer = browser.post("/api/sign-out")
        assert (answer.status_code, answer.json()["detail"]["key"]) == (403, "identity.csrf")


def test_cookies_are_kept_from_scripts_and_other_sites(at: Web) -> None:
    at.add("staff")
    answer = at.browser().post("/api/sign-in", json={"name": "staff", "password": PASSWORD})
    session = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("jz_session"))
    assert "HttpOnly" in session
    assert "SameSite=strict" in session


@pytest.mark.req("X5")
@pytest.mark.parametrize(("role", "other"), excluded_pairs())
def test_roles_that_exclude_each_other_are_refused_by_the_database(at: Web, role: str, other: str) -> None:
    person = at.add("person", role)
    with pytest.raises(IntegrityError, match="user_role_excluded"), at.database.writing() as db:
        db.add(UserRole(user=person, role=other, granted_by="cli", granted_at=now(db)))


def test_a_role_cannot_be_changed_into_an_excluded_one(at: Web) -> None:
    person = at.add("person", "pool_keeper", "venue_staff")
    with pytest.raises(IntegrityError, match="user_role_excluded"), at.database.writing() as db:  # noqa: PT012
        row = db.get(UserRole, (person, "venue_staff"))
        assert row is not None
        row.role = "draw_operator"
        db.add(row)


@pytest.mark.req("S6")
def test_nobody_authorises_himself(at: Web) -> None:
    own = at.add("security", "security_admin")
    browser = at.browser("security")
    answer = browser.post(f"/api/users/{own}/roles", json={"role": "archivist"})
    assert (answer.status_code, answer.json()["detail"]["key"]) == (409, "identity.self_granted")
    with pytest.raises(IntegrityError, match="self_granted"), at.database.writing() as db:
        db.add(UserRole(user=own, role="archivist", granted_by="security", granted_at=now(db)))


def test_roles_are_granted_and_taken_back_by_another(at: Web) -> None:
    at.add("security", "security_admin")
    person = at.add("person")
    browser = at.browser("security")
    roles = f"/api/users/{person}/roles"
    assert browser.post(roles, json={"role": "archivist"}).status_code == 204
    assert browser.post(roles, json={"role": "archivist"}).json()["detail"]["key"] == "identity.has_role"
    assert browser.post(roles, json={"role": "emperor"}).json()["detail"]["key"] == "identity.unknown_role"
    assert browser.delete(f"{roles}/archivist").status_code == 204
    assert browser.delete(f"{roles}/archivist").status_code == 404
    assert audited(at)[-2:] == ["role.granted", "role.revoked"]


def test_a_disabled_person_is_out_at_once(at: Web) -> None:
    person = at.add("person", "archivist")
    browser = at.browser("person")
    with at.database.writing() as db:
        user = db.get(User, person)
        assert user is not None
        user.disabled = True
        db.add(user)
    assert browser.get("/api/me").status_code == 401


def test_production_refuses_demo_accounts_and_simulated_venues(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="V01"), web(tmp_path, production=True):
        pass


def test_a_demo_account_does_not_sign_in_in_production(at: Web) -> None:
    with at.database.writing() as db:
        service.add_user(db, "demo", "demo", PASSWORD, demo=True, by="cli")
    production = at.centre.settings.model_copy(update={"production": True})
    with pytest.raises(service.IdentityError, match=r"identity\.wrong"):
        service.sign_in(at.database, "demo", PASSWORD, production)


def test_many_attempts_at_once_get_no_more_tries(at: Web) -> None:
    at.add("staff", "venue_staff")
    with ThreadPoolExecutor(16) as hands:
        keys = list(hands.map(lambda n: wrong(at, "staff", f"guess {n}"), range(24)))
    keys += [wrong(at, "staff", "one more") for _ in range(6)]
    assert keys.count("identity.wrong") <= at.centre.settings.identity.wrong_passwords
    assert keys[-1] == "identity.locked"
    assert set(keys) <= {"identity.wrong", "identity.locked", "identity.busy"}
    assert audited(at).count("user.locked") == 1


def test_strangers_who_try_names_do_not_keep_others_from_writing(at: Web) -> None:
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            wrong(at, "nobody", PASSWORD)

    with ThreadPoolExecutor(12) as hands:
        floods = [hands.submit(flood) for _ in range(12)]
        longest = 0.0
        for _ in range(10):
            began = time.monotonic()
            with at.database.writing() as db:
                db.get(User, "x")
            longest = max(longest, time.monotonic() - began)
        stop.set()
        assert all(one.result() is None for one in floods)
    assert longest < 2.0


@pytest.mark.parametrize("name", ["centre", "cli", "unknown", "v01.edge", "v01.witness"])
def test_nobody_bears_the_name_of_an_actor_that_is_no_person(at: Web, name: str) -> None:
    at.add("security", "security_admin")
    new = {"name": name, "display": "示例", "password": PASSWORD}
    answer = at.browser("security").post("/api/users", json=new)
    assert (answer.status_code, answer.json()["detail"]["key"]) == (409, "identity.name_taken")


def test_every_role_has_a_permission_and_every_administrator_a_rival(at: Web) -> None:
    assert all(ROLES.values())
    assert {a for a, _ in excluded_pairs()} >= {"system_admin", "security_admin", "audit_admin"}
