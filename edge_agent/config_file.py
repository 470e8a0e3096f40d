"""Settings from one TOML file, with errors that name file, line, key and what to write."""

import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


class ConfigError(Exception):
    """The configuration cannot be used; the text has one line a fault: `FILE:LINE: KEY: what to write`."""


def load(model: type[Model], path: Path) -> Model:
    """Read and check a settings file. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
        return model.model_validate(tomllib.loads(text))
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); write the path of a settings file"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text ({error.reason})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    except ValidationError as error:
        raise ConfigError("\n".join(_fault(path, text, dict(e)) for e in error.errors())) from error


def home_of(written: Path | None) -> Path:
    """The state folder: as written, else $VENUE_HOME, else `var`."""
    return (written or Path(os.environ.get("VENUE_HOME") or "var")).absolute()


def _fault(path: Path, text: str, fault: dict[str, Any]) -> str:
    keys = [str(part) for part in fault["loc"]]
    advice = (
        "unknown key; remove it or correct its name" if fault["type"] == "extra_forbidden" else fault["msg"]
    )
    return f"{path}:{_line_of(text, keys)}: {'.'.join(keys) or 'file'}: {advice}"


def _line_of(text: str, keys: Sequence[str]) -> int:
    """The line that sets the key, or that of its table, or 1."""
    table, best = "", 1
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line)
        if header:
            table = header[1].replace('"', "")
            best = number if table == ".".join(keys) or table == ".".join(keys[:-1]) else best
            continue
        name = re.match(r"\s*\"?([A-Za-z0-9_-]+)\"?\s*=", line)
        written = [*filter(None, table.split(".")), name[1]] if name else []
        if written and written == list(keys[: len(written)]):
            return number
    return best
