"""What the settings files of edge and witness share: where the centre is, where our state lies."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """A table of a settings file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CentreAddress(Part):
    """Where the centre is: enrolment and evidence over HTTPS, the rest over MQTT; certificates of enrolment."""

    url: str = "https://127.0.0.1:8443"
    mqtt_host: str = "127.0.0.1"
    mqtt_port: int = Field(default=8883, gt=0, lt=65536)
    keepalive_seconds: int = Field(default=15, ge=5)


def home_of(written: Path | None) -> Path:
    """The state folder: as written, else $VENUE_HOME, else `var`."""
    return (written or Path(os.environ.get("VENUE_HOME") or "var")).absolute()
