"""The `venue` command: set-up, administration and serving of the centre. Exit codes: 0, 1 (no), 2 (wrong use)."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from sqlmodel import Session

from contract.clock import SystemClock
from contract.keys import KeyFileError
from contract.plan import PlanError
from venue.db import Database
from venue.edge_link import broker, ca, enrolment, keys
from venue.identity import service as identity
from venue.main import compose
from venue.main import serve as serving
from venue.settings import Settings, SettingsError, load_settings
from venue.sites.loading import SitesError, load_file

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
user_app = typer.Typer(no_args_is_help=True, help="Persons and their roles.")
sites_app = typer.Typer(no_args_is_help=True, help="Venue files.")
ca_app = typer.Typer(no_args_is_help=True, help="The private certificate authority.")
code_app = typer.Typer(no_args_is_help=True, help="Letting boxes in.")
app.add_typer(user_app, name="user")
app.add_typer(sites_app, name="sites")
app.add_typer(ca_app, name="ca")
app.add_typer(code_app, name="enrolment")

ConfigOption = Annotated[Path | None, typer.Option("--config", help="A TOML file over the shipped defaults.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_CLOCK = SystemClock()
_REFUSALS = (
    SettingsError, SitesError, PlanError, KeyFileError, ca.CaError, enrolment.EnrolmentError, identity.IdentityError,
    FileExistsError, serving.PortTaken,
)  # fmt: skip


@contextmanager
def _refusing() -> Iterator[None]:
    """Known refusals are one line on stderr and exit code 1."""
    try:
        yield
    except _REFUSALS as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def _settings(config: Path | None) -> Settings:
    try:
        return load_settings(config, compose.SUBJECTS)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


def _database(settings: Settings) -> Database:
    return compose.open_database(settings, _CLOCK)


def _show(as_json: bool, values: dict[str, Any]) -> None:
    if as_json:
        typer.echo(json.dumps(values, ensure_ascii=False))
    else:
        for name, value in values.items():
            typer.echo(f"{name}: {value}")


@app.command()
def serve(config: ConfigOption = None) -> None:
    """Serve pages, API and edge port until stopped."""
    settings = _settings(config)
    with _refusing():
        centre = compose.compose(settings, _CLOCK)
        sockets = serving.listen(settings)
    serving.serve(centre, sockets)


@app.command()
def migrate(config: ConfigOption = None) -> None:
    """Bring the database to this version."""
    with _refusing():
        _database(_settings(config)).engine.dispose()


@app.command()
def openapi() -> None:
    """Print the OpenAPI JSON of the pages' API."""
    document = compose.api_only().openapi()
    typer.echo(json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True))


@app.command("broker-config")
def broker_config(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Write mosquitto.conf and the access list under $VENUE_HOME/broker."""
    settings = _settings(config)
    _show(as_json, {"conf": str(_write_broker(settings))})


def _write_broker(settings: Settings) -> Path:
    with _database(settings).reading() as db:
        revoked = enrolment.revoked_names(db)
    files = broker.files_of(settings)
    return broker.write_config(files, settings.broker.host, settings.broker.port, revoked)


@app.command("broker-run")
def broker_run(config: ConfigOption = None) -> None:
    """Become the private mosquitto; a revocation ends it, and its supervisor must start it again."""
    settings = _settings(config)
    _write_broker(settings)
    broker.become_broker(broker.files_of(settings))


@user_app.command("add")
def user_add(
    name: str,
    role: Annotated[list[str], typer.Option("--role", help="Repeat for several.")],
    display: Annotated[str, typer.Option(help="Shown name; the account's name by default.")] = "",
    demo: Annotated[bool, typer.Option("--demo", help="A demo account; refused in production.")] = False,
    config: ConfigOption = None,
) -> None:
    """Add a person with roles. The password is read from standard input."""
    settings = _settings(config)
    with _refusing():
        _demo_allowed(demo, settings)
        password = _password()
        with _database(settings).writing() as db:
            _add_user(db, name, display or name, password, role, demo)


@user_app.command("load")
def user_load(
    demo: Annotated[bool, typer.Option("--demo", help="Demo accounts; refused in production.")] = False,
    config: ConfigOption = None,
) -> None:
    """Add several persons, all or none: standard input holds one JSON object a line, {name, password, roles}."""
    settings = _settings(config)
    with _refusing():
        _demo_allowed(demo, settings)
        accounts = [_account(number, line) for number, line in enumerate(sys.stdin, 1) if line.strip()]
        with _database(settings).writing() as db:
            for one in accounts:
                _add_user(db, one["name"], one["name"], one["password"], one["roles"], demo)


def _account(number: int, line: str) -> dict[str, Any]:
    try:
        account = json.loads(line)
        return {
            "name": str(account["name"]),
            "password": str(account["password"]),
            "roles": list(account["roles"]),
        }
    except (ValueError, KeyError, TypeError) as error:
        raise SettingsError(f"standard input:{number}: write {{name, password, roles}} ({error})") from error


def _demo_allowed(demo: bool, settings: Settings) -> None:
    if demo and settings.production:
        raise SettingsError("production = true refuses demo accounts (I-19)")


def _add_user(db: Session, name: str, display: str, password: str, roles: list[str], demo: bool) -> None:
    user = identity.add_user(db, name, display, password, demo=demo, by="cli")
    for role in roles:
        identity.grant(db, user, role, "cli")


def _password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


@sites_app.command("load")
def sites_load(file: Path, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Load a venue file, or load it again after a change."""
    settings = _settings(config)
    with _refusing(), _database(settings).writing() as db:
        plan = load_file(db, file, production=settings.production, by="cli")
    _show(as_json, {"venue": plan.venue.id, "rooms": len(plan.rooms), "cameras": len(plan.cameras)})


def _ca(settings: Settings) -> ca.Ca:
    pki = settings.pki
    return ca.Ca(settings.under_home(pki.folder), _CLOCK, pki.certificate_days, pki.renew_crl_days)


@ca_app.command("init")
def ca_init(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Make root, issuing CA, the certificates of centre and broker, and the centre's signing key.

    Run again it makes only what is missing. Outside the demo, move root.key off this machine afterwards.
    """
    settings = _settings(config)
    folder = settings.under_home(settings.pki.folder)
    with _refusing():
        if not (folder / "root.pem").exists():
            ca.init(folder, _CLOCK)
        authority = _ca(settings)
        for name in ("centre", "broker"):
            if not (folder / f"{name}.pem").exists():
                authority.issue_own(name)
        if not (folder / "crl.pem").exists():
            authority.write_crl()
        keys.make_keys(settings.home)
    _show(as_json, {"folder": str(folder), "ca": authority.root_fingerprint()})


@app.command()
def issue(
    name: str,
    csr: Annotated[Path | None, typer.Option(help="A PEM request; without it a key is made too.")] = None,
    config: ConfigOption = None,
) -> None:
    """Issue a certificate for NAME: printed for a CSR, written to the pki folder otherwise."""
    with _refusing():
        authority = _ca(_settings(config))
        if csr is None:
            authority.issue_own(name)
        else:
            typer.echo(authority.issue_csr(csr.read_text(), name).chain)


@app.command("renew-crl")
def renew_crl(config: ConfigOption = None) -> None:
    """Write the revocation list anew; an expired one locks everybody out."""
    with _refusing():
        _ca(_settings(config)).write_crl()


@code_app.command("code")
def enrolment_code(name: str, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """A one-time code for a box (`V01.edge`, `V01.witness`) and the root's fingerprint it compares."""
    settings = _settings(config)
    with _refusing():
        root = _ca(settings).root_fingerprint()
        with _database(settings).writing() as db:
            code = enrolment.new_code(db, name, "cli", settings.enrolment.code_minutes)
    _show(as_json, {"code": code, "ca": root, "minutes": settings.enrolment.code_minutes})


@code_app.command("approve")
def enrolment_approve(
    enrolment_id: str,
    fingerprint: Annotated[str, typer.Option(help="The eight digits as read off the box.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a waiting box in, if the fingerprint is right."""
    settings = _settings(config)
    with _refusing():
        centre_keys = compose.load_keys(settings)
        with _database(settings).writing() as db:
            row = enrolment.approve(db, enrolment_id, fingerprint, "cli", _ca(settings), centre_keys)
    _show(as_json, {"id": row.id, "name": row.name, "state": row.state})


@app.command()
def revoke(name: str, config: ConfigOption = None) -> None:
    """Take a box's certificate back and end its connection."""
    settings = _settings(config)
    with _refusing():
        centre_keys = compose.load_keys(settings)
        database = _database(settings)
        with database.writing() as db:
            names = enrolment.revoke(db, name, "cli", _ca(settings), centre_keys)
        with database.writing() as db:
            enrolment.enforce(db, broker.files_of(settings), names, name)


def main() -> None:
    """Entry point."""
    # databases, evidence and packages are for the centre's own user alone
    os.umask(0o077)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars, structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )  # fmt: skip
    app()


if __name__ == "__main__":
    main()
