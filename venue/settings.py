"""The centre's settings: shipped defaults, then one file; an unknown key is an error that names file and key."""

import os
import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

CHECKOUT = Path(__file__).resolve().parent.parent
_DEFAULTS = CHECKOUT / "config" / "defaults" / "centre.toml"


class SettingsError(Exception):
    """The configuration cannot be used; the text names file, line or key, and what to write."""


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
    """Tables of the subjects (`[subjects.archive]` …), checked by each subject with its own model."""

    def under_home(self, path: str) -> Path:
        """A state path: absolute as it is, relative to the home otherwise."""
        return self.home / path

    def pages_folder(self) -> Path:
        """Where the built pages are."""
        return CHECKOUT / self.pages


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"{path}: cannot be read ({error.strerror}); write the path of a TOML file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        result[key] = _merged(base[key], value) if both else value
    return result


def _line_of(path: Path, key: str) -> int | None:
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((n for n, line in enumerate(lines, 1) if line.strip().startswith(key)), None)


def _explain(path: Path, error: ValidationError) -> str:
    found = []
    for one in error.errors():
        place = ".".join(str(part) for part in one["loc"])
        line = _line_of(path, str(one["loc"][-1])) if one["loc"] else None
        what = "unknown key; remove it" if one["type"] == "extra_forbidden" else one["msg"]
        found.append(f"{path}{f':{line}' if line else ''}: {place}: {what}")
    return "\n".join(found)


def load_settings(config: Path | None = None) -> Settings:
    """Defaults, then `config`, then VENUE_HOME. Raises SettingsError naming file, line and key."""
    values = _read(_DEFAULTS)
    if config is not None:
        values = _merged(values, _read(config))
    if os.environ.get("VENUE_HOME"):
        values["home"] = os.environ["VENUE_HOME"]
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_explain(config or _DEFAULTS, error)) from error
    return settings.model_copy(update={"home": settings.home.absolute()})
