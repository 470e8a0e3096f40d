"""Completeness: what should be there, what is, and every gap with its cause (keeps I-11).

Pure, standard library only: edge, centre and offline verifier call `statement` with the same fact records
and must get the same answer. Times are integers, microseconds since 1970; nothing here reads a clock.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from contract.clock import parse_stamp, to_us
from contract.spans import Span, intersect, longer_than, subtract, total, union

FRAME_SPACING_US = 200_000
"""Longest hole that is no gap: one frame at 5 frames a second, five at 25. Between two segments, and at the
edges of the window, a picture may end this much early; anything longer must be recorded or declared."""

MEDIA = ("video", "audio")
_YEAR_10000_US = 253_402_300_800_000_000


@dataclass(frozen=True, slots=True)
class Piece:
    """Recorded time of one camera: a segment, and which media it holds."""

    start_us: int
    end_us: int
    video: bool = True
    audio: bool = True


@dataclass(frozen=True, slots=True)
class Gap:
    """Declared missing time; `media` is `both`, `video` or `audio`."""

    start_us: int
    end_us: int
    media: str
    cause: str


def reckon(
    windows: Sequence[Span],
    pieces: Iterable[Piece],
    gaps: Iterable[Gap],
    tolerance_us: int = FRAME_SPACING_US,
) -> dict[str, Any]:
    """One camera: `{expected_us, recorded_us, sound_us, gaps_declared[], gaps_undeclared[]}`.

    `recorded_us` and `sound_us` count window time inside segments with pictures and with sound. An
    undeclared gap is a hole longer than `tolerance_us` after segments and declared gaps are taken out; its
    `media` is what is missing there.
    """
    pieces, gaps = list(pieces), list(gaps)
    have = {m: union((p.start_us, p.end_us) for p in pieces if getattr(p, m)) for m in MEDIA}
    told = {m: union((g.start_us, g.end_us) for g in gaps if g.media in (m, "both")) for m in MEDIA}
    holes = {m: longer_than(subtract(subtract(windows, have[m]), told[m]), tolerance_us) for m in MEDIA}
    return {
        "expected_us": total(windows),
        "recorded_us": total(intersect(windows, have["video"])),
        "sound_us": total(intersect(windows, have["audio"])),
        "gaps_declared": _declared(windows, gaps),
        "gaps_undeclared": _by_medium(holes["video"], holes["audio"]),
    }


def statement(facts: Iterable[Mapping[str, Any]], held: Collection[str] | None = None) -> dict[str, Any]:
    """The reckoning of one session from its fact records (parsed, in session order, one venue).

    Facts from the last `completeness_stated` on are left out, so that the edge before stating and everybody
    after get the same. With `held` (SHA-256 of files that arrived) segments outside it do not count as
    recorded. Shape: `{session, facts, windows[], cameras{}, people{}, lockers{}, doors{}}`; no floats.
    """
    known = _before_statement(list(facts))
    spans = windows(known)
    cameras = sorted({str(c) for f in known if f["kind"] == "session_opened" for c in f["body"]["cameras"]})
    return {
        "session": known[0]["session"] if known else None,
        "facts": len(known),
        "windows": [{"start_us": start, "end_us": end} for start, end in spans],
        "cameras": {c: reckon(spans, pieces(known, c, held), declared(known, c)) for c in cameras},
        "people": _people(known),
        "lockers": _lockers(known),
        "doors": _doors(known),
    }


def windows(facts: Iterable[Mapping[str, Any]]) -> list[Span]:
    """When the session's cameras had to record: from each `session_opened` to the next `recording_stopped`.

    Each instant is the fact's wall time, or `from_us` / `until_us` in its body when given. A window that
    nobody stopped ends with the last fact.
    """
    spans: list[Span] = []
    start: int | None = None
    last = 0
    for fact in facts:
        last = max(last, wall_us(fact))
        if fact["kind"] == "session_opened" and start is None:
            start = _instant(fact, "from_us")
        elif fact["kind"] == "recording_stopped" and start is not None:
            spans.append((start, _instant(fact, "until_us")))
            start = None
    if start is not None:
        spans.append((start, last))
    return union(spans)


def pieces(
    facts: Iterable[Mapping[str, Any]], camera: str, held: Collection[str] | None = None
) -> list[Piece]:
    """Segments of a camera, as their facts tell."""
    return [
        Piece(b["start_us"], b["end_us"], b["video_samples"] > 0, b["audio_samples"] > 0)
        for b in _bodies(facts, "segment_finalised", camera)
        if held is None or b["sha256"] in held
    ]


def declared(facts: Iterable[Mapping[str, Any]], camera: str) -> list[Gap]:
    """Declared gaps of a camera."""
    return [
        Gap(b["start_us"], b["end_us"], b["media"], b["cause"])
        for b in _bodies(facts, "gap_declared", camera)
    ]


def undeclared(stated: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """(camera, gap) of every undeclared gap in a statement."""
    return [(c, gap) for c, row in sorted(stated["cameras"].items()) for gap in row["gaps_undeclared"]]


def differences(one: Any, other: Any, at: str = "") -> list[str]:
    """Paths (`cameras.C1.recorded_us`) at which two statements differ."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        keys = sorted({*one, *other})
        return [
            d for key in keys for d in differences(one.get(key), other.get(key), f"{at}.{key}".strip("."))
        ]
    return [] if type(one) is type(other) and one == other else [at]


def wall_us(fact: Mapping[str, Any]) -> int:
    """The fact's wall time in microseconds since 1970."""
    return to_us(parse_stamp(fact["wall"]))


def second_of(micros: int) -> str:
    """`2026-11-20T01:00:00Z`: the second an instant lies in, for findings; damaged times stay numbers."""
    if not 0 <= micros < _YEAR_10000_US:
        return f"{micros} us"
    return datetime.fromtimestamp(micros // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _instant(fact: Mapping[str, Any], name: str) -> int:
    given = fact["body"].get(name)
    return wall_us(fact) if given is None else int(given)


def _before_statement(facts: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    stated = [place for place, fact in enumerate(facts) if fact["kind"] == "completeness_stated"]
    return facts[: stated[-1]] if stated else facts


def _bodies(facts: Iterable[Mapping[str, Any]], kind: str, camera: str) -> list[Mapping[str, Any]]:
    return [f["body"] for f in facts if f["kind"] == kind and f["body"]["camera"] == camera]


def _declared(spans: Sequence[Span], gaps: Iterable[Gap]) -> list[dict[str, Any]]:
    """Declared gaps, cut to the windows, in order of time."""
    cut = [
        {"start_us": start, "end_us": end, "media": gap.media, "cause": gap.cause}
        for gap in gaps
        for start, end in intersect(spans, [(gap.start_us, gap.end_us)])
    ]
    return sorted(cut, key=lambda g: (g["start_us"], g["end_us"], g["media"], g["cause"]))


def _by_medium(video: list[Span], audio: list[Span]) -> list[dict[str, Any]]:
    both = intersect(video, audio)
    parts = [(both, "both"), (subtract(video, both), "video"), (subtract(audio, both), "audio")]
    found = [{"start_us": s, "end_us": e, "media": medium} for spans, medium in parts for s, e in spans]
    return sorted(found, key=lambda g: (g["start_us"], g["media"]))


def _people(facts: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Heads by visit: inside is who entered a place, did not leave it, nor end the visit by leaving."""
    expected = sum(int(f["body"]["expected"]) for f in facts if f["kind"] == "roster_opened")
    inside: dict[str, set[str]] = {}
    for fact in facts:
        visit, kind, body = fact.get("visit"), fact["kind"], fact["body"]
        if visit is None:
            continue
        if kind == "person_entered":
            inside.setdefault(visit, set()).add(body["place"])
        elif kind == "person_left" and visit in inside:
            inside[visit].discard(body["place"])
        elif kind == "visit_ended" and body["outcome"] == "left" and visit in inside:
            inside[visit].clear()
    still = sorted(visit for visit, places in inside.items() if places)
    return {
        "expected": expected,
        "entered": len(inside),
        "left": len(inside) - len(still),
        "still_inside": still,
    }


def _lockers(facts: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Lockers by visit: outstanding is given out, not declared empty and not returned (keeps I-6)."""
    given: dict[str, tuple[str, int]] = {}
    settled: set[str] = set()
    returned: set[str] = set()
    for fact in facts:
        visit, kind, body = fact.get("visit"), fact["kind"], fact["body"]
        if visit is None:
            continue
        if kind == "locker_assigned":
            given[visit] = (body["bank"], body["locker"])
        elif kind == "custody_returned":
            returned.add(visit)
        elif kind == "custody_settled" and body["declared_empty"]:
            settled.add(visit)
    out = sorted(visit for visit in given if visit not in returned and visit not in settled)
    outstanding = [{"bank": given[v][0], "locker": given[v][1], "visit": v} for v in out]
    return {"assigned": len(given), "returned": len(returned), "outstanding": outstanding}


_DOOR_COUNTS = {
    "door_opened": "opened", "door_closed": "closed", "door_forced": "forced", "door_held_open": "held_open",
    "admission_granted": "granted", "admission_refused": "refused",
}  # fmt: skip


def _doors(facts: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Counts by door; `unlocked` and `unknown` are results of pulses."""
    doors: dict[str, dict[str, int]] = {}
    names = ("granted", "refused", "unlocked", "unknown", "opened", "closed", "forced", "held_open")
    for fact in facts:
        what = _DOOR_COUNTS.get(fact["kind"])
        if fact["kind"] == "door_unlocked":
            what = {"done": "unlocked", "unknown": "unknown"}.get(fact["body"]["result"])
        if what is None:
            continue
        row = doors.setdefault(fact["body"]["door"], dict.fromkeys(names, 0))
        row[what] += 1
    return doors
