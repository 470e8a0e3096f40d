"""`venue-sim`: plays every device of a venue file on its real wire. Never part of a real venue."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer

from devices.sim.links import LinkSpec
from devices.sim.plan import SimPlan, SimPlanError, load_sim_plan
from devices.sim.venue import Ports, VenueSim

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)


@app.callback()
def _about() -> None:
    """`venue-sim` plays every device of a venue file on its real wire."""


@app.command()
def run(
    plan: Annotated[Path, typer.Option(help="The venue file (TOML), marked simulated = true.")],
    home: Annotated[Path, typer.Option(envvar="VENUE_HOME", help="The state folder; sim/ in it is ours.")],
    control_port: Annotated[int, typer.Option(help="Control API on loopback.")] = 8200,
    sms_port: Annotated[int, typer.Option(help="Text-message gateway on loopback.")] = 8201,
    rtsp_port: Annotated[int, typer.Option(help="Cameras on loopback.")] = 8554,
    clips: Annotated[Path | None, typer.Option(help="Clips that cameras play.")] = None,
    link: Annotated[
        list[str] | None, typer.Option(help="NAME=LISTEN_PORT:HOST:PORT, may be repeated.")
    ] = None,
    no_cameras: Annotated[bool, typer.Option(help="Play no cameras.")] = False,
) -> None:
    """Play the venue until interrupted."""
    try:
        links = [LinkSpec.parse(text) for text in link or []]
        loaded = load_sim_plan(plan, home.resolve())
    except (ValueError, SimPlanError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    ports = Ports(control_port, sms_port, None if no_cameras else rtsp_port)
    try:
        asyncio.run(_play(loaded, home.resolve(), ports, links, clips))
    except OSError as error:  # a port in use, a missing clip: said in one line
        typer.echo(f"venue-sim: {error}", err=True)
        raise typer.Exit(1) from error


async def _play(plan: SimPlan, home: Path, ports: Ports, links: list[LinkSpec], clips: Path | None) -> None:
    sim = VenueSim(plan, home, ports, links, clips)
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    await sim.start()
    typer.echo(f"simulated venue {plan.venue}: control API on http://127.0.0.1:{sim.control_port}/")
    await over.wait()
    await sim.stop()


def main() -> None:
    """Entry point."""
    app()


if __name__ == "__main__":
    main()
