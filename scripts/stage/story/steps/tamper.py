"""Tampering: each forgery of the filed package is found, and the finding names what was touched."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from contract.package import CATALOGUE
from scripts.stage.story.context import Scene
from scripts.stage.story.steps.after import verify
from scripts.stage.story.steps.rewrite import fit_catalogue, rewrite_history

Forgery = Callable[[Path], str]
"""Changes a copy of the package; answers the word that a finding must name."""


def journal_file(package: Path) -> Path:
    """The session's facts."""
    return next((package / "data/journal").glob("*.jsonl"))


def segments(package: Path) -> list[Path]:
    """Every recording of the package."""
    return sorted(p for p in (package / "data/recordings").rglob("*") if p.is_file())


def change_byte(package: Path) -> str:
    """One byte in the middle of a segment."""
    path = segments(package)[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return path.name


def remove_row(package: Path) -> str:
    """One line of the journal, not the last."""
    path = journal_file(package)
    lines = path.read_bytes().splitlines(keepends=True)
    gone = json.loads(lines.pop(len(lines) // 2))
    path.write_bytes(b"".join(lines))
    return str(gone["session_seq"])


def delete_file(package: Path) -> str:
    """A whole segment."""
    path = segments(package)[-1]
    path.unlink()
    return path.name


def remove_segment_and_row(package: Path) -> str:
    """A segment and the row that tells of it, as if it had never been; the catalogue too."""
    path = segments(package)[0]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    journal = journal_file(package)
    kept, gone = [], ""
    for line in journal.read_bytes().splitlines(keepends=True):
        fact = json.loads(line)
        if fact["kind"] == "segment_finalised" and fact["body"]["sha256"] == digest:
            gone = str(fact["session_seq"])
        else:
            kept.append(line)
    journal.write_bytes(b"".join(kept))
    path.unlink()
    catalogue = package / CATALOGUE
    content = json.loads(catalogue.read_text())
    content["items"] = [item for item in content["items"] if item.get("sha256") != digest]
    catalogue.write_text(json.dumps(content, ensure_ascii=False))
    return gone


def swap_document(package: Path) -> str:
    """Another paper (the draw's commitments, where there are some) in the place of the true one; the catalogue too."""
    paper = min(p for p in (package / "data/documents").rglob("*") if p.is_file())
    paper.write_text('{"draws":[]}', encoding="utf-8")
    fit_catalogue(package)
    return CATALOGUE


def rename_project(package: Path) -> str:
    """The same evidence under another project's name."""
    path = package / CATALOGUE
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | {"project": "DEMO-2026-9999"}, ensure_ascii=False), encoding="utf-8")
    return CATALOGUE


def rebuild_manifests(package: Path) -> None:
    """What a forger does next: Payload-Oxum and manifests that fit the forged content, every tag file listed."""
    files = [p for p in package.rglob("*") if p.is_file()]
    payload = sorted(p for p in files if p.is_relative_to(package / "data"))
    info = package / "bag-info.txt"
    oxum = f"Payload-Oxum: {sum(p.stat().st_size for p in payload)}.{len(payload)}"
    info.write_text(
        re.sub(r"(?m)^Payload-Oxum: .*$", oxum, info.read_text(encoding="utf-8")), encoding="utf-8"
    )
    write_manifest(package, "manifest-sha256.txt", payload)
    outside = set(files) - set(payload)
    tags = sorted(p for p in outside if not p.name.startswith("tagmanifest-"))
    write_manifest(package, "tagmanifest-sha256.txt", tags)


def write_manifest(package: Path, manifest: str, files: list[Path]) -> None:
    """One line a file, as bagit writes it."""
    lines = [
        f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(package).as_posix()}\n" for p in files
    ]
    (package / manifest).write_text("".join(lines), encoding="utf-8")


def tamper(scene: Scene) -> None:
    """Every forgery, with the manifests as they were and rebuilt."""
    with scene.report.judge("tamper") as j:
        assert scene.report.package is not None
        simple: list[tuple[str, Forgery]] = [
            ("one byte changed", change_byte),
            ("a row removed", remove_row),
            ("a file deleted", delete_file),
            ("segment and row removed", remove_segment_and_row),
        ]
        for what, forge in simple:
            for rebuilt in (False, True):
                judge_forgery(scene, j, what + (", manifests rebuilt" if rebuilt else ""), forge, rebuilt)
        judge_forgery(scene, j, "a document swapped, catalogue and manifests rebuilt", swap_document, True)
        judge_forgery(scene, j, "the project renamed, manifests rebuilt", rename_project, True)
        judge_forgery(
            scene,
            j,
            "history rewritten with edge's and centre's keys",
            lambda p: rewrite_history(scene, p),
            True,
        )


def judge_forgery(scene: Scene, j: Any, what: str, forge: Forgery, rebuilt: bool) -> None:
    """Forge a copy, verify it, demand a finding that names what was touched."""
    assert scene.report.package is not None
    assert scene.report.trust is not None
    copy = scene.stage.home / "forged" / hashlib.sha256(what.encode()).hexdigest()[:8]
    shutil.copytree(scene.report.package, copy)
    try:
        named = forge(copy)
        if rebuilt:
            rebuild_manifests(copy)
        code, findings = verify(copy, scene.report.trust)
        j.require(code == 1 and findings, f"{what}: found")
        said = json.dumps(findings, ensure_ascii=False)
        j.require(named in said, f"{what}: names {named}" + ("" if named in said else f", said {said[:300]}"))
    finally:
        shutil.rmtree(copy)
