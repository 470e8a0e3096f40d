"""A small whole package made from contract functions and a hand-made recording: two cameras, two visits, 4 s."""

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sample_media import recording

from contract import package
from contract.canonical import canonical
from contract.clock import FakeClock, from_us, stamp, to_us
from contract.completeness import statement
from contract.envelope import FactDraft, Position, build_fact
from contract.keys import KeyRing, SigningKey
from contract.notes import Checkpoint, cosign, origin, sign_checkpoint
from contract.proofs import session_facts, session_proofs
from contract.signing import seal
from contract.tree import Tree

SESSION = "01900000-0000-7000-8000-000000000001"
SITTING = "01900000-0000-7000-8000-000000000002"
VENUE = "V01"
VISITS = ("visit-1", "visit-2")
SEGMENT_US = 2_000_000
PROJECT = "示例项目 01"
COMPOSED_AT = FakeClock().now() + timedelta(minutes=1)


@dataclass
class Keys:
    """Three holders; a second set plays the thief's own keys."""

    edge: SigningKey = field(default_factory=lambda: SigningKey.generate("V01.edge"))
    centre: SigningKey = field(default_factory=lambda: SigningKey.generate("centre"))
    witness: SigningKey = field(default_factory=lambda: SigningKey.generate("V01.witness"))

    def ring(self, until: Any = None) -> KeyRing:
        since = FakeClock().now()
        return KeyRing([
            self.edge.describe("edge", since, until), self.centre.describe("centre", since, until),
            self.witness.describe("witness", since, until),
        ])  # fmt: skip


class Ledger:
    """A journal in memory: appends facts, signs heads, remembers notes and recordings."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys
        self.clock = FakeClock()
        self.records: list[bytes] = []
        self.notes: list[str] = []
        self.media: dict[str, bytes] = {}
        self.tree = Tree()
        self._position = Position(VENUE, "01900000-0000-7000-8000-0000000000b0")
        self._chains: dict[str, bytes] = {}
        self._number = 0

    def add(
        self, kind: str, body: dict[str, Any], *, visit: str | None = None, session: str | None = SESSION
    ) -> str:
        record = build_fact(FactDraft(kind, body, session, visit), self._position, self.clock, 3)
        self.records.append(record.data)
        self.tree.append(record.data)
        p = self._position
        inside = (p.session_seq + 1, record.hash) if session else (p.session_seq, p.session_prev)
        self._position = Position(p.venue, p.boot, p.seq + 1, record.hash, *inside)
        self.clock.advance(0.001)
        return record.hash

    def facts(self) -> list[dict[str, Any]]:
        return [json.loads(data) for data in self.records]

    def segment(self, camera: str, start_us: int) -> None:
        data, first, last = recording(
            start_us, 5, before=self._chains.get(camera, bytes(32)), scene=ord(camera[1])
        )
        self._chains[camera] = last
        self._number += 1
        name = f"{from_us(start_us).strftime('%Y%m%dT%H%M%S.%fZ')}.mov"
        self.media[f"{camera}/{name}"] = data
        self.add("segment_finalised", {
            "camera": camera, "worker": "w1", "number": self._number, "file": f"{camera}/20261120/01/{name}",
            "start_us": start_us, "end_us": start_us + SEGMENT_US, "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(), "chain_first": first.hex(), "chain_last": last.hex(),
            "fragments": 5, "video_samples": 50, "audio_samples": 16_000, "lost": 0, "container": "mov",
        })  # fmt: skip

    def gap(self, camera: str, start_us: int, end_us: int) -> None:
        self._number += 1
        body = {
            "camera": camera,
            "worker": "w1",
            "number": self._number,
            "start_us": start_us,
            "end_us": end_us,
        }
        self.add("gap_declared", {**body, "media": "both", "cause": "camera_silent"})

    def checkpoint(self, signers: Iterable[str] = ("centre", "witness")) -> None:
        now = self.clock.now()
        note = sign_checkpoint(
            Checkpoint(origin(VENUE), self.tree.size, self.tree.root(), now), self.keys.edge
        )
        self.notes.append(note)
        for name in signers:
            self.notes.append(cosign(note, getattr(self.keys, name), now))

    def visit(self, visit: str, locker: int) -> None:
        opened = {"bank": "L1", "locker": locker, "result": "done"}
        self.add("locker_assigned", {"bank": "L1", "locker": locker}, visit=visit)
        self.add("locker_opened", {**opened, "purpose": "deposit"}, visit=visit)
        self.add("custody_settled", {"bank": "L1", "locker": locker, "declared_empty": False}, visit=visit)
        self.add(
            "door_unlocked", {"door": "D1", "admission": "a", "result": "done", "for": "entry"}, visit=visit
        )
        self.add("person_entered", {"door": "D1", "place": "evaluation"}, visit=visit)

    def leave(self, visit: str, locker: int) -> None:
        self.add("person_left", {"door": "D1", "place": "evaluation"}, visit=visit)
        self.add("custody_returned", {"bank": "L1", "locker": locker}, visit=visit)
        self.add("visit_ended", {"outcome": "left"}, visit=visit)


def play(keys: Keys, twist: Callable[[Ledger], None] | None = None) -> Ledger:
    """One session; `twist` may state more before it closes."""
    ledger = Ledger(keys)
    ledger.add("edge_started", {"version": "1", "simulated": True, "recovered_from_seq": 0}, session=None)
    ledger.add("roster_opened", {"sitting": SITTING, "serial": 1, "witness": "V01.witness", "expected": 2})
    start = to_us(ledger.clock.now())
    ledger.add("session_opened", {"sitting": SITTING, "rooms": ["R1"], "cameras": ["C1", "C2"]})
    for number, visit in enumerate(VISITS, 1):
        ledger.visit(visit, number)
    ledger.checkpoint()
    ledger.add("device_changed", {"device": "C2", "device_class": "camera", "state": "offline", "reason": "silent",
                                  "simulated": True}, session=None)  # fmt: skip
    ledger.clock.advance(4.1)
    ledger.add("recording_stopped", {"cameras": ["C1", "C2"], "until_us": start + 2 * SEGMENT_US})
    for camera in ("C1", "C2"):
        ledger.segment(camera, start)
    ledger.segment("C1", start + SEGMENT_US)
    ledger.gap("C2", start + SEGMENT_US, start + 2 * SEGMENT_US)
    for number, visit in enumerate(VISITS, 1):
        ledger.leave(visit, number)
    if twist is not None:
        twist(ledger)
    finish(ledger)
    return ledger


def finish(ledger: Ledger) -> None:
    mine = [f for f in ledger.facts() if f["session"] == SESSION]
    last = ledger.add("completeness_stated", {"statement": statement(mine)})
    ledger.add("session_closed", {"sitting": SITTING, "count": len(mine) + 1, "last_hash": last})
    ledger.add("evidence_sent", {"session": SESSION, "segments": 3, "bytes": 1}, session=None)
    ledger.checkpoint()


@dataclass
class Package:
    """Payload files by path; catalogue, statement and manifests are made when it is written.

    The statement is signed anew each time, as only the holder of the centre's key can: what is found then, is found
    by something else. `without_the_centre` keeps the statement of the true package, as everybody else must.
    """

    files: dict[str, bytes]
    keys: Keys
    project: str = PROJECT
    statement: bytes | None = None
    """What stands in `statement.json` instead; empty: no such file."""

    def without_the_centre(self) -> "Package":
        """From here on changed by somebody who does not hold the centre's key."""
        self.statement = self.seal()[package.STATEMENT]
        return self

    def signed(self, catalogue: bytes, key: SigningKey | None = None, **other: Any) -> bytes:
        """The centre's statement over a catalogue."""
        digest = hashlib.sha256(catalogue).hexdigest()
        fields = package.composed(SESSION, self.project, digest, stamp(COMPOSED_AT))
        return canonical(seal("statement", fields | other, key or self.keys.centre))

    def lines(self) -> list[bytes]:
        return self.files[package.journal_path(VENUE)].splitlines()

    def set_lines(self, lines: list[bytes]) -> None:
        self.files[package.journal_path(VENUE)] = b"".join(line + b"\n" for line in lines)

    def json(self, path: str) -> Any:
        return json.loads(self.files[path])

    def set_json(self, path: str, value: Any) -> None:
        self.files[path] = json.dumps(value).encode()

    def seal(self) -> dict[str, bytes]:
        """Catalogue and manifests over what is there now, as anybody could rebuild them, and the statement."""
        payload = {n: d for n, d in self.files.items() if n != package.CATALOGUE}
        items = [{"path": n, "kind": package.kind_of(n), "title_key": "item", "from": None, "until": None,
                  "term": None, "bytes": len(d), "sha256": hashlib.sha256(d).hexdigest()}
                 for n, d in payload.items()]  # fmt: skip
        payload[package.CATALOGUE] = canonical(package.catalogue(SESSION, self.project, items))
        stated = self.signed(payload[package.CATALOGUE]) if self.statement is None else self.statement
        return {**payload, **tag_files(payload, {package.STATEMENT: stated} if stated else {})}

    def write(self, folder: Path) -> Path:
        for name, data in self.seal().items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return folder

    def write_zip(self, path: Path, prefix: str = "") -> Path:
        with zipfile.ZipFile(path, "w") as out:
            for name, data in self.seal().items():
                out.writestr(prefix + name, data)
        return path

    def write_trust(self, folder: Path, ring: KeyRing | None = None) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        table = (ring or self.keys.ring()).as_table()
        (folder / package.TRUST_FILE).write_text(json.dumps(table), encoding="utf-8")
        return folder


def tag_files(payload: dict[str, bytes], more: dict[str, bytes]) -> dict[str, bytes]:
    """Declaration, information and manifests over a payload and other tag files."""
    oxum = f"{sum(map(len, payload.values()))}.{len(payload)}"
    tags = {
        package.DECLARATION: b"BagIt-Version: 0.97\nTag-File-Character-Encoding: UTF-8\n",
        package.BAG_INFO: f"Payload-Oxum: {oxum}\n".encode(),
        package.MANIFEST: manifest(payload),
        **more,
    }
    return {**tags, package.TAG_MANIFEST: manifest(tags)}


def manifest(files: dict[str, bytes]) -> bytes:
    return "".join(f"{hashlib.sha256(d).hexdigest()}  {n}\n" for n, d in sorted(files.items())).encode()


def pack(ledger: Ledger, ring: KeyRing | None = None) -> Package:
    """What the centre would compose of a ledger."""
    mine = session_facts(ledger.records, SESSION)
    files = {package.journal_path(VENUE): b"".join(data + b"\n" for data, _ in mine)}
    proofs = session_proofs(ledger.records, SESSION, ledger.notes, ring or ledger.keys.ring())
    files |= {package.proof_path(VENUE, name): data for name, data in proofs.items()}
    files |= {package.recording_path(VENUE, n.split("/")[0], n): d for n, d in ledger.media.items()}
    stated = statement([fact for _, fact in mine])
    row = {"edge": stated, "centre": stated, "differences": []}
    files[package.COMPLETENESS] = canonical(package.completeness(SESSION, {VENUE: row}))
    files[f"{package.DOCUMENTS}report.txt"] = "示例报告\n".encode()
    return Package(files, ledger.keys)


def sample(twist: Callable[[Ledger], None] | None = None) -> Package:
    return pack(play(Keys(), twist))
