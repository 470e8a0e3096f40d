"""One home: configuration, certificates, demo accounts and the running processes of a venue and its centre.

A home is made once and used again: ports, passwords and keys stay as they are in `stage.json` (never a production
file: it holds the demo's passwords).
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import tomli_w
from pysqlite3 import dbapi2 as sqlite

from scripts.stage.processes import Child, Troupe, answers, free_ports, port_open

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PORTS = ("broker", "centre", "edge_port", "kiosk", "witness", "sim", "sms", "rtsp", "link_mqtt", "link_https")
FIXED = dict(zip(PORTS, (8883, 8000, 8443, 8100, 8143, 8200, 8201, 8554, 8210, 8211), strict=True))
ACCOUNTS = {
    "staff": ["venue_staff"],
    "supervisor": ["supervisor"],
    "archivist": ["archivist"],
    "keeper": ["pool_keeper"],
    "draw": ["draw_operator"],
    "overseer": ["pool_overseer"],
    "system": ["system_admin"],
    "security": ["security_admin"],
    "audit": ["audit_admin"],
}


class SetUpFailed(Exception):
    """A step of setting up the home failed; the text holds what the command said."""


class Stage:
    """A home folder and the processes that run on it."""

    def __init__(self, home: Path, free: bool, say: Callable[[str], None] = print) -> None:
        self.home, self.say = home.absolute(), say
        self.cache = Path(os.environ.get("JIANZHENG_CACHE", ROOT / "var" / "cache")).absolute()
        self.troupe = Troupe(say)
        self._state_file = self.home / "stage.json"
        self.new = not self._state_file.exists()
        self._state = self._load(free)
        self.ports: dict[str, int] = self._state["ports"]
        self.accounts: dict[str, dict[str, Any]] = self._state["accounts"]
        self.config = self.home / "config"
        self.models = self.home / "models"

    def _load(self, free: bool) -> dict[str, Any]:
        if self._state_file.exists():
            state: dict[str, Any] = json.loads(self._state_file.read_text())
            return state
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True)) if free else dict(FIXED)
        accounts = {
            name: {"name": name, "password": "Demo-" + secrets.token_urlsafe(9), "roles": roles}
            for name, roles in ACCOUNTS.items()
        }
        return {"ports": ports, "accounts": accounts}

    @property
    def centre_url(self) -> str:
        """Where staff pages are."""
        return f"http://127.0.0.1:{self.ports['centre']}"

    @property
    def kiosk_url(self) -> str:
        """Where the kiosk's pages are; `localhost` is a secure context, which the camera needs."""
        return f"http://localhost:{self.ports['kiosk']}"

    @property
    def plan(self) -> dict[str, Any]:
        """The venue file of this home."""
        return tomllib.loads((self.config / "venue.toml").read_text(encoding="utf-8"))

    def command(self, name: str, *arguments: str) -> list[str]:
        """The command line of one of our programs."""
        return [str(BIN / name), *arguments]

    def run(self, name: str, *arguments: str, text: str | None = None) -> str:
        """Run one of our programs to its end; SetUpFailed with its words when it fails."""
        environment = {**os.environ, "VENUE_HOME": str(self.home)}
        done = subprocess.run(
            self.command(name, *arguments),
            capture_output=True,
            text=True,
            input=text,
            env=environment,
            check=False,
        )
        if done.returncode:
            raise SetUpFailed(
                f"{name} {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    def venue(self, *arguments: str, text: str | None = None) -> str:
        """Run the centre's command line."""
        return self.run("venue", *arguments, "--config", str(self.config / "centre.toml"), text=text)

    # -- setting up ---------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Write configuration; on a new home also certificates, database, accounts and sites."""
        self.config.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)
        self._write_venue_file()
        self._write_settings()
        self._place_models()
        if self.new:
            self.venue("ca", "init")
            self.venue("migrate")
            self.venue("sites", "load", str(self.config / "venue.toml"))
            accounts = "".join(json.dumps(account) + "\n" for account in self.accounts.values())
            self.venue("user", "load", "--demo", text=accounts)
            self._state_file.write_text(json.dumps(self._state, indent=1))
            self._state_file.chmod(0o600)
        else:
            self.venue("migrate")
        self.venue("broker-config")

    def _write_venue_file(self) -> None:
        plan = tomllib.loads((ROOT / "config/example/venue.toml").read_text(encoding="utf-8"))
        for camera in plan["cameras"]:
            camera["endpoint"] = camera["endpoint"].replace(":8554/", f":{self.ports['rtsp']}/")
        for device in plan["devices"]:
            device["endpoint"] = device["endpoint"].replace(":8201/", f":{self.ports['sms']}/")
        (self.config / "venue.toml").write_text(tomli_w.dumps(plan), encoding="utf-8")

    def _write_settings(self) -> None:
        p, home = self.ports, str(self.home)
        centre = {
            "home": home,
            "web": {"port": p["centre"]},
            "edge_port": {"port": p["edge_port"]},
            "broker": {"port": p["broker"]},
            "subjects": {"experts": {"sms_url": f"http://127.0.0.1:{p['sms']}/messages"}},
        }
        edge = {
            "home": home,
            "plan": str(self.config / "venue.toml"),
            "messages": str(ROOT / "config/messages"),
            "pages": str(ROOT / "kiosk_ui/dist"),
            "centre": {"url": f"https://127.0.0.1:{p['link_https']}", "mqtt_port": p["link_mqtt"]},
            "kiosk": {"port": p["kiosk"]},
            "witness": {"port": p["witness"]},
            "faces": {"models": str(self.models)},
            "recorder": {"command": [*self.command("venue-recorder", "run"), "--home", "{home}"]},
        }
        witness = {
            "home": home,
            "venue": "V01",
            "centre": {"url": f"https://127.0.0.1:{p['edge_port']}", "mqtt_port": p["broker"]},
            "edge": {"url": f"https://127.0.0.1:{p['witness']}"},
        }
        for name, content in (("centre", centre), ("edge", edge), ("witness", witness)):
            (self.config / f"{name}.toml").write_text(tomli_w.dumps(content), encoding="utf-8")

    def _place_models(self) -> None:
        if (self.cache / "models").is_dir() and not self.models.exists():
            shutil.copytree(self.cache / "models", self.models)

    # -- running ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything in order; an edge and a witness that are not enrolled yet are enrolled first."""
        environment = {"VENUE_HOME": str(self.home)}
        for child in (self._broker(), self._sim(), self._centre()):
            child.environment = environment
            self.troupe.start(child)
        for name in ("edge", "witness"):
            if not self._enrolled(name):
                self._enrol(name)
        for child in (self._edge(), self._witness()):
            child.environment = environment
            self.troupe.start(child)

    def _log(self, name: str) -> Path:
        return self.home / "logs" / f"{name}.log"

    def _broker(self) -> Child:
        conf = self.home / "broker" / "mosquitto.conf"
        binary = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        return Child(
            "mosquitto", [binary, "-c", str(conf)], self._log("mosquitto"), port_open(self.ports["broker"])
        )

    def _sim(self) -> Child:
        p = self.ports
        words = [
            "--plan",
            str(self.config / "venue.toml"),
            "--home",
            str(self.home),
            "--clips",
            str(self.cache / "clips"),
        ]
        words += ["--control-port", str(p["sim"]), "--sms-port", str(p["sms"]), "--rtsp-port", str(p["rtsp"])]
        words += ["--link", f"mqtt={p['link_mqtt']}:127.0.0.1:{p['broker']}"]
        words += ["--link", f"https={p['link_https']}:127.0.0.1:{p['edge_port']}"]
        return Child(
            "venue-sim", self.command("venue-sim", "run", *words), self._log("venue-sim"), port_open(p["sim"])
        )

    def _centre(self) -> Child:
        command = self.command("venue", "serve", "--config", str(self.config / "centre.toml"))
        return Child("venue", command, self._log("venue"), answers(f"{self.centre_url}/health"))

    def _edge(self) -> Child:
        command = self.command("venue-edge", "run", "--config", str(self.config / "edge.toml"))
        return Child("venue-edge", command, self._log("venue-edge"), answers(f"{self.kiosk_url}/health"))

    def _witness(self) -> Child:
        command = self.command("venue-witness", "run", "--config", str(self.config / "witness.toml"))
        return Child("venue-witness", command, self._log("venue-witness"))

    def _enrolled(self, name: str) -> bool:
        return (self.home / name / "enrolled.json").exists()

    def _enrol(self, name: str) -> None:
        """One-time code, fingerprint compared, certificate issued. The comparing person is this script here."""
        self.say(f"enrolling V01.{name}: the demo compares the fingerprint in a person's place")
        code = json.loads(self.venue("enrolment", "code", f"V01.{name}", "--json"))
        enrolling = subprocess.Popen(
            self.command(
                f"venue-{name}", "enrol", "--config", str(self.config / f"{name}.toml"),
                "--code", code["code"], "--ca-fingerprint", code["ca"], "--json",
            ),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "VENUE_HOME": str(self.home)},
        )  # fmt: skip
        assert enrolling.stdout is not None
        asked = json.loads(enrolling.stdout.readline() or "{}")
        if "fingerprint" not in asked:
            raise SetUpFailed(f"venue-{name} enrol: {asked} {enrolling.stdout.read()}")
        self.venue("enrolment", "approve", asked["id"], "--fingerprint", asked["fingerprint"])
        rest, code_ = enrolling.communicate(timeout=60)[0], enrolling.returncode
        if code_:
            raise SetUpFailed(f"venue-{name} enrol: {rest}")

    def recorder(self) -> psutil.Process | None:
        """The recorder of this home: started by the edge, and meant to outlive it."""
        for process in psutil.process_iter(["cmdline"]):
            words = process.info["cmdline"] or []
            if str(self.home) in words and any(word.endswith("venue-recorder") for word in words):
                return process
        return None

    def stop(self) -> None:
        """Stop every process, the last started first; a recorder whose edge died is stopped too."""
        self.troupe.stop()
        recorder = self.recorder()
        if recorder is not None:
            recorder.terminate()
            psutil.wait_procs([recorder], timeout=10)

    # -- looking in from outside (read-only) --------------------------------------------------------------------

    def health(self) -> dict[str, Any]:
        """The edge's own health page; empty while it does not answer."""
        import httpx

        try:
            seen: dict[str, Any] = httpx.get(f"{self.kiosk_url}/health", timeout=3.0).json()
        except (httpx.HTTPError, ValueError):
            return {}
        return seen

    def kiosk_token(self, kiosk: str) -> str:
        """The token of a kiosk's page, as the installer would read it."""
        return (self.home / "edge" / "keys" / f"{kiosk}.token").read_text().strip()

    def _rows(self, database: Path, query: str) -> list[Any]:
        connection = sqlite.connect(f"file:{database}?mode=ro", uri=True, timeout=10.0)
        try:
            return list(connection.execute(query))
        finally:
            connection.close()

    def journal(self) -> list[bytes]:
        """The edge's records, oldest first."""
        return [
            bytes(r[0])
            for r in self._rows(self.home / "edge" / "journal.db", "SELECT data FROM fact ORDER BY seq")
        ]

    def ledger_records(self) -> list[bytes]:
        """The centre's records of the venue's edge, oldest first."""
        query = "SELECT raw FROM ledger_fact WHERE edge = 'V01.edge' ORDER BY seq"
        return [bytes(r[0]) for r in self._rows(self.home / "centre" / "centre.db", query)]

    def ledger(self) -> list[dict[str, Any]]:
        """The centre's records, decoded."""
        return [json.loads(raw) for raw in self.ledger_records()]

    def edge_head(self) -> int:
        """Highest seq of the edge's journal."""
        return len(self.journal())

    def ledger_head(self) -> int:
        """Highest seq in the centre's ledger."""
        return len(self.ledger_records())

    def ledger_is_prefix(self) -> bool:
        """Whether the ledger is byte for byte a prefix of the journal (I-8)."""
        ledger = self.ledger_records()
        return bool(ledger) and ledger == self.journal()[: len(ledger)]
