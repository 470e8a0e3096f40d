"""The centre's settings: shipped defaults, then one file; an unknown key is an error that names file and key."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from contract.config_file import ConfigError, check, read_table

CHECKOUT = Path(__file__).resolve().parent.parent
_DEFAULTS = CHECKOUT / "config" / "defaults" / "centre.toml"


class SettingsError(ConfigError):
    """The centre cannot be run with this configuration."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Web(_Part):
    """Where staff, wall and sign pages and `/api` are served."""

    host: str
    port: int = Field(ge=0, le=65535)
    certificate: str
    key: str
    sign_in_hours: int = Field(gt=0, le=24)
    max_body_mb: int = Field(gt=0)


class EdgePort(_Part):
    """Where edges speak HTTPS."""

    host: str
    port: int = Field(ge=0, le=65535)


class Broker(_Part):
    """The MQTT broker."""

    host: str
    port: int = Field(gt=0, le=65535)
    keepalive_s: int = Field(ge=5)
    resend_commands_s: float = Field(gt=0)
    folder: str


class Pki(_Part):
    """The private CA's folder and terms."""

    folder: str
    certificate_days: int = Field(gt=0)
    renew_crl_days: int = Field(gt=1)


class Identity(_Part):
    """Lock-out after wrong passwords."""

    wrong_passwords: int = Field(gt=0)
    lock_minutes: int = Field(gt=0)


class Enrolment(_Part):
    """Life of a one-time code."""

    code_minutes: int = Field(gt=0, le=60)


class Duties(_Part):
    """When a missing duty raises an alarm."""

    late_factor: float = Field(gt=1)


class Settings(_Part):
    """Everything the centre is told from outside."""

    home: Path
    production: bool
    database: str
    pages: str
    web: Web
    edge_port: EdgePort
    broker: Broker
    pki: Pki
    identity: Identity
    enrolment: Enrolment
    duties: Duties
    subjects: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Tables of the subjects (`[subjects.archive]` …), checked by each subject's own model."""

    def under_home(self, path: str) -> Path:
        """A state path: absolute as it is, relative to the home otherwise."""
        return self.home / path

    def pages_folder(self) -> Path:
        """Where the built pages are."""
        return CHECKOUT / self.pages


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        result[key] = _merged(base[key], value) if both else value
    return result


def load_settings(
    config: Path | None = None, subjects: Mapping[str, type[BaseModel]] | None = None
) -> Settings:
    """Defaults, then `config`, then VENUE_HOME. Raises SettingsError naming file, line and key.

    `subjects` (table → model): every subject's own table is checked too, so that a wrong one is told at the start and
    not at the first use.
    """
    path = config or _DEFAULTS
    try:
        values = read_table(_DEFAULTS)
        if config is not None:
            values = _merged(values, read_table(config))
        if os.environ.get("VENUE_HOME"):
            values["home"] = os.environ["VENUE_HOME"]
        settings = check(Settings, values, path)
        if subjects is not None:
            _check_subjects(settings, subjects, path)
    except ConfigError as error:
        raise SettingsError(str(error)) from error
    return settings.model_copy(update={"home": settings.home.absolute()})


def _check_subjects(settings: Settings, known: Mapping[str, type[BaseModel]], path: Path) -> None:
    for name in sorted(settings.subjects.keys() - known.keys()):
        raise ConfigError(f"{path}: subjects.{name}: unknown table; remove it or correct its name")
    for name, model in known.items():
        check(model, settings.subjects.get(name, {}), path, below=("subjects", name))
