"""`enrol` at the terminal, the same words for an edge and a witness."""

from pathlib import Path
from typing import Annotated

import typer

from contract.config_file import ConfigError
from contract.keys import KeyFileError
from edge_agent.enrol import EnrolmentFailed, enrol
from edge_agent.messages import load_texts
from edge_agent.terminal import tell, wrong_use

Code = Annotated[str, typer.Option(help="The one-time code, valid 15 minutes.")]
CaFingerprint = Annotated[str, typer.Option(help="SHA-256 of the centre's CA, as printed with the code.")]
CentreUrl = Annotated[str, typer.Option(help="The centre's edge port, https://…; default: the settings.")]


def enrol_box(
    folder: Path, name: str, centre: str, ca_fingerprint: str, code: str, *, texts: tuple[Path, str],
    as_json: bool,
) -> None:  # fmt: skip
    """Enrol the party whose keys lie in `folder`; `texts` is where its sentences are. Exits 1 or 2 when it is not."""
    try:
        templates = load_texts(*texts).templates
        enrol(folder, name, centre, ca_fingerprint, code, say=lambda said: tell(said, as_json, templates))
    except (ConfigError, KeyFileError) as error:
        raise wrong_use(error) from error
    except EnrolmentFailed as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
