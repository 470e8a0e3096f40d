"""The edge's composition root: reads top to bottom, builds every part once, starts them in order.

journal → engine → devices and hands → inbox, sessions, rosters, checkpoints → recorder, link, ports, duties.
"""

import os
import signal
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

import structlog
import uvicorn

from access_control.occupancy import head_count
from access_control.recovery import recover
from contract.clock import Clock
from contract.commands import Command
from contract.envelope import FactDraft, Record
from contract.keys import KeyRing
from contract.plan import VenuePlan
from devices.build import DeviceSet
from devices.ports import DeviceEvent, DeviceHealth
from edge_agent import kiosk_api, witness_api, witness_desk
from edge_agent.alarms import Alarms
from edge_agent.checkpoints import Checkpoints
from edge_agent.duties import Duties, Duty
from edge_agent.engine import Engine
from edge_agent.evidence import EvidenceDesk, Uploader, segments_of
from edge_agent.hands import Equipment, SiteHands
from edge_agent.health import DeviceStates, disk_watch, room_watch
from edge_agent.inbox import Inbox, Party
from edge_agent.journal import Journal
from edge_agent.keys import Keys, check_certificate, load_trust
from edge_agent.keys import load as load_keys
from edge_agent.kiosk_desk import KioskFront, KioskParts, kiosk_tokens
from edge_agent.link import Handlers, Link
from edge_agent.messages import load_texts
from edge_agent.mqtt import Broker
from edge_agent.orders import Facilities, LiveViews, Orders
from edge_agent.recorder_desk import RecorderDesk, RecorderParts
from edge_agent.recorder_link import RecorderChild, RecorderLink
from edge_agent.rosters import Desk as RosterDesk
from edge_agent.rosters import RosterKeeper
from edge_agent.sessions import Duties as SessionDuties
from edge_agent.sessions import Sessions
from edge_agent.settings import EdgeSettings, load_venue
from edge_agent.start_up import devices_of, faces_of, only_one, passage_of, token_at
from edge_agent.venue_site import camera_table, site_of

_log = structlog.get_logger(__name__)
WAIT_SECONDS = 10.0


class Edge:
    """One running edge. `start` returns once everything listens; `wait` until a signal or a failure."""

    def __init__(self, settings: EdgeSettings, clock: Clock) -> None:
        self.settings, self.clock = settings, clock
        self.plan: VenuePlan = load_venue(settings)
        self.name, venue = f"{self.plan.venue.id}.edge", self.plan.venue.id
        self._lock = only_one(settings.folder / "edge.lock")
        self.keys: Keys = load_keys(settings.folder / "keys", self.name)
        check_certificate(self.keys)
        self._stop = threading.Event()
        self._servers: list[threading.Thread] = []
        self._build_engine(venue)
        self._build_trust(venue)
        self._build_recorder()
        self._build_sessions(venue)
        self._build_link()
        self._build_ports(venue)

    def _build_engine(self, venue: str) -> None:
        """Journal, engine, devices and the hands that move them."""
        settings, clock, passage = self.settings, self.clock, passage_of(self.settings)
        self.journal = Journal.open(settings.folder / "journal.db", venue, clock)
        self.engine = Engine(self.journal, site_of(self.plan), passage, clock)
        self.alarms = Alarms(self.journal, self.engine.record)
        self.engine.watch(self.alarms.take)

        self.devices: DeviceSet = devices_of(self.plan, settings, self._device_event, clock)
        self.states = DeviceStates(self.plan, self.engine, self.alarms, clock)
        self.faces = faces_of(settings)
        texts = load_texts(settings.messages, settings.message_language)
        equipment = Equipment(
            self.devices.doors, self.devices.banks, self.devices.messages, self.faces, texts,
            getattr(self.plan.venue.name, settings.message_language),
        )  # fmt: skip
        self.hands = SiteHands(self.engine, equipment, passage, clock)
        self.engine.attach(self.hands)

    def _build_trust(self, venue: str) -> None:
        """Whom we believe, what they say, what we sign."""
        self._enrolled = load_trust(self.keys.files)
        self.party = Party(self.name, venue, self.trust, self.clock)
        self.inbox = Inbox(self.party, self.journal, self.engine.record, self.alarms)
        self._ring = self._trust_now()
        self.checkpoints = Checkpoints(
            self.party, self.keys.signing, self.journal, self.engine.record, self.alarms
        )

    def _build_recorder(self) -> None:
        """The socket and the child. Sessions and views come later: they are looked up when a message arrives."""
        settings = self.settings
        recorder_parts = RecorderParts(
            self.engine, self.journal, self.states, self.alarms,
            session_of=lambda camera: self.sessions.session_of(camera),  # noqa: PLW0108 - built below
            stopped=lambda sid: self.sessions.recorder_stopped(sid),  # noqa: PLW0108
            view_ended=lambda view: self.views.ended(view),  # noqa: PLW0108
            views_gone=lambda: self.views.all_ended(),  # noqa: PLW0108
        )  # fmt: skip
        self.recorder = RecorderLink(settings.folder / "recorder.sock", RecorderDesk(recorder_parts).events())
        command = [word.replace("{home}", str(settings.state)) for word in settings.recorder.command]
        self.child = RecorderChild(
            command, settings.state / "recordings" / ".lock", settings.state / "logs" / "venue-recorder.log"
        )

    def _build_sessions(self, venue: str) -> None:
        """What happens by plan: sessions, rosters, orders, evidence."""
        settings, clock = self.settings, self.clock
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

    def _build_link(self) -> None:
        """The centre, and what is done on time."""
        centre, clock = self.settings.centre, self.clock
        broker = Broker(
            centre.mqtt_host, centre.mqtt_port, self.name, self.keys.files, centre.keepalive_seconds
        )
        self.link = Link(broker, self.journal, self.trust, clock, self._link_handlers())
        self.engine.watch(lambda _: self.link.wake())

        self.duties = Duties(self._duty_list(), clock, self.alarms)
        room = room_watch(self.engine, self.alarms)
        for work in (self.states.tick, room, self.sessions.tick, self.rosters.tick, self.duties.judge):
            self.engine.every_tick(work)

    def _build_ports(self, venue: str) -> None:
        """Kiosk and witness."""
        settings = self.settings
        self.tokens = kiosk_tokens(self.plan, self.keys.files.path, token_at)
        parts = KioskParts(
            self.plan, self.engine, self.hands, self.inbox, self.clock, lambda: self.link.online, self.health
        )
        front = KioskFront(parts, self.tokens, settings.message_language)
        app = kiosk_api.build(front.desk(), settings.pages)
        self.kiosk_server = uvicorn.Server(
            uvicorn.Config(
                app, host=settings.kiosk.host, port=settings.kiosk.port, ws="none", lifespan="off",
                access_log=False, log_config=None, timeout_graceful_shutdown=2,
                limit_concurrency=kiosk_api.MAX_CONNECTIONS,
            )
        )  # fmt: skip
        desk = witness_desk.desk(self.engine, self.checkpoints, self.rosters, self.alarms)
        self.witness_server = witness_api.server(
            witness_api.build(desk, f"{venue}.witness"),
            settings.witness.host,
            settings.witness.port,
            self.keys.files,
        )

    # ---- life ----

    def start(self) -> None:
        """State the start, settle what a crash left, then let the world in."""
        begun = self.engine.call(self._begin)
        self.engine.start()
        begun.result(timeout=WAIT_SECONDS)
        self.recorder.start()
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

    def stop(self, *, keep_recorder: bool = False) -> None:
        """The reverse of `start`. After a failure the recorder goes on until the next edge takes it over (I-11)."""
        self._later(self.states.close)
        self.kiosk_server.should_exit = self.witness_server.should_exit = True
        for thread in self._servers:
            thread.join()
        self.duties.stop()
        self.uploader.stop()
        self.link.stop()
        if not keep_recorder:
            self.child.stop(self.recorder.peer_pid())
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

    def _later(self, work: Callable[[], object]) -> None:
        self.engine.call(work)

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
            awaited=lambda sitting: bool(head_count(self.engine.area, sitting).open_visits),
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

    # ---- health and duties ----

    def health(self) -> dict[str, Any]:
        """What the edge knows of itself; nothing about persons."""
        return {
            "name": self.name, "boot": self.journal.boot, "version": version("jianzheng"),
            "simulated": self.plan.venue.simulated, "journal_size": self.journal.size,
            "acknowledged": self.link.acknowledged, "link": self.link.online,
            "link_trouble": self.link.trouble,
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
