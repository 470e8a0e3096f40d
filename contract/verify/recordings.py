"""The session's media files: each is the file its record speaks of, whole inside, and covers what it says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from contract.completeness import (
    FRAME_SPACING_US,
    Gap,
    Piece,
    declared,
    reckon,
    second_of,
    undeclared,
    windows,
)
from contract.media import Fragment, Scan, scan
from contract.package import RECORDINGS, BadName, recording_path
from contract.spans import Span
from contract.verify.bag import Bag, Unreadable, reading
from contract.verify.findings import Finding
from contract.verify.journal import Journal
from contract.verify.manifests import Measures

LONG_FRAME_US = 1_000_000
"""A picture shown longer than this is no recording of that time."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A segment of the session: its record's body, its path in the package, and what is in the file."""

    path: str
    body: Mapping[str, Any]
    scan: Scan | None

    @property
    def second(self) -> str:
        """The second it starts in."""
        return second_of(self.body["start_us"])


def check_recordings(bag: Bag, journal: Journal, measures: Measures) -> Iterator[Finding]:
    """Files against records, chains inside and between files, and every second of every session camera."""
    found: list[Recording] = []
    for fact in journal.facts:
        if fact["kind"] == "segment_finalised":
            yield from _check_one(bag, journal.venue, fact["body"], measures, found)
    yield from _strays(bag, journal.venue, {recording.path for recording in found})
    yield from _links(found)
    yield from _holes(journal, found)


def held(journal: Journal, measures: Measures) -> set[str]:
    """SHA-256 of the session's recordings that are in the package unaltered."""
    hashes = set()
    for fact in journal.facts:
        if fact["kind"] == "segment_finalised":
            measured = measures.get(_place(journal.venue, fact["body"]))
            if measured is not None and measured[1] == fact["body"]["sha256"]:
                hashes.add(measured[1])
    return hashes


def _place(venue: str, body: Mapping[str, Any]) -> str:
    try:
        return recording_path(venue, body["camera"], body["file"])
    except BadName:
        return f"{RECORDINGS}{venue}/?"


def _check_one(
    bag: Bag, venue: str, body: Mapping[str, Any], measures: Measures, found: list[Recording]
) -> Iterator[Finding]:
    path, second = _place(venue, body), second_of(body["start_us"])
    if path not in bag.names():
        found.append(Recording(path, body, None))
        yield Finding(path, "recording.missing", second, {"camera": body["camera"]})
        return
    sha256 = measures[path][1] if path in measures else "nothing readable"
    if sha256 != body["sha256"]:
        params = {"camera": body["camera"], "expected": body["sha256"], "found": sha256}
        yield Finding(path, "recording.altered", second, params)
    elif measures[path][0] != body["bytes"]:
        yield _differs(path, body, "bytes", body["bytes"], measures[path][0])
    media = _scan(bag, path)
    found.append(Recording(path, body, media))
    yield from _inside(path, body, media)


def _scan(bag: Bag, path: str) -> Scan:
    try:
        with reading(bag, path) as stream:
            return scan(stream)
    except Unreadable:
        return Scan()  # measure_all has reported it


def _inside(path: str, body: Mapping[str, Any], media: Scan) -> Iterator[Finding]:
    for fault in media.faults:
        at = second_of(fault.at_us if fault.at_us is not None else body["start_us"])
        yield Finding(path, fault.key, at, {"offset": fault.offset, "detail": fault.detail})
    end = second_of(media.end_us if media.end_us is not None else body["start_us"])
    if media.truncated and not media.faults:
        yield Finding(path, "media.truncated", end, {"bytes": media.truncated})
    exact = ("chain_first", "chain_last", "video_samples", "audio_samples", "lost", "container")
    pairs: list[tuple[str, Any, Any]] = [(name, body[name], getattr(media, name)) for name in exact]
    pairs.append(("fragments", body["fragments"], len(media.fragments)))
    for name, expected, value in pairs:
        if expected != value:
            yield _differs(path, body, name, expected, value)
    for name in ("start_us", "end_us"):
        value = getattr(media, name)
        if value is None or abs(value - body[name]) > FRAME_SPACING_US:
            yield _differs(path, body, name, body[name], value)


def _differs(path: str, body: Mapping[str, Any], name: str, expected: Any, found: Any) -> Finding:
    params = {"field": name, "expected": expected, "found": found}
    return Finding(path, "recording.differs", second_of(body["start_us"]), params)


def _strays(bag: Bag, venue: str, known: set[str]) -> Iterator[Finding]:
    folder = f"{RECORDINGS}{venue}/"
    for name in bag.names():
        if name.startswith(folder) and name not in known:
            yield Finding(name, "recording.stray")


def _links(found: list[Recording]) -> Iterator[Finding]:
    """Where one file ends as the next of its camera begins, nothing was between them: the chain must go on."""
    last: dict[str, Recording] = {}
    for recording in sorted(found, key=lambda r: int(r.body["start_us"])):
        before = last.get(recording.body["camera"])
        last[recording.body["camera"]] = recording
        if before is None or before.scan is None or recording.scan is None:
            continue
        if not before.scan.fragments or not recording.scan.fragments:
            continue
        apart = recording.body["start_us"] - before.body["end_us"]
        if abs(apart) <= FRAME_SPACING_US and not recording.scan.follows(before.scan.fragments[-1].digest):
            params = {"camera": recording.body["camera"]}
            yield Finding(recording.path, "recording.chain_file", recording.second, params)


def _holes(journal: Journal, found: list[Recording]) -> Iterator[Finding]:
    """Seconds that the files themselves do not hold and nobody declared."""
    spans = windows(journal.facts)
    cameras = {str(c) for f in journal.facts if f["kind"] == "session_opened" for c in f["body"]["cameras"]}
    for camera in sorted(cameras):
        mine = [r for r in found if r.body["camera"] == camera]
        pieces = [piece for r in mine if r.scan for f in r.scan.fragments for piece in _pieces(f)]
        row = reckon(spans, pieces, _declared(journal, camera))
        for _, gap in undeclared({"cameras": {camera: row}}):
            yield _hole(journal, mine, camera, gap)


def _declared(journal: Journal, camera: str) -> list[Gap]:
    return declared(journal.facts, camera)


def _pieces(fragment: Fragment) -> list[Piece]:
    """What a fragment holds, picture and sound each at their own time."""
    video, audio = fragment.video, fragment.audio
    found = []
    if video.samples:
        shown = video.duration_us if video.longest_us <= LONG_FRAME_US else 0
        found.append(Piece(fragment.first_video_us, fragment.first_video_us + shown, audio=False))
    if audio.samples:
        offset = audio.start_us - video.start_us if video.samples else 0
        start = fragment.first_video_us + offset
        found.append(Piece(start, start + audio.duration_us, video=False))
    return found


def _hole(journal: Journal, mine: list[Recording], camera: str, gap: Mapping[str, Any]) -> Finding:
    span: Span = (gap["start_us"], gap["end_us"])
    file = next((r.path for r in mine if r.body["start_us"] <= span[0] < r.body["end_us"]), journal.path)
    params = {"camera": camera, "media": gap["media"], "millis": (span[1] - span[0]) // 1000}
    return Finding(file, "recording.hole", second_of(span[0]), params)
