"""Settings, migrations, duties, the command line, the shield before every answer."""

import json
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import DateTime, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import SQLModel, select
from sqlmodel.sql.sqltypes import UTCDateTime
from typer.testing import CliRunner

from contract.clock import FakeClock
from tests.venue.core import Journal, enrol, open_centre, rows, standing
from tests.venue.web import EXAMPLE, Web, web
from venue import cli
from venue.db import Database, alarms, audit, now, outbox
from venue.db.duties import GRACE_S, Desk, Duty, DutyRun
from venue.db.migrate import migrate
from venue.edge_link.duties import watch_parties
from venue.edge_link.tables import Party
from venue.main.compose import SUBJECTS
from venue.main.scheduler import Scheduler
from venue.settings import SettingsError, load_settings
from venue.sites.loading import SitesError, load_file
from venue.sites.tables import DeviceRow, Room


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = open_centre(tmp_path)
    yield made
    made.engine.dispose()


# -- settings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[web]\nprot = 8000\n", r"c\.toml:2: web\.prot: unknown key"),
        ("[web]\nport = 'x'\n", r"c\.toml:2: web\.port"),
        ("[web\n", "not valid TOML"),
        ("[web]\nport = 70000\n", r"c\.toml:2: web\.port"),
        ("[broker]\nport = 1\n[web]\nport = 70000\n", r"c\.toml:4: web\.port"),
        ("[subjects.bookings]\nslot_step_min = 0\n", r"c\.toml:2: subjects\.bookings\.slot_step_min"),
        ("[subjects.bookings]\nslot_step = 5\n", r"c\.toml:2: subjects\.bookings\.slot_step: unknown key"),
        ("[subjects.booking]\nslot_step_min = 5\n", r"subjects\.booking: unknown table"),
    ],
)
def test_a_wrong_setting_is_named_with_file_line_and_key(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=says):
        load_settings(path, SUBJECTS)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path / "none.toml")


# -- database -----------------------------------------------------------------------------------------------


def test_the_migrations_make_exactly_the_tables(database: Database) -> None:
    migrate(database.engine)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"render_as_batch": True})
        differences = compare_metadata(context, SQLModel.metadata)
    assert not [d for d in differences if "uq_alarm_standing" not in str(d)]


def test_a_stored_time_is_aware_utc_in_every_table(database: Database) -> None:
    columns = [c for table in SQLModel.metadata.tables.values() for c in table.columns]
    times = [c for c in columns if isinstance(c.type, UTCDateTime | DateTime)]
    assert len(times) > 20
    assert {str(c): type(c.type).__name__ for c in times if not isinstance(c.type, UTCDateTime)} == {}
    with database.writing() as db:
        audit.write(db, "cli", "thing.made", "t")
        at = now(db)
    with database.reading() as db:
        stored = db.exec(select(audit.AuditRow)).one().at
    assert (stored, stored.utcoffset()) == (at, timedelta(0))


def test_every_guard_is_in_the_database(database: Database) -> None:
    with database.engine.connect() as connection:
        found = set(
            connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars()
        )
    guards = {
        f"{t}_no_{v}"
        for t in ("audit_row", "ledger_fact", "ledger_refusal", "checkpoint")
        for v in ("update", "delete")
    }
    guards |= {f"user_role_{w}_{v}" for w in ("exclusion", "self") for v in ("insert", "update")}
    assert guards <= found


@pytest.mark.req("I4")
@pytest.mark.parametrize("statement", ["UPDATE audit_row SET actor = 'x'", "DELETE FROM audit_row"])
def test_the_audit_trail_is_append_only(database: Database, statement: str) -> None:
    with database.writing() as db:
        audit.write(db, "cli", "thing.made", "t")
    with pytest.raises(DBAPIError, match="append_only"), database.writing() as db:
        db.connection().execute(text(statement))


def test_a_reading_transaction_writes_nothing_and_a_failed_one_neither(database: Database) -> None:
    with database.reading() as db:
        audit.write(db, "cli", "thing.made", "t")
    with pytest.raises(IntegrityError), database.writing() as db:  # noqa: PT012
        audit.write(db, "cli", "thing.made", "t")
        db.connection().execute(text("INSERT INTO site (id) VALUES (NULL)"))
    with database.reading() as db:
        assert rows(db, audit.AuditRow) == []


def test_an_alarm_stands_once(database: Database) -> None:
    with database.writing() as db:
        assert alarms.raise_(db, "a", "s", "alarm.a", {})
        assert not alarms.raise_(db, "a", "s", "alarm.a", {})
        assert alarms.clear(db, "a", "s")
        assert not alarms.clear(db, "a", "s")
        assert alarms.raise_(db, "a", "s", "alarm.a", {})
    with pytest.raises(IntegrityError), database.writing() as db:
        db.connection().execute(
            text(
                "INSERT INTO alarm (id, origin, alarm, subject, detail_key, params, raised_at) "
                "VALUES ('x', 'centre', 'a', 's', 'k', '{}', '2026-01-01')"
            )
        )


def test_a_keyed_message_replaces_the_unsent_one(database: Database) -> None:
    with database.writing() as db:
        for number in range(3):
            outbox.put(db, "down/V01.edge/documents/screens", {"n": number}, key="screens")
            db.flush()
        outbox.put(db, "down/V01.edge/documents/roster", {"n": 9}, key="roster")
        db.flush()
        assert [json.loads(m.payload)["n"] for m in outbox.unsent(db)] == [2, 9]


# -- sites --------------------------------------------------------------------------------------------------


@pytest.mark.req("V1")
def test_a_venue_file_is_loaded_and_loaded_again_after_a_change(database: Database, tmp_path: Path) -> None:
    with database.writing() as db:
        load_file(db, EXAMPLE, production=False, by="cli")
    changed = tmp_path / "venue.toml"
    changed.write_text(EXAMPLE.read_text().replace("capacity = 7", "capacity = 8"))
    with database.writing() as db:
        load_file(db, changed, production=False, by="cli")
    with database.reading() as db:
        room = db.get(Room, "eval-3")
        assert room is not None
        assert room.capacity == 8
        assert len([d for d in rows(db, DeviceRow) if d.device_class == "camera"]) == 14


def test_two_venues_cannot_share_a_room(database: Database, tmp_path: Path) -> None:
    other = tmp_path / "venue.toml"
    other.write_text(EXAMPLE.read_text().replace('id = "V01"', 'id = "V02"'))
    with database.writing() as db:
        load_file(db, EXAMPLE, production=False, by="cli")
    with pytest.raises(SitesError, match="already belongs to venue V01"), database.writing() as db:
        load_file(db, other, production=False, by="cli")


def test_production_refuses_a_simulated_venue(database: Database) -> None:
    with pytest.raises(SitesError, match="I-19"), database.writing() as db:
        load_file(db, EXAMPLE, production=True, by="cli")


# -- duties -------------------------------------------------------------------------------------------------


def desk(database: Database) -> Desk:
    return Desk(database, database.clock, load_settings(), None, None)


def run_of(database: Database, name: str) -> DutyRun:
    with database.reading() as db:
        found = db.get(DutyRun, name)
    assert found is not None
    return found


def test_a_duty_that_fails_is_an_alarm_until_it_runs_again(database: Database) -> None:
    broken = [True]

    def work(_: Desk) -> None:
        if broken[0]:
            raise OSError("no such luck")

    duty = Duty("work", 5, work)
    made = Scheduler([duty], desk(database))
    made.run(duty)
    assert standing(database) == {"duty_failed"}
    assert run_of(database, "work").error == "OSError"
    broken[0] = False
    made.run(duty)
    assert standing(database) == set()
    assert (run_of(database, "work").runs, run_of(database, "work").error) == (2, None)


def test_a_duty_that_does_not_run_is_an_alarm_until_it_does(database: Database) -> None:
    clock = database.clock
    assert isinstance(clock, FakeClock)
    duty = Duty("rare", 3600, lambda _: None)
    made = Scheduler([duty], desk(database))
    made.start()
    made.stop()
    watch = Duty("watch_duties", 10, made.watch)
    clock.advance(3600 * 3)
    made.run(watch)
    assert "duty_late" not in standing(database)
    clock.advance(GRACE_S + 1)
    made.run(watch)
    assert "duty_late" in standing(database)
    made.run(duty)
    assert "duty_late" not in standing(database)


def test_an_edge_from_which_nothing_comes_is_an_alarm_until_it_is_back(database: Database) -> None:
    clock = database.clock
    assert isinstance(clock, FakeClock)
    enrol(database, Journal(clock))
    watch_parties(desk(database))
    assert standing(database) == set()
    clock.advance(61)
    watch_parties(desk(database))
    assert standing(database) == {"edge_silent"}
    with database.writing() as db:
        party = rows(db, Party)[0]
        party.online = True
        db.add(party)
    watch_parties(desk(database))
    assert standing(database) == set()


def test_duties_run_by_themselves(database: Database) -> None:
    from tests.venue.wire import wait_for

    done: list[int] = []
    made = Scheduler([Duty("often", 0.1, lambda _: done.append(1))], desk(database))
    made.start()
    assert made.alive()
    wait_for(lambda: len(done) >= 2)
    made.stop()
    assert not made.alive()
    assert run_of(database, "often").ended_at is not None


# -- before every answer ------------------------------------------------------------------------------------


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Web]:
    pages = tmp_path / "dist"
    (pages / "assets").mkdir(parents=True)
    for name in ("staff", "wall", "sign"):
        (pages / f"{name}.html").write_text(f"<title>{name}</title>")
    (pages / "assets" / "a-1234.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    with web(tmp_path / "home", pages=str(pages)) as made:
        made.add("audit", "audit_admin")
        yield made


HTML = {"accept": "text/html"}


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/", "staff"),
        ("/sessions/1", "staff"),
        ("/wall", "wall"),
        ("/signs/hall", "sign"),
        ("/signs/doors/x", "sign"),
    ],
)
def test_pages_are_served_fresh(at: Web, path: str, title: str) -> None:
    answer = at.browser().get(path, headers=HTML)
    assert f"<title>{title}</title>" in answer.text
    assert answer.headers["cache-control"] == "no-cache"


def test_hashed_assets_are_served_for_ever_and_missing_ones_are_missing(at: Web) -> None:
    assert "immutable" in at.browser().get("/assets/a-1234.js").headers["cache-control"]
    assert at.browser().get("/assets/b.js").status_code == 404
    assert at.browser().get("/api/none", headers=HTML).status_code == 404


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/%2e%2e/%2e%2e/secret.txt"])
def test_nothing_outside_the_pages_is_served(at: Web, path: str) -> None:
    assert "secret" not in at.browser().get(path).text


def test_without_pages_the_answer_says_so(tmp_path: Path) -> None:
    with web(tmp_path / "home", pages=str(tmp_path / "none")) as made:
        answer = made.browser().get("/", headers=HTML)
    assert (answer.status_code, answer.json()["detail"]["key"]) == (503, "pages.not_built")


@pytest.mark.parametrize("path", ["/", "/api/me", "/none", "/health"])
def test_every_answer_carries_the_security_headers(at: Web, path: str) -> None:
    headers = at.browser().get(path, headers=HTML).headers
    assert "script-src" not in headers["content-security-policy"]
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    if path.startswith("/api"):
        assert headers["cache-control"] == "no-store"


def test_a_body_beyond_the_limit_is_refused(at: Web) -> None:
    answer = at.browser().post("/api/sign-in", content=b"x" * ((16 << 20) + 1))
    assert answer.status_code in (413, 400)


def test_what_was_sent_is_not_repeated_in_an_error(at: Web) -> None:
    answer = at.browser().post("/api/sign-in", json={"name": "a", "password": ["geheim"]})
    assert answer.status_code == 422
    assert answer.json()["detail"]["key"] == "request.invalid"
    assert "geheim" not in answer.text


def test_a_look_at_the_audit_trail_is_on_the_trail(at: Web) -> None:
    browser = at.browser("audit")
    browser.get("/api/audit")
    assert browser.get("/api/audit").json()[0]["action"] == "audit.viewed"


def test_health_says_what_is_not_well(at: Web) -> None:
    said = at.browser().get("/health").json()
    assert said == {"serving": True, "broker": False, "duties": False, "disk": "ok"}


# -- the command line ---------------------------------------------------------------------------------------


@pytest.fixture
def venue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("VENUE_HOME", str(tmp_path))
    runner = CliRunner()
    return lambda *words, stdin="": runner.invoke(cli.app, list(words), input=stdin)


def test_setting_up_from_nothing(venue: Any, tmp_path: Path) -> None:
    for _ in range(2):
        assert venue("ca", "init").exit_code == 0
    assert venue("migrate").exit_code == 0
    assert json.loads(venue("sites", "load", str(EXAMPLE), "--json").stdout)["rooms"] == 6
    assert (
        venue("user", "add", "staff", "--role", "venue_staff", "--demo", stdin="long-enough-1\n").exit_code
        == 0
    )
    assert venue("broker-config").exit_code == 0
    assert "require_certificate true" in (tmp_path / "broker" / "mosquitto.conf").read_text()
    assert venue("issue", "V01.witness").exit_code == 0
    given = json.loads(venue("enrolment", "code", "V01.edge", "--json").stdout)
    assert len(given["ca"]) == 64
    assert (tmp_path / "pki" / "centre.key").stat().st_mode & 0o077 == 0
    assert (tmp_path / "centre" / "keys" / "centre-1.pem").stat().st_mode & 0o077 == 0


def test_refusals_are_one_line_and_exit_one(venue: Any, tmp_path: Path) -> None:
    free = tmp_path / "c.toml"
    free.write_text("[web]\nport = 0\n[edge_port]\nport = 0\n")
    assert "run `venue ca init` first" in venue("serve", "--config", str(free)).stderr
    refused = venue(
        "user", "add", "a-b", "--role", "pool_keeper", "--role", "draw_operator", stdin="long-enough-1\n"
    )
    assert (refused.exit_code, refused.stderr.strip()) == (1, "identity.excluded")
    assert venue("user", "add", "a-b", "--role", "venue_staff", stdin="long-enough-1\n").exit_code == 0
    assert venue("sites", "load", "/none.toml").exit_code == 1
    assert venue("enrolment", "code", "nonsense").exit_code == 1


def test_several_persons_are_added_all_or_none(venue: Any) -> None:
    assert venue("migrate").exit_code == 0
    good = '{"name": "one", "password": "long-enough-1", "roles": ["venue_staff"]}\n'
    excluded = '{"name": "two", "password": "long-enough-1", "roles": ["pool_keeper", "draw_operator"]}\n'
    assert venue("user", "load", stdin=good + excluded).exit_code == 1
    refused = venue("user", "load", stdin=good + '{"name": "two"}\n')
    assert (refused.exit_code, "standard input:2" in refused.stderr) == (1, True)
    assert venue("user", "load", stdin=good).exit_code == 0
    assert "identity.name_taken" in venue("user", "load", stdin=good).stderr


def test_a_port_in_use_is_named(venue: Any, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        (tmp_path / "c.toml").write_text(f"[web]\nport = {port}\n")
        venue("ca", "init")
        refused = venue("serve", "--config", str(tmp_path / "c.toml"))
    assert (refused.exit_code, refused.stderr.startswith(f"[web] 127.0.0.1:{port}")) == (1, True)


def test_wrong_use_exits_two(venue: Any, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text("nonsense = 1\n")
    assert venue("serve", "--config", str(tmp_path / "c.toml")).exit_code == 2
    assert venue("user", "add").exit_code == 2


def test_the_api_describes_itself(venue: Any) -> None:
    described = json.loads(venue("openapi").stdout)
    assert "/api/sign-in" in described["paths"]
