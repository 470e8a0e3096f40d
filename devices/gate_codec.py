"""The published serial protocol of detection gates, sans-I/O, and the judgement of one passage.

`[0x80|address] [LEN] [TAG] data… [7F]`: LEN counts the whole frame, only byte 0 has bit 7 set, numbers are
base-128 with the high digit first. There is no checksum: a frame alone proves nothing, so a passage counts
only when beams, frame and counters read again all tell the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from devices.ports import GateCounters

SYNC, RESULT, AUTO_ON, AUTO_OFF, COUNTERS, LEVEL, BEAM = 0, 1, 4, 5, 96, 101, 102
_END = 0x7F
_RESULT_SIZES = (46, 55, 62, 71)
"""Metal gate, phone gate, each with nine bytes more when it measures temperature."""
KINDS = {
    1: "weapon_or_tool",
    2: "thermos",
    3: "contraband",
    4: "copper_or_aluminium",
    5: "can",
    6: "phone",
    7: "everyday",
    8: "umbrella",
    9: "mixed",
    10: "iron",
    11: "earphone",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; `data` is what stands between tag and end."""

    address: int
    tag: int
    data: bytes


@dataclass(frozen=True, slots=True)
class PassageResult:
    """A tag 1 frame: counters after the passage, zones that alarmed, class per half-zone (0: none)."""

    counters: GateCounters
    zones: tuple[int, ...]
    classes: tuple[int, ...]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of what was found, each once."""
        return tuple(dict.fromkeys(KINDS.get(c, f"class_{c}") for c in self.classes if c))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a passage was. `doubts` is empty when everything agreed."""

    forward: bool
    alarm: bool
    kinds: tuple[str, ...]
    doubts: tuple[str, ...]


def request(address: int, tag: int, data: bytes = b"") -> bytes:
    """A frame to the gate."""
    return bytes([0x80 | address, len(data) + 4, tag]) + data + bytes([_END])


def take_frame(buffer: bytearray) -> Frame | None:
    """Take the first well-formed frame; drops what cannot be one."""
    while buffer:
        if not buffer[0] & 0x80:
            del buffer[0]
            continue
        size = buffer[1] if len(buffer) > 1 else 4
        body = buffer[1:size]
        whole = len(buffer) >= size
        broken = size < 4 or any(byte & 0x80 for byte in body) or (whole and body[-1] != _END)
        if not broken and not whole:
            return None
        frame = bytes(buffer[:size])
        del buffer[: 1 if broken else size]
        if not broken:
            return Frame(frame[0] & 0x7F, frame[2], frame[3:-1])
    return None


def number(data: bytes) -> int:
    """A base-128 number, high digit first."""
    value = 0
    for digit in data:
        value = value << 7 | digit
    return value


def parse_counters(data: bytes) -> GateCounters | None:
    """The four 21-bit counters at the head of a result or counters frame."""
    if len(data) < 12:
        return None
    return GateCounters(*(number(data[at : at + 3]) for at in range(0, 12, 3)))


def parse_result(frame: Frame) -> PassageResult | None:
    """A tag 1 frame with a passage in it; None for `nothing new` and for impossible sizes."""
    counters = parse_counters(frame.data)
    if counters is None or len(frame.data) + 4 not in _RESULT_SIZES:
        return None
    bits = frame.data[37:42]
    zones = tuple(7 * n + b + 1 for n in range(5) for b in range(7) if bits[n] >> b & 1)
    classes = tuple(frame.data[42:58]) if len(frame.data) + 4 >= 62 else ()
    return PassageResult(counters, zones, classes)


# ---- judgement ------------------------------------------------------------------------------------


def beams_say(codes: Sequence[int]) -> bool | None:
    """True: whole forward sequence; False: whole backward sequence; None: neither.

    The first beam is blocked first and left before the second is left.
    """
    for forward, (a_in, a_out, b_in, b_out) in ((True, (1, 2, 3, 4)), (False, (11, 12, 13, 14))):
        if sorted(codes) == [a_in, a_out, b_in, b_out]:
            at = {code: index for index, code in enumerate(codes)}
            if at[a_in] < at[a_out] and at[a_in] < at[b_in] < at[b_out] and at[a_out] < at[b_out]:
                return forward
    return None


def judge(
    before: GateCounters,
    result: PassageResult | None,
    beams: Sequence[int] | None,
    recount: GateCounters | None,
) -> Judgement:
    """Judge one passage from the counters before, its frame, its beams (None: poll mode) and a recount."""
    after = recount or (result.counters if result else before)
    steps = _steps(before, after)
    beamed = beams_say(beams) if beams is not None else None
    forward = steps[0] > 0 if steps[0] != steps[1] else beamed is not False
    doubts = []
    if result is None:
        doubts.append("no_frame")
    if recount is None:
        doubts.append("no_recount")
    if result and recount and result.counters != recount:
        doubts.append("recount_differs")
    if steps not in _ONE_PASSAGE:
        doubts.append("counters")
    if beams is not None and beamed is not forward:
        doubts.append("beams")
    alarm = steps[2] > 0 or steps[3] > 0
    if result:
        doubts += _findings_disagree(result, alarm)
    found = bool(result and (result.zones or any(result.classes)))
    return Judgement(forward, alarm or found, result.kinds if result else (), tuple(doubts))


_ONE_PASSAGE = {(1, 0, 0, 0), (1, 0, 1, 0), (0, 1, 0, 0), (0, 1, 0, 1)}


def _steps(before: GateCounters, after: GateCounters) -> tuple[int, int, int, int]:
    return (
        after.forward - before.forward,
        after.backward - before.backward,
        after.forward_alarms - before.forward_alarms,
        after.backward_alarms - before.backward_alarms,
    )


def _findings_disagree(result: PassageResult, alarm: bool) -> list[str]:
    said = {alarm, bool(result.zones)} | ({any(result.classes)} if result.classes else set())
    return ["findings"] if len(said) > 1 else []
