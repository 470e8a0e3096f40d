"""The centre's web application on a real database, with a link that is not connected."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from contract.clock import FakeClock
from tests.venue.core import open_centre
from venue.db import Database
from venue.edge_link import ca
from venue.edge_link.keys import make_keys
from venue.identity import service
from venue.main.compose import Centre, compose
from venue.settings import CHECKOUT, Settings, load_settings
from venue.sites.loading import load_file

PASSWORD = "示例口令-0123456"
EXAMPLE = CHECKOUT / "config" / "example" / "venue.toml"


def settings_for(home: Path, **changes: Any) -> Settings:
    """The shipped settings with a home of their own; no broker listens there."""
    shipped = load_settings()
    broker = shipped.broker.model_copy(update={"port": 1})
    return shipped.model_copy(update={"home": home, "broker": broker, **changes})


@dataclasses.dataclass
class Web:
    """A composed centre that was not started, its clock, and browsers."""

    centre: Centre
    clock: FakeClock

    @property
    def database(self) -> Database:
        return self.centre.database

    def add(self, name: str, *roles: str) -> str:
        """A person with roles; returns the id."""
        with self.database.writing() as db:
            user = service.add_user(db, name, name, PASSWORD, demo=False, by="cli")
            for role in roles:
                service.grant(db, user, role, "cli")
        return user.id

    def browser(self, name: str = "", *, edge_port: bool = False) -> TestClient:
        """A browser, signed in as a person when one is named."""
        app = self.centre.edge_port if edge_port else self.centre.pages
        client = TestClient(app, base_url="http://test", raise_server_exceptions=False)
        if name:
            answer = client.post("/api/sign-in", json={"name": name, "password": PASSWORD})
            assert answer.status_code == 200, answer.text
            client.headers["X-CSRF"] = client.cookies["jz_csrf"]
        return client


@contextmanager
def web(home: Path, **changes: Any) -> Iterator[Web]:
    """Everything `venue serve` composes, without the network."""
    clock = FakeClock()
    settings = settings_for(home, **changes)
    ca.init(home / "pki", clock)
    authority = ca.Ca(home / "pki", clock, 30, 30)
    authority.issue_own("centre")
    authority.write_crl()
    make_keys(home)
    database = open_centre(home / "centre", clock)
    with database.writing() as db:
        load_file(db, EXAMPLE, production=False, by="cli")
    database.engine.dispose()
    centre = compose(settings, clock)
    yield Web(centre, clock)
    centre.database.engine.dispose()
