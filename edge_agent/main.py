"""The edge's composition root: reads top to bottom, builds every part once, starts them in order.

journal → engine → devices and hands → inbox, sessions, rosters, checkpoints → recorder, link, ports, duties.
"""

import fcntl
import os
import secrets
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from access_control.observations import KioskAction
from access_control.recovery import recover
from access_control.screens import kiosk_screen
from access_control.settings import Settings as PassageSettings
from contract.clock import Clock
from contract.commands import Command
from contract.documents import Screens
from contract.envelope import FactDraft, Record
from contract.keys import KeyRing
from contract.plan import VenuePlan
from devices.build import DeviceSet, build_devices
from devices.ports import DeviceEvent, DeviceHealth, FaceMatcher
from edge_agent import kiosk_api, witness_api
from edge_agent.alarms import Alarms
from edge_agent.checkpoints import Checkpoints
from edge_agent.config_file import ConfigError
from edge_agent.duties import Duties, Duty
from edge_agent.engine import Engine
from edge_agent.evidence import EvidenceDesk, Uploader, segments_of
from edge_agent.hands import Equipment, SiteHands
from edge_agent.health import DeviceStates, disk_watch
from edge_agent.inbox import Inbox, Party
from edge_agent.journal import Journal
from edge_agent.keys import Keys, load_trust, write_private
from edge_agent.keys import load as load_keys
from edge_agent.link import Handlers, Link
from edge_agent.messages import load_texts
from edge_agent.mqtt import Broker
from edge_agent.orders import Facilities, LiveViews, Orders
from edge_agent.recorder_link import RecorderChild, RecorderEvents, RecorderLink
from edge_agent.rosters import BadRoster, RosterKeeper
from edge_agent.rosters import Desk as RosterDesk
from edge_agent.sessions import Duties as SessionDuties
from edge_agent.sessions import Sessions
from edge_agent.settings import EdgeSettings, load_venue
from edge_agent.venue_site import camera_table, places, site_of

_log = structlog.get_logger(__name__)
WAIT_SECONDS = 10.0


class Edge:
    """One running edge. `start` returns once everything listens; `wait` until a signal or a failure."""

    def __init__(self, settings: EdgeSettings, clock: Clock) -> None:
        self.settings, self.clock = settings, clock
        self.plan: VenuePlan = load_venue(settings)
        self.name, venue = f"{self.plan.venue.id}.edge", self.plan.venue.id
        self._lock = _only_one(settings.folder / "edge.lock")
        self.keys: Keys = load_keys(settings.folder / "keys", self.name)
        passage = _passage(settings)

        self.journal = Journal.open(settings.folder / "journal.db", venue, clock)
        self.engine = Engine(self.journal, site_of(self.plan), passage, clock)
        self.alarms = Alarms(self.journal, self.engine.record)
        self.engine.watch(self.alarms.take)

        self.devices: DeviceSet = _devices(self.plan, settings, self._device_event, clock)
        self.states = DeviceStates(self.plan, self.engine, self.alarms)
        self.faces = _faces(settings)
        texts = load_texts(settings.messages, settings.message_language)
        equipment = Equipment(
            self.devices.doors, self.devices.banks, self.devices.messages, self.faces, texts,
            getattr(self.plan.venue.name, settings.message_language),
        )  # fmt: skip
        self.hands = SiteHands(self.engine, equipment, passage, clock)
        self.engine.attach(self.hands)

        self._enrolled = load_trust(self.keys.files)
        self.party = Party(self.name, venue, self.trust, clock)
        self.inbox = Inbox(self.party, self.journal, self.engine.record, self.alarms)
        self._ring = self._trust_now()
        self.checkpoints = Checkpoints(
            self.party, self.keys.signing, self.journal, self.engine.record, self.alarms
        )

        self.recorder = RecorderLink(settings.folder / "recorder.sock", self._recorder_events())
        command = [word.replace("{home}", str(settings.state)) for word in settings.recorder.command]
        self.child = RecorderChild(
            command, settings.state / "recordings" / ".lock", settings.state / "logs" / "venue-recorder.log"
        )
        relays = {
            room.id: tuple(self.devices.relays[r.id] for r in self.plan.relays if r.room == room.id)
            for room in self.plan.rooms
        }
        self.facilities = Facilities(relays, self.engine)
        self.sessions = Sessions(
            self.plan, self.inbox, self.journal, self.engine.record, self._session_duties(), clock,
            settings.recorder.stop_seconds,
        )  # fmt: skip
        self.engine.watch(self.sessions.take)
        self.rosters = RosterKeeper(self.inbox, self.keys, clock, f"{venue}.witness", self._roster_desk())
        self.views = LiveViews(self.engine, self.recorder, self.sessions)
        self.orders = Orders(self.engine, self.inbox, self.sessions, self.facilities, self._send_evidence)
        self.uploader = Uploader(settings.centre.url, self.keys, clock, self._evidence_desk())

        centre = settings.centre
        broker = Broker(
            centre.mqtt_host, centre.mqtt_port, self.name, self.keys.files, centre.keepalive_seconds
        )
        self.link = Link(broker, self.journal, self.trust, clock, self._link_handlers())
        self.engine.watch(lambda _: self.link.wake())

        self.duties = Duties(self._duty_list(), clock, self.alarms)
        for work in (self.sessions.tick, self.rosters.tick, self.duties.judge):
            self.engine.every_tick(work)

        self._languages: dict[str, str] = {kiosk.id: settings.message_language for kiosk in self.plan.kiosks}
        self.tokens = {k.id: _token(self.keys.files.path / f"{k.id}.token") for k in self.plan.kiosks}
        app = kiosk_api.build(self._kiosk_desk(), settings.pages)
        self.kiosk_server = uvicorn.Server(
            uvicorn.Config(
                app, host=settings.kiosk.host, port=settings.kiosk.port, ws="none", lifespan="off",
                access_log=False, log_config=None, timeout_graceful_shutdown=2,
            )
        )  # fmt: skip
        self.witness_server = witness_api.server(
            witness_api.build(self._witness_desk(), f"{venue}.witness"),
            settings.witness.host, settings.witness.port, self.keys.files,
        )  # fmt: skip
        self._servers: list[threading.Thread] = []
        self._stop = threading.Event()

    # ---- life ----

    def start(self) -> None:
        """State the start, settle what a crash left, then let the world in."""
        self.recorder.start()
        self.engine.start()
        self.engine.call(self._begin).result(timeout=WAIT_SECONDS)
        self.devices.start()
        self.child.start()
        self.link.start()
        self.uploader.start()
        self.duties.start()
        for server, name in ((self.kiosk_server, "kiosk"), (self.witness_server, "witness")):
            thread = threading.Thread(target=self._serve, args=(server,), name=f"{name}-port", daemon=True)
            thread.start()
            self._servers.append(thread)
        _log.info("edge_started", name=self.name, boot=self.journal.boot, size=self.journal.size)

    def wait(self) -> int:
        """Until SIGTERM or SIGINT (0) or a failure of the engine or a port (1)."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        while not self._stop.wait(0.5):
            if self.engine.ended.is_set():
                return 1
        return 0 if self.engine.failure is None else 1

    def stop(self) -> None:
        """The reverse of `start`."""
        self.kiosk_server.should_exit = self.witness_server.should_exit = True
        for thread in self._servers:
            thread.join()
        self.duties.stop()
        self.uploader.stop()
        self.link.stop()
        self.child.stop()
        self.devices.stop()
        self.recorder.stop()
        self.hands.stop()
        self.engine.stop()
        self.journal.close()
        os.close(self._lock)

    def _serve(self, server: uvicorn.Server) -> None:
        try:
            server.run()
        except SystemExit:
            # uvicorn's way to say that it cannot listen
            _log.error("port_taken", host=server.config.host, port=server.config.port)
        if not server.should_exit:
            self._stop.set()
            self.engine.failure = self.engine.failure or OSError("a port could not be served")

    def _begin(self) -> None:
        body = {
            "version": version("jianzheng"), "simulated": self.plan.venue.simulated,
            "recovered_from_seq": self.journal.recovered_from,
        }  # fmt: skip
        self.engine.record([FactDraft("edge_started", body)])
        self.engine.apply(recover(self.engine.area, self.engine.now()))
        self.orders.settle_unanswered()

    # ---- trust ----

    def trust(self) -> KeyRing:
        """Whom we believe: the keys of enrolment, then what the `trust` document says."""
        return self._ring

    def _trust_now(self) -> KeyRing:
        documents = self.inbox.documents("trust")
        if not documents:
            return self._enrolled
        table = KeyRing.from_table(documents[-1].body)
        return table if table.only("centre").all() else self._enrolled

    # ---- devices ----

    def _device_event(self, event: DeviceEvent) -> None:
        if isinstance(event, DeviceHealth):
            self.engine.call(lambda: self.states.changed(event))
        else:
            self.engine.observe(event)

    # ---- recorder ----

    def _recorder_events(self) -> RecorderEvents:
        return RecorderEvents(
            hello=lambda: _log.info("recorder_here"),
            report=self._report,
            health=lambda cameras: self._later(lambda: self.states.cameras(cameras)),
            stopped=lambda sid: self._later(lambda: self.sessions.recorder_stopped(sid)),
            view_ended=self._view_ended,
            gone=self._recorder_gone,
        )

    def _view_ended(self, view: str) -> None:
        self.views.ended(view)

    def _recorder_gone(self) -> None:
        self.views.all_ended()
        self._later(self.states.recorder_gone)

    def _later(self, work: Any) -> None:
        self.engine.call(work)

    def _report(self, worker: str, number: int, kind: str, body: Mapping[str, Any]) -> None:
        """Journal a report once by (worker, number); returns when it is durable."""
        self.engine.call(lambda: self._take_report(worker, number, kind, body)).result(timeout=WAIT_SECONDS)

    def _take_report(self, worker: str, number: int, kind: str, body: Mapping[str, Any]) -> None:
        if self.journal.rows("SELECT 1 FROM report WHERE worker = ? AND number = ?", (worker, number)):
            return
        if kind not in ("segment_finalised", "gap_declared"):
            raise ValueError(f"report of kind {kind}")
        draft = FactDraft(
            kind, {**body, "worker": worker, "number": number}, self.sessions.session_of(body["camera"])
        )
        self.engine.record(
            [draft],
            also=lambda db, made: db.execute(
                "INSERT INTO report VALUES (?, ?, ?)", (worker, number, made[-1].fact.seq)
            ),
        )

    # ---- sessions, rosters, evidence ----

    def _session_duties(self) -> SessionDuties:
        cameras = camera_table(self.plan, str(self.settings.state))
        return SessionDuties(
            observe=self.engine.handle,
            switch=self.facilities.switch,
            record_cameras=lambda record: self.recorder.plan(cameras, record),
            cut=self.recorder.cut,
            checkpoint=self.checkpoints.sign,
            closed=self._closed,
        )

    def _closed(self, session: str) -> None:
        self.uploader.send(session)

    def _roster_desk(self) -> RosterDesk:
        return RosterDesk(
            observe=self.engine.handle,
            set_rosters=self.engine.set_rosters,
            get_open=lambda: self.engine.rosters.open,
            over=self.sessions.sitting_over,
        )

    def _send_evidence(self, session: str) -> bool:
        closed = session in {r.fact.session for r in self.journal.of_kind("session_closed")}
        if closed:
            self.uploader.send(session)
        return closed

    def _evidence_desk(self) -> EvidenceDesk:
        folder = self.settings.state / "recordings"

        def bodies(session: str) -> list[Mapping[str, Any]]:
            facts: list[Record] = self.journal.of_session(session)
            return [r.fact.body for r in facts if r.fact.kind == "segment_finalised"]

        def unsent() -> list[str]:
            sent = {r.fact.body["session"] for r in self.journal.of_kind("evidence_sent")}
            closed = [str(r.fact.session) for r in self.journal.of_kind("session_closed")]
            return [session for session in closed if session not in sent]

        return EvidenceDesk(
            segments=lambda session: segments_of(bodies(session), folder),
            unsent=unsent,
            state=lambda draft: self.engine.call(lambda: self._state_sent(draft)).result(WAIT_SECONDS),
            alarm=lambda alarm, subject: self._later(lambda: self.alarms.raise_(alarm, subject)),
        )

    def _state_sent(self, draft: FactDraft) -> None:
        sent = {r.fact.body["session"] for r in self.journal.of_kind("evidence_sent")}
        if draft.body["session"] not in sent:
            self.engine.record([draft])

    # ---- the centre ----

    def _link_handlers(self) -> Handlers:
        return Handlers(
            document=lambda payload: self._later(lambda: self._document(payload)),
            command=lambda payload: self._later(lambda: self._command(payload)),
            request=self.views.answer,
            note=lambda note: self._later(lambda: self.checkpoints.cosigned(note, "centre")),
            fork=lambda seq: self._later(lambda: self.alarms.raise_("ledger_fork", "centre", seq=seq)),
            up=lambda up: _log.info("link", up=up),
        )

    def _document(self, payload: bytes) -> None:
        document = self.inbox.document(payload)
        if document is None:
            return
        if document.kind == "trust":
            self._ring = self._trust_now()
        if document.kind in ("session_plan", "roster", "recording_plan"):
            self.sessions.reload()
            self.rosters.reload()

    def _command(self, payload: bytes) -> None:
        command: Command | None = self.inbox.command(payload)
        if command is not None:
            self.orders.execute(command)

    # ---- the witness ----

    def _witness_desk(self) -> witness_api.WitnessDesk:
        def pending(size: int) -> dict[str, Any]:
            notes = [p.as_dict() for p in self.checkpoints.pending(size)]
            return {"checkpoints": notes, "rosters": self.rosters.pending()}

        def roster(sitting: str, inner: bytes) -> None:
            try:
                self.rosters.receive(sitting, inner)
            except BadRoster as error:
                _log.warning("roster_refused", sitting=sitting, reason=str(error))
                raise ValueError(str(error)) from error

        def refused(subject: str, reason: str) -> None:
            self.rosters.refused(subject, reason)
            self.alarms.raise_("witness_refused", subject, reason=reason)

        def wait(work: Any) -> Any:
            return self.engine.call(work).result(timeout=WAIT_SECONDS)

        return witness_api.WitnessDesk(
            pending=lambda size: wait(lambda: pending(size)),
            cosigned=lambda note: wait(lambda: self.checkpoints.cosigned(note, "witness")),
            roster=lambda sitting, inner: wait(lambda: roster(sitting, inner)),
            refused=lambda subject, reason: wait(lambda: refused(subject, reason)),
        )

    # ---- the kiosk ----

    def _kiosk_desk(self) -> kiosk_api.KioskDesk:
        return kiosk_api.KioskDesk(
            tokens=self.tokens,
            places=places(self.plan),
            screen=self._screen,
            version=lambda: self.engine.version,
            act=self._act,
            frames=self._frames,
            sign=self._sign,
            health=self.health,
        )

    def _screen(self, kiosk: str) -> dict[str, Any]:
        engine = self.engine
        touched = engine.touches().get(kiosk, 0)
        shown = kiosk_screen(engine.area, engine.rosters, kiosk, engine.now(), engine.settings, touched)
        return {**shown, "offline": not self.link.online, "lang": self._languages[kiosk]}

    def _act(self, kiosk: str, action: str, value: str | None) -> str | None:
        self.engine.touched(kiosk)
        if action == "language":
            other = "en" if self._languages[kiosk] == "zh" else "zh"
            self._languages[kiosk] = value if value in ("zh", "en") else other
            return None
        act = KioskAction(kiosk, action, value)
        return self.engine.call(lambda: self.engine.handle(act)).result(timeout=WAIT_SECONDS)

    def _frames(self, kiosk: str, frames: list[bytes]) -> bool:
        return self.hands.frames(kiosk, frames, self.clock.mono_us())

    def _sign(self, room: str) -> dict[str, Any] | None:
        """What the door sign shows: the room, and its rows of the `screens` document."""
        found = [r for r in self.plan.rooms if r.id == room]
        if not found:
            return None
        documents = self.inbox.documents("screens")
        rows = Screens.read(documents[-1].body).rows if documents else []
        return {
            "room": found[0].model_dump(mode="json", include={"id", "name", "kind", "way"}),
            "rows": [row for row in rows if row.get("room") == room or room in row.get("rooms", ())],
            "now": self.clock.now().isoformat(), "offline": not self.link.online,
        }  # fmt: skip

    # ---- health and duties ----

    def health(self) -> dict[str, Any]:
        """What the edge knows of itself; nothing about persons."""
        return {
            "name": self.name, "boot": self.journal.boot, "version": version("jianzheng"),
            "simulated": self.plan.venue.simulated, "journal_size": self.journal.size,
            "acknowledged": self.link.acknowledged, "link": self.link.online,
            "recorder": self.recorder.connected, "devices": dict(self.states.states),
            "faces": "FACE_DISABLED" if self.faces is None else self.faces.available(),
            "open_sittings": [r.sitting for r in self.engine.rosters.open],
            "alarms": [[a["alarm"], a["subject"]] for a in self.alarms.standing()],
            "duties": self.duties.beats(), "disk_full": self.engine.full,
        }  # fmt: skip

    def _duty_list(self) -> list[Duty]:
        engine = self.engine

        def checkpoint() -> None:
            engine.call(self.checkpoints.sign).result(timeout=WAIT_SECONDS)

        return [
            Duty("checkpoint", self.settings.checkpoints.every_seconds, checkpoint),
            Duty("disk", 30, disk_watch(self.settings.state, engine, self.alarms)),
        ]


@dataclass(frozen=True, slots=True)
class AlreadyRunning(Exception):
    """Another edge holds this folder."""

    path: Path

    def __str__(self) -> str:
        return f"{self.path}: another edge is running on this folder"


def _only_one(path: Path) -> int:
    """Hold the folder's lock: one writer a journal (keeps I-7)."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise AlreadyRunning(path) from error
    return descriptor


def _passage(settings: EdgeSettings) -> PassageSettings:
    try:
        return PassageSettings(**settings.passage)
    except TypeError as error:
        raise ConfigError(f"passage: {error}; see config/defaults/edge.toml") from error


def _devices(plan: VenuePlan, settings: EdgeSettings, listener: Any, clock: Clock) -> DeviceSet:
    return build_devices(
        [device.settings() for device in plan.devices], listener, mono_us=clock.mono_us,
        doors=[door.model_dump() for door in plan.doors],
        relays=[relay.model_dump() for relay in plan.relays], home=str(settings.state),
    )  # fmt: skip


def _faces(settings: EdgeSettings) -> FaceMatcher | None:
    if not settings.faces.enabled:
        return None
    from devices.face_sface import SFaceMatcher

    return SFaceMatcher(settings.faces.models or settings.state / "models")


def _token(path: Path) -> str:
    """The kiosk's token; made at the first start, read by the installer."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24).encode() + b"\n")
    return path.read_text(encoding="ascii").strip()
