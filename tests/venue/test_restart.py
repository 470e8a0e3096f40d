"""The centre as a process: a box is let in over the edge port; kill -9 loses and doubles nothing (I-7, I-8)."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pysqlite3
import pytest

from contract.clock import SystemClock
from contract.envelope import FactDraft
from contract.keys import KeyRing
from edge_agent.enrol import enrol
from edge_agent.journal import Journal
from edge_agent.keys import Keys, load_trust
from edge_agent.link import Handlers, Link
from edge_agent.mqtt import Broker as EdgeBroker
from tests.venue.wire import free_port, wait_for

FACTS = 300
ROUNDS = 3


class Centre:
    """`venue` and its broker as children, with a home of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.pages, self.edge_port, self.broker_port = free_port(), free_port(), free_port()
        self.config = home / "centre.toml"
        self.config.write_text(
            f"[web]\nport = {self.pages}\n[edge_port]\nport = {self.edge_port}\n[broker]\nport = {self.broker_port}\n"
        )
        self.run("ca", "init")
        self.broker = self.spawn("broker-run")
        self.serving = self.spawn("serve")
        wait_for(self.healthy, 30)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "venue.cli", *words, "--config", str(self.config)]

    def run(self, *words: str) -> Any:
        done = subprocess.run(
            self.command(*words),
            env={**os.environ, "VENUE_HOME": str(self.home)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if "--json" in words else None

    def spawn(self, *words: str) -> subprocess.Popen[bytes]:
        log = (self.home / f"{words[0]}.log").open("ab")
        with log:
            return subprocess.Popen(
                self.command(*words), env={**os.environ, "VENUE_HOME": str(self.home)}, stdout=log, stderr=log
            )

    def healthy(self) -> bool:
        try:
            return bool(httpx.get(f"http://127.0.0.1:{self.pages}/health", timeout=2).json()["broker"])
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        self.serving.send_signal(signal.SIGKILL)
        self.serving.wait()

    def stop(self) -> None:
        for child in (self.serving, self.broker):
            child.terminate()
            child.wait(20)

    def ledger(self) -> list[bytes]:
        with pysqlite3.connect(str(self.home / "centre" / "centre.db")) as db:
            return [raw for (raw,) in db.execute("SELECT raw FROM ledger_fact ORDER BY seq")]


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    made = Centre(tmp_path)
    yield made
    made.stop()


def let_in(centre: Centre, name: str) -> Keys:
    """Enrol a box over the wire; the operator compares what the box shows."""
    given = centre.run("enrolment", "code", name, "--json")

    def say(shown: dict[str, str]) -> None:
        if "fingerprint" in shown:
            words = ("enrolment", "approve", shown["id"], "--fingerprint", shown["fingerprint"])
            threading.Thread(target=centre.run, args=words).start()

    at = f"https://127.0.0.1:{centre.edge_port}"
    return enrol(centre.home / "box", name, at, given["ca"], given["code"], say=say, wait_seconds=30)


def edge_link(centre: Centre, keys: Keys, journal: Journal) -> Link:
    """The edge's own link."""

    def ignore(_: Any) -> None:
        return None

    handlers = Handlers(ignore, ignore, lambda _: {"ok": False}, ignore, ignore, ignore)
    ring: KeyRing = load_trust(keys.files)
    at = EdgeBroker("127.0.0.1", centre.broker_port, "V01.edge", keys.files)
    made = Link(at, journal, lambda: ring, SystemClock(), handlers)
    made.start()
    return made


@pytest.mark.req("C8")
def test_kill_minus_nine_of_the_centre_while_facts_arrive(centre: Centre, tmp_path: Path) -> None:
    keys = let_in(centre, "V01.edge")
    journal = Journal.open(tmp_path / "journal.db", "V01", SystemClock())
    link = edge_link(centre, keys, journal)
    chance = random.Random(7)
    for _ in range(ROUNDS):
        for _ in range(FACTS // ROUNDS):
            journal.append([FactDraft("help_requested", {"kiosk": "kiosk-1"}, chance.choice([None, "s1"]))])
            link.wake()
        wait_for(lambda: link.acknowledged > 0, 20)
        centre.kill()
        centre.serving = centre.spawn("serve")
    wait_for(centre.healthy, 30)
    wait_for(lambda: link.acknowledged == FACTS, 40)
    link.stop()
    assert centre.ledger() == [record.data for record in journal.all()]
    journal.close()


def test_what_the_centre_keeps_is_for_its_own_user_alone(centre: Centre) -> None:
    for name in ("centre/centre.db", "centre/centre.db-wal", "broker/mosquitto.conf", "broker/acl"):
        assert (centre.home / name).stat().st_mode & 0o077 == 0, name
