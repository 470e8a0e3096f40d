"""BagIt manifests and our catalogue: files missing, put in, or altered (RFC 8493)."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contract.package import (
    BAG_INFO,
    CATALOGUE,
    DATA,
    DECLARATION,
    MANIFEST,
    STATEMENT,
    TAG_MANIFEST,
    VERSION,
    kind_of,
)
from contract.verify.bag import Bag, Unreadable, measure, read, read_json
from contract.verify.findings import MOST_BAD_LINES, Finding

_LINE = re.compile(r"([0-9A-Fa-f]{64})[ \t]+\*?(.+)")
_OXUM = re.compile(r"^Payload-Oxum: *([0-9]{1,18})\.([0-9]{1,18}) *$", re.MULTILINE)
_DECLARED = re.compile(r"BagIt-Version: (0\.97|1\.0)\nTag-File-Character-Encoding: UTF-8\n?")
_TAG_MANIFEST = re.compile(r"tagmanifest-[a-z0-9]+\.txt")
_TAG_FILE = re.compile(
    "|".join((*map(re.escape, (DECLARATION, BAG_INFO, STATEMENT)), r"manifest-[a-z0-9]+\.txt"))
)
"""What may stand outside the payload: whatever else does, no catalogue lists and nobody signs."""

Measures = Mapping[str, tuple[int, str]]
"""(bytes, SHA-256) of each file that could be read."""


def measure_all(bag: Bag, findings: list[Finding]) -> dict[str, tuple[int, str]]:
    """Read every file once; broken ones and bad names become findings."""
    found: dict[str, tuple[int, str]] = {}
    findings += [Finding(name, "bag.name") for name in bag.bad_names()]
    for name in bag.names():
        try:
            found[name] = measure(bag, name)
        except Unreadable as error:
            findings.append(Finding(name, "bag.unreadable", params={"detail": str(error)}))
    return found


def check_manifests(bag: Bag, measures: Measures) -> Iterator[Finding]:
    """Declaration, payload manifest, tag manifest, files outside the payload, Payload-Oxum."""
    text = _text(bag, DECLARATION)
    if text is None or not _DECLARED.fullmatch(text.replace("\r\n", "\n")):
        yield Finding(DECLARATION, "bag.declaration")
    names = set(bag.names())
    payload = {name for name in names if name.startswith(DATA)}
    yield from _check_list(bag, MANIFEST, payload, measures)
    tags = {n for n in names - payload if not _TAG_MANIFEST.fullmatch(n)}
    yield from _check_list(bag, TAG_MANIFEST, tags, measures)
    yield from (Finding(name, "bag.stray") for name in sorted(tags) if not _TAG_FILE.fullmatch(name))
    yield from _oxum(bag, payload, measures)


def check_catalogue(bag: Bag, measures: Measures) -> Iterator[Finding]:
    """Every payload file but the catalogue has one item that fits it."""
    try:
        items = read_json(bag, CATALOGUE).get("items")
        rows = {str(item["path"]): item for item in items} if isinstance(items, list) else None
    except (Unreadable, KeyError, TypeError) as error:
        yield Finding(CATALOGUE, "catalogue.unreadable", params={"detail": str(error)})
        return
    if rows is None or len(rows) != len(items or ()):
        yield Finding(
            CATALOGUE, "catalogue.unreadable", params={"detail": "items: no list, or one path twice"}
        )
        return
    payload = {name for name in bag.names() if name.startswith(DATA) and name != CATALOGUE}
    yield from (Finding(name, "catalogue.missing") for name in sorted(payload - set(rows)))
    yield from (Finding(name, "catalogue.gone") for name in sorted(set(rows) - payload))
    for name in sorted(payload & set(rows) & set(measures)):
        yield from _check_item(name, rows[name], measures[name])


def check_catalogue_head(bag: Bag, sessions: Sequence[str]) -> Iterator[Finding]:
    """Version and session that the catalogue names: those of this form and of the journals."""
    try:
        table = read_json(bag, CATALOGUE)
    except Unreadable:
        return  # check_catalogue has reported it
    expected = {"v": VERSION, "session": ", ".join(sessions)}
    for key, value in expected.items():
        if table.get(key) != value:
            params = {"field": key, "expected": table.get(key), "found": value}
            yield Finding(CATALOGUE, "catalogue.differs", params=params)


def _check_item(name: str, item: Mapping[str, Any], measured: tuple[int, str]) -> Iterator[Finding]:
    found = {"bytes": measured[0], "sha256": measured[1], "kind": kind_of(name)}
    for key, value in found.items():
        if item.get(key) != value:
            params = {"field": key, "expected": item.get(key), "found": value}
            yield Finding(name, "catalogue.differs", params=params)


def _check_list(bag: Bag, manifest: str, files: set[str], measures: Measures) -> Iterator[Finding]:
    text = _text(bag, manifest)
    if text is None:
        yield Finding(manifest, "bag.manifest_missing")
        return
    listed: dict[str, str] = {}
    bad = 0
    # Only LF, CR and CRLF end a line (RFC 8493): a name may hold other separators.
    for number, line in enumerate(io.StringIO(text, newline=None), 1):
        match = _LINE.fullmatch(line.removesuffix("\n"))
        name = _decode(match[2]) if match else ""
        if match is None or name in listed:
            bad += 1
            yield Finding(manifest, "bag.manifest_line", params={"line": number})
            if bad == MOST_BAD_LINES:
                break
        else:
            listed[name] = match[1].lower()
    params = {"manifest": manifest}
    yield from (Finding(name, "bag.missing", params=params) for name in sorted(set(listed) - files))
    yield from (Finding(name, "bag.extra", params=params) for name in sorted(files - set(listed)))
    for name in sorted(files & set(listed) & set(measures)):
        if measures[name][1] != listed[name]:
            more = {**params, "expected": listed[name], "found": measures[name][1]}
            yield Finding(name, "bag.altered", params=more)


def _oxum(bag: Bag, payload: set[str], measures: Measures) -> Iterator[Finding]:
    match = _OXUM.search((_text(bag, BAG_INFO) or "").replace("\r\n", "\n"))
    found = f"{sum(measures[n][0] for n in payload if n in measures)}.{len(payload)}"
    expected = f"{int(match[1])}.{int(match[2])}" if match else "nothing"
    if expected != found:
        yield Finding(BAG_INFO, "bag.oxum", params={"expected": expected, "found": found})


def _text(bag: Bag, name: str) -> str | None:
    if name not in bag.names():
        return None
    try:
        return read(bag, name).decode("utf-8")
    except (Unreadable, UnicodeDecodeError):
        return None


def _decode(name: str) -> str:
    """RFC 8493 section 2.1.3: CR, LF and % are written as percent codes."""
    for code, char in (("%0A", "\n"), ("%0a", "\n"), ("%0D", "\r"), ("%0d", "\r"), ("%25", "%")):
        name = name.replace(code, char)
    return name
