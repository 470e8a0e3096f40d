"""`venue-witness`: run by the supervisors on site; its own key, its own folder, no code of the edge's decisions.

It asks its edge every second for heads to cosign and rosters to open, and answers the centre's draws over MQTT.
Imports `contract` and the few modules named in the package's docstring, nothing of devices or doors.
"""

import base64
import json
import signal
import ssl
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any

import httpx
import structlog
import typer

from contract.clock import Clock, SystemClock, stamp
from contract.keys import KeyFileError
from edge_agent.enrol_command import CaFingerprint, CentreUrl, Code, enrol_box
from edge_agent.keys import check_certificate, load_trust
from edge_agent.keys import load as load_keys
from edge_agent.mqtt import Arrived, Broker, Mqtt
from edge_agent.terminal import keep_private, read_settings, set_up_logs, wrong_use
from edge_agent.witness_judge import Refused, Witness
from edge_agent.witness_settings import WitnessSettings
from edge_agent.witness_store import WitnessStore

_log = structlog.get_logger(__name__)
app = typer.Typer(no_args_is_help=True, add_completion=False, help="The supervisors' witness on site.")
Config = Annotated[Path, typer.Option("--config", help="Settings file (see config/defaults/witness.toml).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON lines.")]


class WitnessProcess:
    """Polls the edge, answers the centre, until stopped."""

    def __init__(self, settings: WitnessSettings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        keys = load_keys(settings.folder / "keys", settings.name)
        check_certificate(keys)
        enrolled, self._store = load_trust(keys.files), WitnessStore(settings.folder)
        self.witness = Witness(settings.venue, keys, lambda: self._store.trust(enrolled), self._store, clock)
        self._keys = keys
        centre = settings.centre
        broker = Broker(
            centre.mqtt_host, centre.mqtt_port, settings.name, keys.files, centre.keepalive_seconds
        )
        self._mqtt = Mqtt(broker, {}, self._arrived, lambda up: _log.info("link", up=up))
        self._work = ThreadPoolExecutor(1, "requests")
        self._refused: set[tuple[str, str]] = set()

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set. The centre and the edge may be away."""
        self._mqtt.start()
        context = ssl.create_default_context(cafile=str(self._keys.files.ca))
        context.load_cert_chain(str(self._keys.files.certificate), str(self._keys.files.tls_key))
        client = httpx.Client(base_url=self._settings.edge.url, verify=context, timeout=5, trust_env=False)
        away = False
        with client:
            while not stop.wait(self._settings.edge.poll_seconds):
                away = not self.visit(client, away)
        self._work.shutdown(wait=True)
        self._mqtt.stop()

    # ---- the edge ----

    def visit(self, client: httpx.Client, was_away: bool = False) -> bool:
        """Ask the edge once and do what it has for us. An edge that talks nonsense does not end its witness."""
        try:
            self._visit(client)
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
            if not was_away:
                _log.warning("edge_away", reason=repr(error)[:200])
            return False
        return True

    def _visit(self, client: httpx.Client) -> None:
        size = self._store.head().size
        pending = client.get("/witness/pending", params={"size": size}).raise_for_status().json()
        for row in pending["checkpoints"]:
            self._cosign(client, row)
        for row in pending["rosters"]:
            self._open(client, row)

    def _cosign(self, client: httpx.Client, row: Mapping[str, Any]) -> None:
        try:
            note = self.witness.cosign(str(row["note"]), list(row["consistency"]), int(row["from_size"]))
        except Refused as error:
            self._refuse(client, "checkpoint", str(error), str(row.get("note", ""))[:4000])
            return
        if note is not None:
            client.post("/witness/cosignatures", json={"note": note}).raise_for_status()

    def _open(self, client: httpx.Client, row: Mapping[str, Any]) -> None:
        try:
            sitting, inner = self.witness.open_roster(row["envelope"] or {})
        except Refused as error:
            self._refuse(client, str(row.get("sitting", "")), str(error), "")
            return
        body = {"inner": base64.b64encode(inner).decode()}
        client.post(f"/witness/rosters/{sitting}", json=body).raise_for_status()
        _log.info("roster_opened", sitting=sitting)

    def _refuse(self, client: httpx.Client | None, subject: str, reason: str, evidence: str) -> None:
        """On our own record always; told to the edge as well, once a reason."""
        _log.error("refused", subject=subject, reason=reason)
        if (subject, reason) in self._refused:
            return
        self._refused.add((subject, reason))
        row = {"at": stamp(self._clock.now()), "subject": subject, "reason": reason, "evidence": evidence}
        self._store.note_refusal(row)
        if client is not None:
            client.post("/witness/refusals", json={"subject": subject, "reason": reason}).raise_for_status()

    # ---- the centre ----

    def _arrived(self, message: Arrived) -> None:
        if message.topic == "requests" and message.correlation is not None:
            self._work.submit(self._answer, message)
        elif message.topic.startswith("documents/trust"):
            self._work.submit(self._take_trust, message.payload)

    def _answer(self, message: Arrived) -> None:
        try:
            reply = self._reply(json.loads(message.payload))
        except Refused as error:
            self._refuse(None, "draw", str(error), "")
            reply = {"ok": False, "error": str(error)}
        except (ValueError, KeyError, TypeError, AttributeError):
            reply = {"ok": False, "error": "bad_request"}
        self._mqtt.publish("replies", json.dumps(reply).encode(), correlation=message.correlation)

    def _reply(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if request["kind"] == "draw_commit":
            commitment = self.witness.commit(str(request["draw"]), str(request["pool_commitment"]))
            return {"ok": True, "commitment": commitment}
        if request["kind"] == "draw_reveal":
            commitments = [str(value) for value in request["commitments"]]
            return {"ok": True, "share": self.witness.reveal(str(request["draw"]), commitments)}
        return {"ok": False, "error": "kind_unknown"}

    def _take_trust(self, payload: bytes) -> None:
        try:
            self.witness.take_trust(json.loads(payload))
        except (Refused, ValueError) as error:
            self._refuse(None, "trust", str(error), "")


def main() -> None:
    """Entry point."""
    keep_private()
    app()


def _settings(config: Path) -> WitnessSettings:
    settings = read_settings(WitnessSettings, config)
    set_up_logs(settings.log_level)
    return settings


@app.command()
def run(config: Config) -> None:
    """Cosign heads, open rosters in their window, give shares to draws, until SIGTERM."""
    settings = _settings(config)
    try:
        process = WitnessProcess(settings, SystemClock())
    except KeyFileError as error:
        raise wrong_use(error) from error
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    process.run(stop)


@app.command()
def enrol(
    config: Config, code: Code, ca_fingerprint: CaFingerprint, centre: CentreUrl = "", as_json: AsJson = False
) -> None:
    """Make keys, ask the centre, wait for a person to approve, store the certificate."""
    settings = _settings(config)
    enrol_box(
        settings.folder / "keys", settings.name, centre or settings.centre.url, ca_fingerprint, code,
        texts=(settings.messages, settings.message_language), as_json=as_json,
    )  # fmt: skip
