"""`venue-recorder`: the composition root of the recorder process, and its small tools."""

import asyncio
import json
import signal
from pathlib import Path
from typing import Annotated

import typer

from contract.clock import SystemClock
from edge_agent.terminal import keep_private, read_settings, set_up_logs
from recording.index import Index
from recording.recover import verify_file
from recording.settings import RecorderSettings
from recording.worker import AlreadyRunningError, Recorder

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Record the cameras of one venue.")
Home = Annotated[Path, typer.Option("--home", envvar="VENUE_HOME", help="State folder of the venue.")]
Config = Annotated[
    Path | None, typer.Option("--config", help="TOML file with what differs from the defaults.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def run(home: Home = Path("var"), socket: Path | None = None, config: Config = None) -> None:
    """Record until SIGTERM; without the edge the last plan is recorded on."""
    set_up_logs("info")
    settings = read_settings(RecorderSettings, config) if config else RecorderSettings()
    try:
        asyncio.run(_record(home, socket or home / "edge" / "recorder.sock", settings))
    except AlreadyRunningError as error:
        typer.echo(f"another recorder holds {error}", err=True)
        raise typer.Exit(1) from error


async def _record(home: Path, socket: Path, settings: RecorderSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Recorder(home, socket, settings, SystemClock()).run(stop)


@app.command()
def status(home: Home = Path("var"), as_json: AsJson = False) -> None:
    """Segments and gaps of every camera, from the index."""
    index = _open_index(home)
    rows = index.segments()
    cameras = {
        camera: {
            "segments": sum(r.camera == camera for r in rows),
            "bytes": sum(r.bytes for r in rows if r.camera == camera),
            "last_us": max(r.end_us for r in rows if r.camera == camera),
            "gaps": len(index.gaps(camera)),
        }
        for camera in sorted({r.camera for r in rows})
    }
    waiting = len(index.unacknowledged())
    if as_json:
        typer.echo(json.dumps({"worker": index.worker, "unacknowledged": waiting, "cameras": cameras}))
        return
    for camera, figures in cameras.items():
        typer.echo(f"{camera}  " + "  ".join(f"{k}={v}" for k, v in figures.items()))


@app.command()
def verify(home: Home = Path("var"), as_json: AsJson = False) -> None:
    """Check every recorded file against its row, its hash and its chain; exits 1 when one does not hold."""
    index = _open_index(home)
    findings = [
        {"file": row.file, "wrong": wrong}
        for row in index.segments()
        if (wrong := verify_file(home / "recordings" / row.file, row))
    ]
    if as_json:
        typer.echo(json.dumps({"ok": not findings, "findings": findings}))
    for found in [] if as_json else findings:
        typer.echo(f"{found['file']}: {', '.join(found['wrong'])}")
    raise typer.Exit(1 if findings else 0)


def _open_index(home: Path) -> Index:
    path = home / "recordings" / "index.sqlite3"
    if not path.exists():
        typer.echo(f"{path}: no index; nothing was recorded in this folder", err=True)
        raise typer.Exit(2)
    return Index(path, "reader")


def main() -> None:
    """Entry point."""
    keep_private()
    app()


if __name__ == "__main__":
    main()
