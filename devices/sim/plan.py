"""Reads what the simulators need from a venue file, by themselves: devices, doors, relays, cameras."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class SimPlanError(Exception):
    """The venue file cannot be played; the text says why."""


@dataclass(frozen=True, slots=True)
class SimDevice:
    """A `[[devices]]` table; `path` is where its pty is to appear, None when it is not on a serial wire."""

    id: str
    driver: str
    path: Path | None
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SimDoor:
    """A `[[doors]]` table."""

    id: str
    board: str
    coil: int
    contact_input: int
    exit_input: int


@dataclass(frozen=True, slots=True)
class SimPlan:
    """The part of the venue file that is played. `cameras`: id, path of the RTSP URL, clip."""

    venue: str
    devices: tuple[SimDevice, ...]
    doors: tuple[SimDoor, ...]
    facilities: Mapping[tuple[str, int], str]
    cameras: tuple[Mapping[str, str], ...]


def load_sim_plan(path: Path, home: Path) -> SimPlan:
    """Read a venue file. Raises SimPlanError naming file, place and what to write."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return _plan(raw, home)
    except OSError as error:
        reason = f"cannot be read ({error.strerror}); write the path of a venue file"
        raise SimPlanError(f"{path}: {reason}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SimPlanError(f"{path}: not valid TOML: {error}") from error
    except (LookupError, TypeError, AttributeError) as error:
        raise SimPlanError(f"{path}: not a venue file ({error}); see config/example/venue.toml") from error
    except ValueError as error:
        raise SimPlanError(f"{path}: {error}") from error


def _rows(raw: Mapping[str, Any], table: str, *keys: str) -> list[Mapping[str, Any]]:
    """The tables of that name; ValueError naming the key that one of them lacks."""
    rows = list(raw.get(table, ()))
    for number, row in enumerate(rows):
        if lacking := [key for key in keys if key not in row]:
            raise ValueError(f"{table}.{number}: write {', '.join(lacking)}")
    return rows


def _plan(raw: Mapping[str, Any], home: Path) -> SimPlan:
    if not raw.get("venue", {}).get("simulated"):
        raise ValueError("venue.simulated: real devices are not played over; write simulated = true")
    return SimPlan(
        venue=raw["venue"]["id"],
        devices=tuple(_device(row, home) for row in _rows(raw, "devices", "id", "driver", "endpoint")),
        doors=tuple(
            SimDoor(d["id"], d["board"], d["coil"], d["contact_input"], d["exit_input"])
            for d in _rows(raw, "doors", "id", "board", "coil", "contact_input", "exit_input")
        ),
        facilities={(r["board"], r["coil"]): r["id"] for r in _rows(raw, "relays", "id", "board", "coil")},
        cameras=tuple(
            {"id": c["id"], "path": urlsplit(c["endpoint"]).path, "clip": c.get("clip", "pcma")}
            for c in _rows(raw, "cameras", "id", "endpoint")
        ),
    )


def _device(table: Mapping[str, Any], home: Path) -> SimDevice:
    endpoint = str(table["endpoint"]).replace("{home}", str(home))
    scheme, _, rest = endpoint.partition(":")
    path = Path(rest.partition("?")[0]) if scheme == "serial" else None
    return SimDevice(table["id"], table["driver"], path, table)
