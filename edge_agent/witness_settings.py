"""What a witness is told by its operator: `config/defaults/witness.toml` is the whole list."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from edge_agent.settings_parts import CentreAddress, Part, home_of


class EdgeAddress(Part):
    """The witness port of the venue's edge."""

    url: str = "https://127.0.0.1:8143"
    poll_seconds: float = Field(default=1.0, gt=0)


class WitnessSettings(Part):
    """One witness of one venue. `home` is the state folder (default $VENUE_HOME, else `var`)."""

    home: Path | None = None
    venue: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,31}$")
    messages: Path = Path("config/messages")
    message_language: Literal["zh", "en"] = "zh"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    centre: CentreAddress = CentreAddress()
    edge: EdgeAddress = EdgeAddress()

    @property
    def name(self) -> str:
        """As in our certificate."""
        return f"{self.venue}.witness"

    @property
    def folder(self) -> Path:
        """The witness's own part of the state folder."""
        return home_of(self.home) / "witness"
