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
    """Read a venue file. Raises SimPlanError."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return _plan(raw, home)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SimPlanError(f"{path}: {error}") from error
    except KeyError as error:
        raise SimPlanError(f"{path}: a table lacks {error}") from error


def _plan(raw: Mapping[str, Any], home: Path) -> SimPlan:
    if not raw["venue"].get("simulated"):
        raise SimPlanError("the venue is not marked simulated = true; real devices are not played over")
    return SimPlan(
        venue=raw["venue"]["id"],
        devices=tuple(_device(table, home) for table in raw.get("devices", ())),
        doors=tuple(
            SimDoor(d["id"], d["board"], d["coil"], d["contact_input"], d["exit_input"])
            for d in raw.get("doors", ())
        ),
        facilities={(r["board"], r["coil"]): r["id"] for r in raw.get("relays", ())},
        cameras=tuple(
            {"id": c["id"], "path": urlsplit(c["endpoint"]).path, "clip": c.get("clip", "pcma")}
            for c in raw.get("cameras", ())
        ),
    )


def _device(table: Mapping[str, Any], home: Path) -> SimDevice:
    endpoint = str(table["endpoint"]).replace("{home}", str(home))
    scheme, _, rest = endpoint.partition(":")
    path = Path(rest.partition("?")[0]) if scheme == "serial" else None
    return SimDevice(table["id"], table["driver"], path, table)
