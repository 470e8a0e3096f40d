"""What every command of ours does at a terminal: logs on stderr, one line a message, clear ends."""

import json
import logging
import os
import sys
from pathlib import Path
from typing import TypeVar

import structlog
import typer
from pydantic import BaseModel

from contract.config_file import ConfigError, load

Model = TypeVar("Model", bound=BaseModel)


def keep_private() -> None:
    """What this process makes from now on (journal, recordings, sockets) is for its own user alone."""
    os.umask(0o077)


def set_up_logs(level: str) -> None:
    """JSON lines on stderr; keys, never prose, never persons."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[
            structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info, structlog.processors.JSONRenderer(),
        ],
    )  # fmt: skip
    # what libraries say below a warning is of no use on site
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)


def read_settings(model: type[Model], path: Path) -> Model:
    """The settings of a command; exits 2 naming file, line and key when they cannot be used."""
    try:
        return load(model, path)
    except ConfigError as error:
        raise wrong_use(error) from error


def wrong_use(error: Exception) -> typer.Exit:
    """Say what to write, exit 2."""
    typer.echo(str(error), err=True)
    return typer.Exit(2)


def tell(said: dict[str, str], as_json: bool, templates: dict[str, str]) -> None:
    """One line at once: a person, or a script, waits for it."""
    if as_json:
        typer.echo(json.dumps(said))
    elif "fingerprint" in said:
        typer.echo(templates["cli.fingerprint"].format(value=said["fingerprint"]))
    else:
        typer.echo(templates["cli.state_approved"])
