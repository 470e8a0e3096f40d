"""What the centre is made of: routers, handlers of facts, duties; and how one process is put together."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from pydantic import BaseModel

from contract.clock import Clock
from venue.archive import api as archive_api
from venue.archive import tables as archive_tables
from venue.archive.duties import duties as archive_duties
from venue.archive.handlers import handlers as archive_handlers
from venue.archive.intake import make_intake
from venue.archive.settings import ArchiveSettings
from venue.bookings import api as bookings_api
from venue.bookings import tables as booking_tables
from venue.bookings.settings import BookingSettings
from venue.db import Database, alarms, make_engine
from venue.db.duties import Desk, Duty
from venue.db.migrate import migrate
from venue.edge_link import edge_api, keys
from venue.edge_link.ca import Ca
from venue.edge_link.duties import duties as link_duties
from venue.edge_link.facts import Handler
from venue.edge_link.handlers import handlers as link_handlers
from venue.edge_link.ingest import Ingest
from venue.edge_link.link import BrokerAddress, Link
from venue.experts import api as experts_api
from venue.experts import tables as expert_tables
from venue.experts.settings import ExpertSettings
from venue.identity import api as identity_api
from venue.identity import service as identity_service
from venue.main import disk, operations_api
from venue.main.pages import pages_router
from venue.main.scheduler import Scheduler
from venue.main.shield import Shield, add_errors
from venue.sessions import api as sessions_api
from venue.sessions import tables as session_tables
from venue.sessions.duties import duties as session_duties
from venue.sessions.handlers import handlers as session_handlers
from venue.sessions.settings import SessionSettings
from venue.settings import Settings, SettingsError
from venue.sites import api as sites_api
from venue.sites.handlers import handlers as site_handlers
from venue.sites.loading import simulated_sites
from venue.supervision import api as supervision_api
from venue.supervision import tables as supervision_tables
from venue.supervision.handlers import handlers as supervision_handlers

_TABLES = (archive_tables, booking_tables, expert_tables, session_tables, supervision_tables)
"""Named so that every table is known to migrations; the core's tables come with the modules above."""

SUBJECTS: Mapping[str, type[BaseModel]] = {
    "archive": ArchiveSettings, "bookings": BookingSettings, "experts": ExpertSettings, "sessions": SessionSettings,
}  # fmt: skip
"""The tables `[subjects.NAME]` of the settings, and what each may hold."""

_ROUTERS = (
    identity_api, sites_api, operations_api, bookings_api, sessions_api, experts_api, supervision_api, archive_api,
)  # fmt: skip
_HANDLERS = (link_handlers, site_handlers, session_handlers, supervision_handlers, archive_handlers)
_DUTIES = (*link_duties, *session_duties, *archive_duties, *disk.duties)


def routers() -> list[APIRouter]:
    """Everything under `/api`, core first."""
    return [module.router for module in _ROUTERS]


def fact_handlers() -> Mapping[str, Sequence[Handler]]:
    """Kind of fact → who takes it, in order: core, then subjects."""
    merged: dict[str, list[Handler]] = {}
    for table in _HANDLERS:
        for kind, handler in table.items():
            merged.setdefault(kind, []).append(handler)
    return merged


def _check_crl(desk: Desk) -> None:
    ca = _ca(desk.settings, desk.clock)
    age = ca.crl_age()
    with desk.database.writing() as db:
        if age > 0.5:
            percent = round(age * 100)
            alarms.raise_(db, "crl_ageing", "crl", "alarm.crl_ageing", {"percent": percent})
        else:
            alarms.clear(db, "crl_ageing", "crl")


def duties() -> list[Duty]:
    """Every timed duty of the centre."""
    return [Duty("check_revocation_list", 3600.0, _check_crl), *_DUTIES]


def _ca(settings: Settings, clock: Clock) -> Ca:
    pki = settings.pki
    return Ca(settings.under_home(pki.folder), clock, pki.certificate_days, pki.renew_crl_days)


@dataclass(frozen=True, slots=True)
class Centre:
    """One running centre, not yet started."""

    settings: Settings
    database: Database
    link: Link
    scheduler: Scheduler
    pages: FastAPI
    edge_port: FastAPI


def open_database(settings: Settings, clock: Clock) -> Database:
    """The database, migrated to head."""
    engine = make_engine(settings.under_home(settings.database))
    migrate(engine)
    return Database(engine, clock)


def load_keys(settings: Settings) -> keys.CentreKeys:
    """The centre's signing key; its term begins with the file."""
    path = keys.signing_path(settings.home)
    if not path.exists():
        raise SettingsError(f"{path}: no signing key; run `venue ca init` first")
    return keys.load_keys(settings.home, datetime.fromtimestamp(path.stat().st_mtime, tz=UTC))


def compose(settings: Settings, clock: Clock) -> Centre:
    """Put the centre together. SettingsError, CaError or KeyFileError say what is missing."""
    database = open_database(settings, clock)
    _refuse_demo(settings, database)
    centre_keys, ca = load_keys(settings), _ca(settings, clock)
    ingest = Ingest(database, centre_keys.signing, fact_handlers())
    link = Link(database, centre_keys, ingest, _broker(settings), settings.broker.resend_commands_s)
    database.on_commit = link.nudge
    desk = Desk(database, clock, settings, link.requests, centre_keys)
    scheduler = Scheduler(duties(), desk)
    state = {
        "settings": settings, "database": database, "clock": clock, "keys": centre_keys, "ca": ca,
        "requests": link.requests, "link": link, "scheduler": scheduler,
    }  # fmt: skip
    return Centre(settings, database, link, scheduler, pages_app(state), edge_app(state))


def _refuse_demo(settings: Settings, database: Database) -> None:
    """Keeps I-19: production has neither demo accounts nor simulated venues."""
    if not settings.production:
        return
    with database.reading() as db:
        names, sites = identity_service.demo_names(db), simulated_sites(db)
    if names or sites:
        raise SettingsError(
            f"production = true, but demo accounts {names} or simulated venues {sites} exist; use another database"
        )


def _broker(settings: Settings) -> BrokerAddress:
    pki = settings.under_home(settings.pki.folder)
    at = settings.broker
    return BrokerAddress(
        at.host, at.port, at.keepalive_s, pki / "ca.pem", pki / "centre.pem", pki / "centre.key"
    )


def _app(state: Mapping[str, Any], title: str) -> FastAPI:
    app = FastAPI(title=title, version="0.1.0", docs_url=None, redoc_url=None, openapi_url=None)
    for name, value in state.items():
        setattr(app.state, name, value)
    add_errors(app)
    return app


def api_only() -> FastAPI:
    """The API without anything behind it, for its description."""
    app = _app({}, "jianzheng centre")
    for router in routers():
        app.include_router(router, prefix="/api")
    return app


def pages_app(state: Mapping[str, Any]) -> FastAPI:
    """Pages and `/api`."""
    settings: Settings = state["settings"]
    app = _app(state, "jianzheng centre")
    for router in routers():
        app.include_router(router, prefix="/api")
    app.add_api_route("/health", lambda: _health(state), include_in_schema=False)
    app.include_router(pages_router(settings.pages_folder()))
    limit = settings.web.max_body_mb << 20
    app.add_middleware(Shield, max_body=limit, https=bool(settings.web.certificate))
    return app


def _health(state: Mapping[str, Any]) -> Response:
    """200 when it serves; the body says whether broker and duties are well."""
    link, scheduler = state["link"], state["scheduler"]
    body = {"serving": True, "broker": link.connected(), "duties": scheduler.alive()}
    body["disk"] = disk.state(state["settings"])
    return Response(json.dumps(body), media_type="application/json")


def edge_app(state: Mapping[str, Any]) -> FastAPI:
    """The edge port."""
    app = _app(state, "jianzheng edge port")
    app.include_router(edge_api.enrolment_router(state["ca"], state["keys"]))
    app.include_router(edge_api.evidence_router(make_intake(state["settings"], state["database"])))
    longer = {"/edge/segments/": edge_api.MAX_SEGMENT}
    app.add_middleware(Shield, max_body=edge_api.MAX_BODY, https=True, longer=longer)
    return app
