"""A box with a certificate that is not its own, or of another CA: it says so, and nothing it saw is lost."""

import subprocess
from pathlib import Path

import pytest

from edge_agent.keys import request_certificate
from tests.edge_agent.site import Ca, wait_for
from tests.edge_agent.stage import BIN, Venue

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("name", ["edge", "witness"])
def test_another_partys_certificate_is_not_used(venue: Venue, ca: Ca, name: str) -> None:
    keys = venue.edge_keys if name == "edge" else venue.witness_keys
    other = venue.witness_keys if name == "edge" else venue.edge_keys
    keys.files.certificate.write_bytes(other.files.certificate.read_bytes())
    keys.files.tls_key.write_bytes(other.files.tls_key.read_bytes())
    command = [str(BIN / f"venue-{name}"), "run", "--config", str(venue.home / f"{name}.toml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2, done.stderr
    assert f"tls.pem: issued to {other.name}, this is {keys.name}; enrol this box again" in done.stderr
    keys.files.certificate.write_bytes(ca.issue_csr(request_certificate(other)))
    keys.files.tls_key.write_text("not a key")
    keys.files.tls_key.chmod(0o600)
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2, done.stderr
    assert "tls.pem: cannot be used with tls.key" in done.stderr


def test_an_edge_that_the_broker_refuses_says_so_and_loses_nothing(venue: Venue) -> None:
    good = venue.edge_keys.files.certificate.read_bytes()
    venue.edge_keys.files.certificate.write_bytes(Ca().issue_csr(request_certificate(venue.edge_keys)))
    venue.start_edge()
    wait_for(lambda: venue.health()["link_trouble"] == "our_certificate", 10)
    venue.act("help")
    venue.until("help")
    health = venue.health()
    assert not health["link"] and health["acknowledged"] == 0 and health["journal_size"] > 0
    log = (venue.home / "venue-edge.log").read_text()
    assert '"reason": "our_certificate"' in log and '"event": "mqtt_refused"' in log
    assert venue.kill("venue-edge", 15) == 0
    venue.edge_keys.files.certificate.write_bytes(good)
    venue.start_edge()
    wait_for(lambda: venue.health()["link"] and venue.health()["link_trouble"] == "", 15)
    wait_for(lambda: venue.centre.facts("help_requested"), 15)
    assert venue.centre.chain_breaks() == []


def test_an_edge_that_meets_a_false_broker_says_so(venue: Venue, tmp_path: Path) -> None:
    venue.edge_keys.files.ca.write_bytes(Ca().pem)
    venue.start_edge()
    wait_for(lambda: venue.health()["link_trouble"] == "their_certificate", 10)
    assert '"reason": "their_certificate"' in (venue.home / "venue-edge.log").read_text()
