"""A detection gate on its serial wire (115200 8N1): passages as events, each cross-checked.

`auto` mode (default): the gate sends beams and results by itself; `poll` mode asks for results and has no
beams to check. Which way is inward is a setting. Any disagreement makes a passage doubtful and never clear.
"""

import time
from typing import Literal

import structlog

from devices import gate_codec as codec
from devices.bus import Bus, NoAnswerError, Wire
from devices.gate_codec import Frame, PassageResult
from devices.health import HealthKeeper
from devices.ports import GateCounters, GatePassage, Health, Listener, MonoUs

_log = structlog.get_logger(__name__)
_ANSWER_S = 0.3
_RECOUNT_EVERY_S, _RECOUNT_TRIES = 1.0, 3
_POLL_EVERY_S, _WHEN_OFFLINE_S = 0.1, 1.5
_BEAMS_LIVE_US = 3_000_000
_Beams = list[tuple[int, int]]
"""Beam codes with the time of each."""


class SerialGate:
    """A DetectionGate on a bus of its own."""

    def __init__(
        self,
        id: str,  # noqa: A002 - the port's word
        bus: Bus,
        mono_us: MonoUs,
        *,
        address: int = 1,
        mode: Literal["auto", "poll"] = "auto",
        inward: Literal["forward", "backward"] = "forward",
    ) -> None:
        self.id, self._bus, self._mono_us = id, bus, mono_us
        self._address, self._inward_is_forward = address, inward == "forward"
        self.listens = mode == "auto"
        self._listener: Listener = lambda event: None
        self._keeper = HealthKeeper(id, mono_us, self._listener)
        self._buffer = bytearray()
        self._counters: GateCounters | None = None
        self._beams: _Beams = []
        self._results: list[tuple[PassageResult, _Beams]] = []
        self._suspect: GateCounters | None = None
        bus.add(self)

    def start(self, listener: Listener) -> None:
        """See Device."""
        self._listener = listener
        self._keeper = HealthKeeper(self.id, self._mono_us, listener)
        self._bus.start()

    def stop(self) -> None:
        """See Device."""
        self._bus.stop()

    def health(self) -> Health:
        """See Device."""
        return self._keeper.now()

    def counters(self) -> GateCounters | None:
        """See DetectionGate."""
        return None if self._keeper.offline else self._counters

    # ---- rider ----

    def connected(self, wire: Wire) -> None:
        """What passed while nobody read is not reported later (keeps I-4): counters are taken anew."""
        self._counters = None
        self._forget()

    def lost(self, reason: str) -> None:
        """See Rider."""
        self._counters = None
        self._keeper.lost(reason)

    def heard(self, wire: Wire, data: bytes) -> None:
        """Frames that the gate sent by itself."""
        for frame in self._frames(data):
            self._unasked(frame)
        self._settle_results(wire)

    def poll(self, wire: Wire) -> float:
        """Set the gate up, or look for passages that were told badly or not at all."""
        try:
            if self._counters is None:
                self._set_up(wire)
            elif not self.listens:
                self._ask_for_result(wire)
            elif not self._walking():
                self._recount(wire)
        except NoAnswerError as error:
            self._keeper.missed(error.reason)
            if self._keeper.offline:
                self._counters = None
                return _WHEN_OFFLINE_S
            return _POLL_EVERY_S
        self._keeper.answered()
        return _RECOUNT_EVERY_S if self.listens else _POLL_EVERY_S

    # ---- exchange ----

    def _set_up(self, wire: Wire) -> None:
        self._forget()
        self._ask(wire, codec.SYNC)
        counters = self._agreed_counters(wire)
        self._ask(wire, codec.AUTO_ON if self.listens else codec.AUTO_OFF)
        self._forget()
        self._counters = counters

    def _ask(self, wire: Wire, tag: int, data: bytes = b"") -> Frame:
        """Send once and return the first frame of that tag; what the gate says besides is kept."""
        wire.write(codec.request(self._address, tag, data))
        until = time.monotonic() + _ANSWER_S
        heard = False
        while (left := until - time.monotonic()) > 0:
            chunk = wire.read(left)
            heard = heard or bool(chunk)
            answer = None
            for frame in self._frames(chunk):
                if frame.tag == tag and answer is None:
                    answer = frame
                else:
                    self._unasked(frame)
            if answer is not None:
                return answer
        raise NoAnswerError(heard)

    def _agreed_counters(self, wire: Wire) -> GateCounters:
        """Counters that two readings in a row agree upon; mask 0 clears nothing."""
        last: GateCounters | None = None
        for _ in range(_RECOUNT_TRIES + 1):
            counters = codec.parse_counters(self._ask(wire, codec.COUNTERS, b"\x00").data)
            if counters is not None and counters == last:
                return counters
            last = counters
        raise NoAnswerError(heard=True)

    def _frames(self, data: bytes) -> list[Frame]:
        self._buffer += data
        frames = []
        while (frame := codec.take_frame(self._buffer)) is not None:
            if frame.address == self._address:
                frames.append(frame)
        return frames

    def _unasked(self, frame: Frame) -> None:
        if self._counters is None:
            return
        if frame.tag == codec.BEAM and len(frame.data) == 1:
            self._beams.append((frame.data[0], self._mono_us()))
        elif frame.tag == codec.RESULT and (result := codec.parse_result(frame)) is not None:
            # the next person may be in the beams before this one is told
            self._results.append((result, self._beams))
            self._beams = []

    def _ask_for_result(self, wire: Wire) -> None:
        result = codec.parse_result(self._ask(wire, codec.RESULT))
        if result is not None:
            self._results.append((result, []))
        self._settle_results(wire)

    # ---- passages ----

    def _walking(self) -> bool:
        """Somebody is between the beams; a beam that nobody follows is forgotten after a while."""
        if not self._beams:
            return False
        return self._mono_us() - self._beams[-1][1] < _BEAMS_LIVE_US

    def _settle_results(self, wire: Wire) -> None:
        while self._results:
            result, beams = self._results.pop(0)
            try:
                recount: GateCounters | None = self._agreed_counters(wire)
            except NoAnswerError:
                recount = None  # the passage is told, and it is doubtful
            self._tell(result, recount, beams)

    def _recount(self, wire: Wire) -> None:
        """A counter that moved without a frame is a passage that nobody can vouch for."""
        counters = self._agreed_counters(wire)
        if self._results:
            self._settle_results(wire)
        elif counters == self._suspect:  # the frame had a whole period to arrive
            beams, self._beams = self._beams, []
            self._tell(None, counters, beams)
        elif counters != self._counters:
            self._suspect = counters
        else:
            self._beams = []

    def _tell(self, result: PassageResult | None, recount: GateCounters | None, beams: _Beams) -> None:
        before = self._counters or GateCounters(0, 0, 0, 0)
        codes = [code for code, _ in beams] if self.listens else None
        judged = codec.judge(before, result, codes, recount)
        now = self._mono_us()
        times = [at for _, at in beams] or [now]
        self._counters = recount or (result.counters if result else before)
        self._suspect = None
        if judged.doubts:
            _log.warning("gate_passage_doubtful", gate=self.id, doubts=judged.doubts)
        self._listener(
            GatePassage(
                gate=self.id,
                passage_no=self._counters.forward + self._counters.backward,
                direction="in" if judged.forward == self._inward_is_forward else "out",
                clear=not judged.alarm and not judged.doubts,
                kinds=judged.kinds,
                doubtful=bool(judged.doubts),
                started_mono_us=times[0],
                ended_mono_us=now if len(times) == 1 else times[-1],
            )
        )

    def _forget(self) -> None:
        self._buffer.clear()
        self._beams = []
        self._results.clear()
        self._suspect = None
