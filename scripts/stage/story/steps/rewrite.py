"""The strongest forger: holds the edge's and the centre's keys, and tells the whole history anew.

Every record from the altered one on is chained again, every checkpoint signed and cosigned again, every proof made
again, and the centre's statement over the package signed again. What this forger lacks is the witness's key.
"""

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from contract.canonical import canonical
from contract.chain import GENESIS, fact_hash
from contract.clock import SystemClock, stamp
from contract.keys import KeyRing, SigningKey
from contract.notes import Checkpoint, cosign, origin, sign_checkpoint
from contract.package import CATALOGUE, STATEMENT, composed
from contract.proofs import session_facts, session_proofs
from contract.signing import seal
from contract.tree import Tree, leaf_hash
from scripts.stage.story.context import Scene

WITNESS = "witness"
VENUE = "V01"


def altered(records: list[bytes], session: str) -> list[bytes]:
    """The history in which the gate never alarmed: chained anew, the closing statement fitted."""
    prev, session_prev, told = GENESIS, GENESIS, []
    for data in records:
        fact: dict[str, Any] = json.loads(data)
        if fact["kind"] == "gate_passed" and not fact["body"]["clear"]:
            fact["body"] |= {"clear": True, "kinds": []}
        fact["prev"] = prev
        if fact["session"] == session:
            fact["session_prev"] = session_prev
            if fact["kind"] == "session_closed":
                fact["body"]["last_hash"] = session_prev
        forged = canonical(fact)
        prev = fact_hash(forged)
        session_prev = prev if fact["session"] == session else session_prev
        told.append(forged)
    return told


def rewrite_history(scene: Scene, package: Path) -> str:
    """Put the altered history into a copy of the package, signed with both stolen keys."""
    home = scene.stage.home
    edge = SigningKey.load(home / "edge/keys/signing.pem", f"{VENUE}.edge")
    centre = SigningKey.load(home / "centre/keys/centre-1.pem", "centre")
    records = altered(scene.stage.ledger_records(), scene.session)
    root = Tree(leaf_hash(data) for data in records).root()
    now = SystemClock().now()
    note = sign_checkpoint(Checkpoint(origin(VENUE), len(records), root, now), edge)
    note = cosign(note, centre, now)
    keys = KeyRing.from_table(json.loads((package / f"data/proof/{VENUE}/keys.json").read_text()))
    files = session_proofs(records, scene.session, [note], keys, cosigners=("centre",))
    folder = package / f"data/proof/{VENUE}"
    for old in (folder / "checkpoints").iterdir():
        old.unlink()
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    lines = [data for data, _ in session_facts(records, scene.session)]
    (package / f"data/journal/{VENUE}.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))
    fit_catalogue(package)
    sign_statement(package, centre, now)
    return WITNESS


def sign_statement(package: Path, centre: SigningKey, now: datetime) -> None:
    """The centre's statement over the forged catalogue, with the stolen key."""
    data = (package / CATALOGUE).read_bytes()
    table = json.loads(data)
    fields = composed(table["session"], table["project"], hashlib.sha256(data).hexdigest(), stamp(now))
    (package / STATEMENT).write_bytes(canonical(seal("statement", fields, centre)))


def fit_catalogue(package: Path) -> None:
    """A catalogue that lists exactly the forged files with their sizes and digests."""
    path = package / CATALOGUE
    content = json.loads(path.read_text())
    by_path = {item["path"]: item for item in content["items"]}
    items = []
    for file in sorted(p for p in (package / "data").rglob("*") if p.is_file() and p != path):
        name = file.relative_to(package).as_posix()
        data = file.read_bytes()
        like = by_path.get(name) or {
            "kind": "proof",
            "title_key": "proof.checkpoint",
            "from": None,
            "until": None,
            "term": None,
        }
        items.append(like | {"path": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
    path.write_text(json.dumps(content | {"items": items}, ensure_ascii=False))
