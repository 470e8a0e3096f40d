"""The private mosquitto: its configuration, its access list, and how a revocation ends live connections.

MQTT 5 over mTLS; the certificate's CN is both user name and client id, and a party reaches only its own topics.
mosquitto reads the revocation list at start and at SIGHUP, but keeps sessions that are already up (measured): after
a revocation it is therefore ended, and whoever supervises it (systemd, the demo's stage) starts it again.
"""

import os
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import structlog

from venue.settings import Settings

log = structlog.get_logger(__name__)

_CONF = """# Written by `venue broker-config`; edits are lost.
per_listener_settings false
listener {port} {host}
protocol mqtt
cafile {ca}
certfile {certificate}
keyfile {key}
crlfile {crl}
require_certificate true
use_identity_as_username true
use_username_as_clientid true
tls_version tlsv1.2
allow_anonymous false
acl_file {acl}
persistence true
persistence_location {store}/
autosave_interval 1
autosave_on_changes true
max_queued_messages 10000
max_inflight_messages 20
connection_messages true
log_dest stderr
log_type error
log_type warning
log_type notice
{user}"""

_ACL = """# Written by `venue broker-config`; edits are lost.
user centre
topic read up/#
topic write down/#

pattern write up/%u/#
pattern read down/%u/#
"""


@dataclass(frozen=True, slots=True)
class BrokerFiles:
    """Where the broker's files are: `folder` holds mosquitto.conf, acl and the message store."""

    folder: Path
    pki: Path

    @property
    def conf(self) -> Path:
        """mosquitto.conf."""
        return self.folder / "mosquitto.conf"


def files_of(settings: Settings) -> BrokerFiles:
    """Where the settings put them."""
    return BrokerFiles(settings.under_home(settings.broker.folder), settings.under_home(settings.pki.folder))


def write_config(files: BrokerFiles, host: str, port: int, revoked: Iterable[str] = ()) -> Path:
    """Write configuration and access list; returns the configuration's path."""
    store = files.folder / "store"
    store.mkdir(parents=True, exist_ok=True)
    write_acl(files, revoked)
    text = _CONF.format(
        host=host, port=port, ca=files.pki / "ca.pem", certificate=files.pki / "broker.pem",
        key=files.pki / "broker.key", crl=files.pki / "crl.pem", acl=files.folder / "acl", store=store,
        # As root it would drop to user `mosquitto`, who may not read a 0600 key (measured).
        user="user root\n" if os.geteuid() == 0 else "",
    )  # fmt: skip
    files.conf.write_text(text)
    return files.conf


def write_acl(files: BrokerFiles, revoked: Iterable[str]) -> None:
    """Write the access list; revoked parties are denied by name even while their session is still up."""
    denied = "".join(f"\nuser {name}\ntopic deny #\n" for name in sorted(set(revoked)))
    files.folder.mkdir(parents=True, exist_ok=True)
    acl = files.folder / "acl"
    acl.write_text(_ACL + denied)
    acl.chmod(0o600)


def end_connections(files: BrokerFiles) -> bool:
    """End the running broker, so that its supervisor starts it with the new lists. False when none was found."""
    found = _pids(files)
    for pid in found:
        os.kill(pid, signal.SIGTERM)
    if not found:
        log.warning("broker.not_found", conf=str(files.conf))
    return bool(found)


def _pids(files: BrokerFiles) -> list[int]:
    """Processes that are a mosquitto with our configuration, whoever started them."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = line.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if Path(words[0]).name == "mosquitto" and str(files.conf) in words[1:]:
            found.append(int(line.parent.name))
    return found


def become_broker(files: BrokerFiles) -> None:
    """Replace this process by mosquitto (never returns)."""
    os.execvp("mosquitto", ["mosquitto", "-c", str(files.conf)])  # noqa: S606 - fixed list, no shell
