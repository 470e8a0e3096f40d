"""A centre on a real SQLite file with the example venue: people signed in, edge and witness as plain hands."""

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyrage
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pyrage import x25519
from sqlmodel import select

import venue.archive.tables
import venue.bookings.api
import venue.db.duties
import venue.experts.api
import venue.sessions.api
from contract.clock import FakeClock, stamp
from contract.envelope import FactDraft, Position, build_fact
from contract.keys import SigningKey
from venue.archive import api as archive_api
from venue.archive import handlers as archive_handlers
from venue.db import Database, make_engine, new_id, now
from venue.db.duties import Desk
from venue.db.migrate import migrate
from venue.edge_link.keys import CentreKeys
from venue.edge_link.ledger import record
from venue.edge_link.tables import LedgerFact, Party, SignedDocument
from venue.experts import rules
from venue.identity.gate import token_hash
from venue.identity.tables import SignInSession, User, UserRole
from venue.sessions import handlers as session_handlers
from venue.settings import CHECKOUT, load_settings
from venue.sites.loading import load_file


class Witness:
    """The witness's side of a draw; knobs make it dishonest or absent."""

    def __init__(self) -> None:
        self.share = secrets.token_bytes(32)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.other_share = False
        self.before_reveal = lambda: None

    def ask(self, to: str, kind: str, body: dict[str, Any], timeout: float) -> dict[str, Any]:
        self.asked.append((kind, body))
        assert to == "V01.witness"
        if kind == "draw_commit":
            return {"ok": True, "commitment": rules.commitment(body["draw"], "witness", self.share)}
        self.before_reveal()
        assert rules.commitment(body["draw"], "witness", self.share) in body["commitments"]
        share = secrets.token_bytes(32) if self.other_share else self.share
        return {"ok": True, "share": share.hex()}


@dataclass
class Centre:
    """Everything a test touches."""

    home: Path
    clock: FakeClock
    database: Database
    witness: Witness = field(default_factory=Witness)
    edge_age: x25519.Identity = field(default_factory=x25519.Identity.generate)
    witness_age: x25519.Identity = field(default_factory=x25519.Identity.generate)
    keys: Mapping[str, SigningKey] = field(default_factory=dict)
    position: Position = field(default_factory=lambda: Position("V01", "boot-1"))
    overrides: dict[str, Any] = field(default_factory=dict)
    since: datetime = datetime(2026, 11, 1, tzinfo=UTC)

    @property
    def settings(self) -> Any:
        loaded = load_settings()
        subjects = {
            name: {**table, **self.overrides.get(name, {})} for name, table in loaded.subjects.items()
        }
        return loaded.model_copy(update={"home": self.home, "subjects": subjects})

    @property
    def desk(self) -> Desk:
        keys = CentreKeys(self.keys["centre"], self.since)
        return Desk(self.database, self.clock, self.settings, self.witness, keys)

    def client(self, *roles: str) -> TestClient:
        """A browser signed in with these roles; none: nobody."""
        app = FastAPI()
        app.state.database, app.state.settings, app.state.requests = (
            self.database,
            self.settings,
            self.witness,
        )
        app.state.keys = self.desk.keys
        for router in (venue.bookings.api.router, venue.sessions.api.router, venue.experts.api.router):
            app.include_router(router, prefix="/api")
        app.include_router(archive_api.router, prefix="/api")
        client = TestClient(app, base_url="http://test/api", raise_server_exceptions=True)
        if roles:
            token = self._sign_in(roles)
            client.cookies.set("jz_session", token)
            client.headers["X-CSRF"] = "csrf"
        return client

    def _sign_in(self, roles: tuple[str, ...]) -> str:
        token = secrets.token_hex(16)
        with self.database.writing() as db:
            user = User(
                id=new_id(db),
                name=f"{roles[0]}-{token[:4]}",
                display="示例",
                password_hash="-",
                created_at=now(db),
            )
            db.add(user)
            db.flush()
            for role in roles:
                db.add(UserRole(user=user.id, role=role, granted_by="setup", granted_at=now(db)))
            db.add(
                SignInSession(
                    token_hash=token_hash(token),
                    user=user.id,
                    csrf="csrf",
                    created_at=now(db),
                    seen_at=now(db),
                    expires_at=now(db) + timedelta(days=400),
                )
            )
        return token

    def wanted(
        self, starts_in: float = 3600, rooms: tuple[str, ...] = ("eval-1",), **other: Any
    ) -> dict[str, Any]:
        """A request for an evaluation of two hours, check-in half an hour before."""
        start = self.clock.now() + timedelta(seconds=starts_in)
        asked = {
            "project_code": "DEMO-2026-0001", "title": "示例项目", "kind": "evaluation",
            "checkin_opens_at": stamp(start - timedelta(minutes=30)), "starts_at": stamp(start),
            "ends_at": stamp(start + timedelta(hours=2)),
            "rooms": [
                {"room": room, "purpose": "clarification" if room.startswith("clar") else "evaluation"}
                for room in rooms
            ],
        }  # fmt: skip
        return asked | other

    def fact(
        self, kind: str, session: str | None = None, visit: str | None = None, **body: Any
    ) -> LedgerFact:
        """The site states a fact: into the ledger, then to the session handlers, as the ingest does."""
        draft = FactDraft(kind, body, session, visit)
        made = build_fact(draft, self.position, self.clock, 0)
        at = self.position
        self.position = Position(
            "V01", "boot-1", at.seq + 1, made.hash,
            at.session_seq + (session is not None), made.hash if session else at.session_prev,
        )  # fmt: skip
        with self.database.writing() as db:
            row = LedgerFact(
                edge="V01.edge", seq=made.fact.seq, id=made.fact.id, kind=kind, session=session,
                session_seq=made.fact.session_seq, visit=visit, wall=made.fact.at, hash=made.hash, raw=made.data,
            )  # fmt: skip
            db.add(row)
            db.flush()
            for handlers in (session_handlers.handlers, archive_handlers.handlers):
                if kind in handlers:
                    handlers[kind](db, record(row))
        return row

    def document(self, kind: str, subject: str = "", to: str = "V01.edge") -> dict[str, Any]:
        """The newest payload of a document."""
        with self.database.reading() as db:
            row = db.get(SignedDocument, (to, kind, subject))
            assert row is not None, f"no document {kind}/{subject}"
            return json.loads(row.payload)

    def audited(self, action: str) -> list[dict[str, Any]]:
        """Details of every audit row of an action."""
        from venue.db.audit import AuditRow

        with self.database.reading() as db:
            return [row.detail for row in db.exec(select(AuditRow).where(AuditRow.action == action))]

    def open_roster(self, sitting: str) -> dict[str, Any]:
        """Both keys together, as on site."""
        import base64

        body = self.document("roster", sitting)["body"]
        inner = pyrage.decrypt(base64.b64decode(body["sealed"]), [self.witness_age])
        plain = pyrage.decrypt(inner, [self.edge_age])
        assert hashlib.sha256(plain).hexdigest() == body["commitment"]
        return json.loads(plain)


def make_centre(
    home: Path,
    clock: FakeClock | None = None,
    keys: Mapping[str, SigningKey] | None = None,
    since: datetime | None = None,
) -> Centre:
    """A new centre with the example venue and its edge and witness enrolled."""
    clock = clock or FakeClock(datetime.fromisoformat("2026-11-20T00:00:00+00:00"))
    engine = make_engine(home / "centre" / "centre.sqlite")
    migrate(engine)
    centre = Centre(home, clock, Database(engine, clock))
    names = {"centre": "centre", "edge": "V01.edge", "witness": "V01.witness"}
    centre.keys = keys or {role: SigningKey.generate(name) for role, name in names.items()}
    centre.since = since or clock.now() - timedelta(days=1)
    with centre.database.writing() as db:
        load_file(db, CHECKOUT / "config/example/venue.toml", production=False, by="cli")
        for role, age in (("edge", centre.edge_age), ("witness", centre.witness_age)):
            key = centre.keys[role]
            described = key.describe(role, centre.since)  # type: ignore[arg-type]
            db.add(
                Party(
                    name=f"V01.{role}",
                    venue="V01",
                    certificate="-",
                    certificate_serial="-",
                    fingerprint="-",
                    signing_key_id=key.id,
                    signing_key=described.as_dict(),
                    seal_key=str(age.to_public()),
                    enrolled_at=clock.now(),
                    online=True,
                )
            )
    return centre
