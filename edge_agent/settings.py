"""What an edge is told by its operator: `config/defaults/edge.toml` is the whole list, with the defaults."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from contract.config_file import ConfigError
from contract.plan import VenuePlan, load_plan
from edge_agent.settings_parts import CentreAddress, Part, home_of


class ListenSettings(Part):
    """An address of ours; loopback unless told otherwise."""

    host: str = "127.0.0.1"
    port: int = Field(ge=0, lt=65536)


class RecorderSettings(Part):
    """The recorder process. An empty command: somebody else starts it (systemd)."""

    command: tuple[str, ...] = ("venue-recorder", "run", "--home", "{home}")
    stop_seconds: float = Field(default=30, gt=0)
    """How long closing a session waits for the recorder's last segments."""
    live_addresses: tuple[str, ...] = ("127.0.0.1",)


class FaceSettings(Part):
    """Faces are optional; without models the face step says unavailable (keeps I-19)."""

    enabled: bool = True
    models: Path | None = None


class CheckpointSettings(Part):
    """How often the head is signed."""

    every_seconds: float = Field(default=60, gt=0)


class EdgeSettings(BaseSettings):
    """One edge. `home` is the state folder (default $VENUE_HOME, else `var`)."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    home: Path | None = None
    environment: Literal["demo", "production"] = "demo"
    plan: Path
    messages: Path = Path("config/messages")
    pages: Path = Path("kiosk_ui/dist")
    message_language: Literal["zh", "en"] = "zh"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    centre: CentreAddress = CentreAddress()
    kiosk: ListenSettings = ListenSettings(port=8100)
    witness: ListenSettings = ListenSettings(port=8143)
    recorder: RecorderSettings = RecorderSettings()
    faces: FaceSettings = FaceSettings()
    checkpoints: CheckpointSettings = CheckpointSettings()
    passage: dict[str, Any] = Field(default_factory=dict)
    """Limits of the passage, by the names of `access_control` settings."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_: Any,
        **__: Any,
    ) -> tuple[PydanticBaseSettingsSource, ...]:  # fmt: skip
        """The file alone: an environment variable must not silently change what opens a door."""
        return (init_settings,)

    @property
    def state(self) -> Path:
        """The state folder."""
        return home_of(self.home)

    @property
    def folder(self) -> Path:
        """The edge's own part of the state folder."""
        return self.state / "edge"


def load_venue(settings: EdgeSettings) -> VenuePlan:
    """The venue file; production refuses a simulated one (keeps I-19). Raises ConfigError."""
    plan = load_plan(settings.plan)
    if settings.environment == "production" and plan.venue.simulated:
        raise ConfigError(
            f"{settings.plan}: venue.simulated: production refuses simulated devices; write false"
        )
    return plan
