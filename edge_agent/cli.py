"""`venue-edge`: run, enrol, devices, fsck, openapi. Exits 0, 1 (it does not hold) or 2 (wrong use)."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from contract.clock import SystemClock
from contract.config_file import ConfigError
from contract.keys import KeyFileError
from edge_agent.enrol_command import CaFingerprint, CentreUrl, Code, enrol_box
from edge_agent.settings import EdgeSettings, load_venue
from edge_agent.terminal import keep_private, read_settings, set_up_logs, wrong_use

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The edge: doors, kiosk, journal, link.")
Config = Annotated[Path, typer.Option("--config", help="Settings file (see config/defaults/edge.toml).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON lines.")]


def main() -> None:
    """Entry point."""
    keep_private()
    app()


def _settings(config: Path) -> EdgeSettings:
    settings = read_settings(EdgeSettings, config)
    set_up_logs(settings.log_level)
    return settings


@app.command()
def run(config: Config) -> None:
    """Run until SIGTERM."""
    settings = _settings(config)
    from devices.build import BuildError
    from edge_agent.journal import JournalError
    from edge_agent.main import Edge
    from edge_agent.start_up import AlreadyRunning, one_heap

    one_heap()

    try:
        edge = Edge(settings, SystemClock())
    except (ConfigError, KeyFileError, BuildError) as error:
        raise wrong_use(error) from error
    except (JournalError, AlreadyRunning) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    edge.start()
    code = edge.wait()
    edge.stop(keep_recorder=code != 0)
    raise typer.Exit(code)


@app.command()
def enrol(
    config: Config, code: Code, ca_fingerprint: CaFingerprint, centre: CentreUrl = "", as_json: AsJson = False
) -> None:
    """Make keys, ask the centre, wait for a person to approve, store the certificate."""
    settings = _settings(config)
    try:
        name = f"{load_venue(settings).venue.id}.edge"
    except ConfigError as error:
        raise wrong_use(error) from error
    enrol_box(
        settings.folder / "keys", name, centre or settings.centre.url, ca_fingerprint, code,
        texts=(settings.messages, settings.message_language), as_json=as_json,
    )  # fmt: skip


@app.command()
def openapi() -> None:
    """Print the OpenAPI description of what kiosk and door signs are served."""
    from edge_agent import kiosk_api

    def unasked(*_: object) -> Any:
        raise AssertionError("described, never asked")

    desk = kiosk_api.KioskDesk({}, {}, unasked, unasked, unasked, unasked, unasked, unasked)
    print(json.dumps(kiosk_api.build(desk, Path("none")).openapi(), ensure_ascii=False))


@app.command()
def devices(config: Config, as_json: AsJson = False, seconds: float = 4.0) -> None:
    """Open every device of the venue file for a moment and show its state; exit 1 when one is not online."""
    settings = _settings(config)
    from devices.build import BuildError, build_devices
    from devices.ports import HealthState

    clock = SystemClock()
    try:
        plan = load_venue(settings)
        made = build_devices(
            [d.settings() for d in plan.devices], lambda event: None, mono_us=clock.mono_us,
            doors=[d.model_dump() for d in plan.doors], relays=[r.model_dump() for r in plan.relays],
            home=str(settings.state),
        )  # fmt: skip
    except (ConfigError, BuildError) as error:
        raise wrong_use(error) from error
    made.start()
    time.sleep(seconds)
    found: dict[str, Any] = made.health()
    made.stop()
    for name, health in found.items():
        row = {"device": name, "state": health.state.value, "reason": health.reason, "errors": health.errors}
        print(json.dumps(row) if as_json else f"{name:24} {row['state']:9} {row['reason']}")
    raise typer.Exit(0 if all(h.state is HealthState.ONLINE for h in found.values()) else 1)


@app.command("fsck")
def fsck_command(config: Config, as_json: AsJson = False) -> None:
    """Check the journal, its proofs and the recordings it names; exit 1 when something does not hold."""
    settings = _settings(config)
    import pysqlite3

    from edge_agent import fsck
    from edge_agent.keys import KeyFolder, load_trust

    journal = settings.folder / "journal.db"
    try:
        ring = load_trust(KeyFolder(settings.folder / "keys"))
        book = fsck.load(journal, ring, settings.state / "recordings")
    except KeyFileError as error:
        raise wrong_use(error) from error
    except (pysqlite3.DatabaseError, OSError) as error:
        typer.echo(f"{journal}: {error}", err=True)
        raise typer.Exit(1) from error
    findings = fsck.check(book)
    if as_json:
        print(json.dumps(fsck.report(findings, len(book.rows))))
    else:
        for finding in findings:
            print(fsck.line(finding))
        print(f"{len(book.rows)} facts, {len(findings)} findings")
    raise typer.Exit(1 if findings else 0)
