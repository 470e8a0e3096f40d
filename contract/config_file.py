"""A settings file of ours: TOML, checked by a model; every fault is one line `FILE:LINE: KEY: what to write`."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


class ConfigError(Exception):
    """The configuration cannot be used; the text has one line a fault: `FILE:LINE: KEY: what to write`."""


def load(model: type[Model], path: Path) -> Model:
    """Read and check a file. Raises ConfigError."""
    return check(model, read_table(path), path)


def read_table(path: Path) -> dict[str, Any]:
    """The file as TOML reads it. Raises ConfigError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); write the path of a TOML file"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text ({error.reason})") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error


def check(model: type[Model], values: Mapping[str, Any], path: Path, *, below: Sequence[str] = ()) -> Model:
    """Values as the model takes them; `path` is where a person would correct them, `below` their table in it.

    Raises ConfigError.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        text = path.read_text(encoding="utf-8")
        faults = [_fault(path, text, below, dict(fault)) for fault in error.errors()]
        raise ConfigError("\n".join(faults)) from error


def _fault(path: Path, text: str, below: Sequence[str], fault: Mapping[str, Any]) -> str:
    keys = [*below, *fault["loc"]]
    unknown = fault["type"] == "extra_forbidden"
    advice = "unknown key; remove it or correct its name" if unknown else fault["msg"]
    return f"{path}:{_line_of(text, keys)}: {'.'.join(map(str, keys)) or 'file'}: {advice}"


def _line_of(text: str, keys: Sequence[str | int]) -> int:
    """The line that sets the key, or that of its table, or 1. A number in `keys` counts the tables of a list."""
    table: list[str | int] = []
    lists: dict[str, int] = {}
    best, depth = 1, 0
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*(\[+)\s*([^\]]+?)\s*\]+", line)
        if header:
            table = _place(header[2].replace('"', ""), header[1] == "[[", lists)
            if len(table) > depth and table == list(keys[: len(table)]):
                best, depth = number, len(table)
            continue
        name = re.match(r"\s*\"?([A-Za-z0-9_-]+)\"?\s*=", line)
        written = [*table, name[1]] if name else []
        if written and written == list(keys[: len(written)]):
            return number
    return best


def _place(name: str, is_list: bool, lists: dict[str, int]) -> list[str | int]:
    """The keys that lead to a table; `[[rooms]]` for the second time is `rooms, 1`. `lists` counts them."""
    if is_list:
        lists[name] = lists.get(name, -1) + 1
    place: list[str | int] = []
    parts = name.split(".")
    for at, part in enumerate(parts, start=1):
        place.append(part)
        reached = ".".join(parts[:at])
        if reached in lists:
            place.append(lists[reached])
    return place
