"""Before anybody comes: the rooms are booked, the experts drawn, and nobody can know who they are."""

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from contract.clock import SystemClock
from scripts.stage.furnish import entry
from scripts.stage.story.clients import Refused, wait_for
from scripts.stage.story.context import Scene
from scripts.stage.story.people import SamplePerson

CHECKIN_IN = 12.0
"""Seconds from booking to the start of check-in; short sessions are a setting, not a hook."""


def stamp(instant: datetime) -> str:
    """RFC 3339 UTC."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def register(scene: Scene) -> None:
    """The pool keeper enters the sample experts with their photos."""
    for person in scene.people:
        scene.accounts["keeper"].post("/experts", entry(person, scene.pictures))


def booking(scene: Scene) -> dict[str, Any]:
    """The request that books the story's session."""
    now = SystemClock().now()
    return {
        "project_code": "DEMO-2026-0001",
        "title": "示例项目评标",
        "kind": "evaluation",
        "checkin_opens_at": stamp(now + timedelta(seconds=CHECKIN_IN)),
        "starts_at": stamp(now + timedelta(seconds=CHECKIN_IN + 4)),
        "ends_at": stamp(now + timedelta(minutes=30)),
        "rooms": [
            {"room": scene.room, "purpose": "evaluation"},
            {"room": scene.second_room, "purpose": "clarification"},
        ],
    }


def book(scene: Scene) -> None:
    """Two rooms in one booking; a clash is refused with the reason."""
    with scene.report.judge("book") as j:
        wanted = booking(scene)
        made = scene.accounts["staff"].post("/sessions", wanted)
        scene.session = made["id"]
        scene.sitting = made["sittings"][0]["id"]
        booked = {
            b["room"] for b in scene.accounts["staff"].get("/bookings") if b["session"] == scene.session
        }
        j.require(booked == {scene.room, scene.second_room}, f"booked {sorted(booked)}")
        clash = wanted | {"project_code": "DEMO-2026-0002", "rooms": wanted["rooms"][:1]}
        try:
            scene.accounts["staff"].post("/sessions", clash)
        except Refused as refused:
            key = refused.detail["detail"]["key"]
            j.require(
                refused.status == 409 and key == "booking.clash", f"clash refused: {refused.status} {key}"
            )
            params = refused.detail["detail"]["params"]
            j.require("DEMO-2026-0001" in str(params), f"with the reason {params}")
        else:
            j.require(False, "a clashing booking was accepted")


def draw(scene: Scene) -> None:
    """Five are drawn; everything stored, held without private keys, names nobody."""
    with scene.report.judge("draw") as j:
        scene.accounts["draw"].post(
            f"/sessions/{scene.session}/draw", {"seats": [{"specialty": "A01", "count": 5}]}
        )
        reached = wait_for(lambda: len(told(scene)) == 5, 20.0 * scene.patience)
        scene.drawn = told(scene)
        j.require(reached, f"{len(scene.drawn)} of 5 told on their own phones")
        shown = scene.accounts["draw"].get(f"/sessions/{scene.session}/draw")
        j.require(len(shown["commitments"]) == 3, "three shares committed")
        files = list(stored_files(scene.stage.home))
        j.require(len(files) > 10, f"{len(files)} stored files searched")
        found = readable(files, [*scene.drawn, scene.undrawn])
        j.require(
            not found, f"no name, number or phone readable{': found ' + ', '.join(found) if found else ''}"
        )
        seeds = candidate_seeds(files)
        hits = [s.hex()[:12] for s in seeds if recomputes(s, files, scene)]
        j.require(not hits, f"none of {len(seeds)} stored 32-byte values recomputes the draw{hits or ''}")


def told(scene: Scene) -> list[SamplePerson]:
    """Who has a notice on the own phone."""
    return [p for p in scene.people if scene.sim.get("/messages", phone=p.phone)]


def stored_files(home: Path) -> Iterator[Path]:
    """Everything our processes store, except private keys and what belongs to the outside world (the simulators)."""
    for path in sorted(home.rglob("*")):
        outside = {"sim", "cache"} & set(path.relative_to(home).parts)
        private = "keys" in path.parts or path.suffix in (".key", ".age", ".pem") or path.name == "stage.json"
        if path.is_file() and not outside and not private and path.suffix not in (".mp4", ".mov"):
            yield path


def spellings(text: str) -> list[bytes]:
    """A secret as it may stand in a file: plain, UTF-16, JSON-escaped, hex, base64 at any offset."""
    raw = text.encode()
    forms = [raw, text.encode("utf-16-le"), raw.hex().encode(), raw.hex().upper().encode()]
    forms.append(text.encode("unicode_escape"))
    for pad in range(3):
        encoded = base64.b64encode(b"\0" * pad + raw)
        forms.append(encoded[(0, 2, 3)[pad] : len(encoded) - 4])
    return [f for f in forms if len(f) >= 6]


def readable(files: list[Path], people: list[SamplePerson]) -> list[str]:
    """Which secrets stand in which files."""
    secrets = {s: spellings(s) for p in people for s in (p.name, p.id_number, p.phone)}
    found = []
    for path in files:
        data = path.read_bytes()
        found += [f"{path.name}" for forms in secrets.values() if any(form in data for form in forms)]
    return sorted(set(found))


def candidate_seeds(files: list[Path]) -> set[bytes]:
    """Every stored value that could be a seed or a share: 32 bytes in hex or base64."""
    seeds: set[bytes] = set()
    for path in files:
        data = path.read_bytes()
        seeds |= {
            bytes.fromhex(m.decode()) for m in re.findall(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", data)
        }
        seeds |= {
            base64.b64decode(m) for m in re.findall(rb"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=(?!=)", data)
        }
    return seeds


def recomputes(seed: bytes, files: list[Path], scene: Scene) -> bool:
    """Whether ranking the register's ids by this seed gives the people who were drawn (ids by order of entry)."""
    if "names" not in scene.notes:
        scene.notes["names"] = {e["id"]: e["name"] for e in scene.accounts["keeper"].get("/experts")}
    names: dict[str, str] = scene.notes["names"]
    ranked = sorted(names, key=lambda i: hmac.new(seed, i.encode(), hashlib.sha256).digest())
    return {names[i] for i in ranked[: len(scene.drawn)]} == {p.name for p in scene.drawn}
