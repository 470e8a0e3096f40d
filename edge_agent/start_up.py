"""What the composition root makes before its parts: the folder's lock, drivers, faces, limits, tokens."""

import ctypes
import fcntl
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from access_control.settings import Settings as PassageSettings
from contract.clock import Clock
from contract.config_file import ConfigError
from contract.durable_file import write_new
from contract.plan import VenuePlan
from devices.build import DeviceSet, build_devices
from devices.ports import FaceMatcher, Listener
from edge_agent.settings import EdgeSettings

M_ARENA_MAX = -8
"""malloc.h: the most heaps that glibc may keep."""


@dataclass(frozen=True, slots=True)
class AlreadyRunning(Exception):
    """Another edge holds this folder."""

    path: Path

    def __str__(self) -> str:
        return f"{self.path}: another edge is running on this folder"


def one_heap() -> None:
    """Let every thread take memory from one heap, before threads start.

    glibc gives each its own otherwise, and never returns what the face models needed while they were loaded.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_ARENA_MAX, 1)


def only_one(path: Path) -> int:
    """Hold the folder's lock: one writer a journal (keeps I-7)."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise AlreadyRunning(path) from error
    return descriptor


def passage_of(settings: EdgeSettings) -> PassageSettings:
    """The limits of the passage. Raises ConfigError for a name that there is not."""
    try:
        return PassageSettings(**settings.passage)
    except TypeError as error:
        raise ConfigError(f"passage: {error}; see config/defaults/edge.toml") from error


def devices_of(plan: VenuePlan, settings: EdgeSettings, listener: Listener, clock: Clock) -> DeviceSet:
    """The venue file's drivers, not started. Raises devices.build.BuildError."""
    return build_devices(
        [device.settings() for device in plan.devices], listener, mono_us=clock.mono_us,
        doors=[door.model_dump() for door in plan.doors],
        relays=[relay.model_dump() for relay in plan.relays], home=str(settings.state),
    )  # fmt: skip


def faces_of(settings: EdgeSettings) -> FaceMatcher | None:
    """The face matcher; one without models says unavailable (keeps I-19)."""
    if not settings.faces.enabled:
        return None
    from devices.face_sface import SFaceMatcher

    return SFaceMatcher(settings.faces.models or settings.state / "models")


def token_at(path: Path) -> str:
    """The kiosk's token; made at the first start, read by the installer."""
    if not path.exists():
        write_new(path, secrets.token_urlsafe(24).encode() + b"\n")
    return path.read_text(encoding="ascii").strip()
