"""Cuts one camera's pictures and sound into fragments and segments, and notices when they stop.

Runs on the event loop; all disk work goes to the camera's store. A segment begins at a keyframe and ends where the
next one begins, so `end_us` of one is `start_us` of the next. Rules: `docs/design/segments.md`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from recording.fmp4 import HEADROOM_MS, VIDEO_CLOCK, Fragment, MediaForm
from recording.h264 import AccessUnit
from recording.settings import RecorderSettings
from recording.sound import SoundChunk
from recording.timeline import Drift, Timeline
from recording.writer import CameraStore, DiskThreads

_HEADROOM = VIDEO_CLOCK * HEADROOM_MS // 1000
_SOUND_TOLERANCE_MS = 10
_SOUND_GAP_US = 150_000
"""A longer hole in the sound is declared; below the 200 ms that the reckoning lets pass."""
_DRIFT_US, _OVERLAP_US = 20_000, 2_000_000


@dataclass(slots=True)
class _Building:
    """The fragment being gathered."""

    video: bytearray = field(default_factory=bytearray)
    samples: list[tuple[int, int]] = field(default_factory=list)
    ticks: int = 0
    video_start: int = 0
    key: bool = False
    audio: bytearray = field(default_factory=bytearray)
    sizes: list[int] = field(default_factory=list)
    audio_samples: int = 0
    audio_start: int = 0
    first_us: int = 0


@dataclass(slots=True)
class _Segment:
    form: MediaForm
    start_us: int
    start_ticks: int
    audio_zero: tuple[int, int] | None = None
    """(ticks on the wire, ticks in the file) of the first sound."""
    begun: bool = False
    """Whether a fragment was handed to the disk."""


@dataclass(slots=True)
class _Pending:
    """The newest picture, whose duration is known when the next one comes."""

    ticks: int
    data: bytes
    key: bool


class Segmenter:
    """One camera on its way to disk."""

    def __init__(self, store: CameraStore, disk: DiskThreads, settings: RecorderSettings) -> None:
        self._store, self._disk, self._settings = store, disk, settings
        self._camera = store.camera
        self._timeline: Timeline | None = None
        self.drift = Drift()
        self._segment: _Segment | None = None
        self._pending: _Pending | None = None
        self._building = _Building()
        self._step = VIDEO_CLOCK // 25
        self._end_us = store.covered_us() or 0
        self._fresh = False
        self._lost = 0
        self._audio_until: int | None = None
        self._picture_us = 0
        self._sound_us = 0
        self._stop_at: int | None = None
        self._cuts: list[tuple[int, Callable[[], None]]] = []
        self._owed_since = 0
        self.recording = False
        self.cause = "not_connected"

    def attach(self, timeline: Timeline) -> None:
        """A new connection plays."""
        self._timeline, self.drift, self._fresh = timeline, Drift(), True
        self.cause = "no_packets"

    def detach(self, cause: str) -> None:
        """The connection is gone: close with the last picture at its usual length."""
        self._break(cause)
        self._timeline, self.cause = None, "not_connected"

    def record(self, now_us: int, cause: str) -> None:
        """Begin the duty to record; `cause` explains a gap that a restart left."""
        if self._stop_at is not None:
            self._stop(self._stop_at)
        if not self.recording:
            self.recording, self._owed_since = True, now_us
            self._post(lambda: self._store.begin_duty(now_us, cause))

    def stop(self, now_us: int) -> None:
        """End the duty to record at `now_us`: pictures already on their way still count."""
        if self.recording and self._stop_at is None:
            self._stop_at = now_us
            if self._segment is None:
                self._stop(now_us)

    def stop_now(self, now_us: int) -> None:
        """End the duty at once, without waiting for pictures on their way."""
        if self.recording:
            self._stop(now_us)

    def cut(self, now_us: int, done: Callable[[], None]) -> None:
        """Finish the segment at the next keyframe, then call `done` on the disk thread."""
        if self._segment is None:
            self._settle_cut(now_us, done)
        else:
            self._cuts.append((now_us, done))

    def abandon(self) -> None:
        """The store closed the segment because the disk failed: begin anew at the next keyframe."""
        self._segment = self._pending = self._audio_until = None
        self._building = _Building()

    def close(self, cause: str) -> None:
        """The process stops: finish what is open; the duty goes on after the restart."""
        self._break(cause)

    def lost(self, packets: int) -> None:
        """Count lost packets towards the fragment being gathered."""
        self._lost += packets

    def picture(self, unit: AccessUnit, ticks: int, form: MediaForm | None, now_us: int) -> None:
        """The next picture of the connection."""
        if self._timeline is None:
            return
        self._picture_us = now_us
        wall_us = self._timeline.video.wall_us(ticks)
        self.drift.note(now_us - wall_us, now_us)
        if self._pending is not None and not self._complete_pending(unit, ticks):
            return
        self._border(unit, ticks, form)
        if self._segment is not None:
            self._pending = _Pending(ticks, unit.data, unit.key)

    def sound(self, chunk: SoundChunk, ticks: int, now_us: int) -> None:
        """The next sound of the connection."""
        self._sound_us = now_us
        segment, timeline = self._segment, self._timeline
        if segment is None or timeline is None or timeline.audio is None or segment.form.audio is None:
            return
        start_us = timeline.audio.wall_us(ticks)
        if segment.audio_zero is None:
            into = start_us - segment.start_us + HEADROOM_MS * 1000
            segment.audio_zero = (ticks, into * timeline.audio.clock // 1_000_000)
        at = segment.audio_zero[1] + ticks - segment.audio_zero[0]
        if at < 0:
            segment.audio_zero = None
            return
        self._note_sound(start_us, timeline.audio.wall_us(ticks + chunk.duration))
        self._add_sound(chunk, at, start_us, timeline.audio.clock)

    def tick(self, now_us: int) -> None:
        """Four times a second: idle flush, stopped senders, stops and cuts that wait, gaps that grow."""
        limit = self._settings.silence_us
        if self._segment is not None and now_us - self._picture_us > limit:
            self._break("no_video" if now_us - self._sound_us < limit else "no_packets")
        elif self._segment is not None and now_us - self._picture_us > self._settings.idle_flush_us:
            self._flush()
        if self._stop_at is not None and now_us - self._stop_at > self._settings.cut_patience_us:
            self._stop(self._stop_at)
        if self._cuts and now_us - self._cuts[0][0] > self._settings.cut_patience_us:
            self._break("undecodable")
        self._cover(now_us)

    def _cover(self, now_us: int) -> None:
        """Declare a gap that goes on, so that nobody waits for its end to hear of it."""
        if self._segment is not None or not self.recording:
            self._owed_since = now_us
        elif now_us - self._owed_since > self._settings.gap_report_us:
            self._owed_since, until, cause = now_us, now_us - 1_000_000, self.cause
            self._post(lambda: self._store.cover(until, cause))
        if self._store.owes():
            self._post(self._store.settle)

    def _complete_pending(self, unit: AccessUnit, ticks: int) -> bool:
        """Give the pending picture its duration; False when `unit` was part of it or came out of order."""
        pending = self._pending
        if pending is None:
            return True
        step = ticks - pending.ticks
        if step == 0:
            pending.data += unit.data
        elif step < 0:
            self._lost += 1
        elif step > self._settings.silence_us * VIDEO_CLOCK // 1_000_000:
            self._break("no_packets")
        else:
            self._step = step
            self._append(pending, step)
        return step > 0

    def _append(self, pending: _Pending, duration: int) -> None:
        building, segment = self._building, self._segment
        self._pending = None
        if segment is None or self._timeline is None:
            return
        if pending.key and building.samples:
            self._flush()
            building = self._building
        if not building.samples:
            building.video_start = pending.ticks - segment.start_ticks + _HEADROOM
            building.key = pending.key
            building.first_us = self._timeline.video.wall_us(pending.ticks)
        building.video += pending.data
        building.samples.append((duration, len(pending.data)))
        building.ticks = pending.ticks + duration
        if (
            building.ticks - segment.start_ticks + _HEADROOM - building.video_start
            >= self._settings.fragment_ticks
        ):
            self._flush()

    def _border(self, unit: AccessUnit, ticks: int, form: MediaForm | None) -> None:
        """End and begin segments where this picture says so."""
        timeline = self._timeline
        if timeline is None:
            return
        wall_us = timeline.video.wall_us(ticks)
        if self._segment is not None and self._stop_at is not None and wall_us >= self._stop_at:
            self._finish(continues=False)
            self._stop(self._stop_at)
        if not unit.key or form is None:
            return
        if self._segment is not None and self._is_due(ticks, form):
            self._finish(continues=True)
            timeline.slew(ticks, self.drift.error_us(), self._settings.segment_us)
            self._open(form, ticks)
        elif self._segment is None and self._wants_segment() and self._settle_clock(ticks):
            self._open(form, ticks)

    def _wants_segment(self) -> bool:
        return self.recording and self._stop_at is None

    def _settle_clock(self, ticks: int) -> bool:
        """Between segments the map may move at once: take back drift; never overlap what is recorded.

        False for a picture that an earlier segment already holds.
        """
        timeline, error = self._timeline, self.drift.error_us()
        if timeline is None:
            return False
        if abs(error) > _DRIFT_US:
            timeline.shift(error)
            self.drift.settled(error)
        overlap, fresh = self._end_us - timeline.video.wall_us(ticks), self._fresh
        self._fresh = False
        if overlap > 0 and fresh and overlap < _OVERLAP_US:
            timeline.shift(overlap)
            return True
        return overlap <= 0 or overlap >= _OVERLAP_US

    def _is_due(self, ticks: int, form: MediaForm) -> bool:
        segment = self._segment
        if segment is None or self._timeline is None:
            return False
        long = ticks - segment.start_ticks >= self._settings.segment_us * VIDEO_CLOCK // 1_000_000
        asked = bool(self._cuts) and self._timeline.video.wall_us(ticks) >= self._cuts[-1][0]
        return long or asked or form != segment.form

    def _open(self, form: MediaForm, ticks: int) -> None:
        if self._timeline is None:
            return
        start_us = self._timeline.video.wall_us(ticks)
        self._segment = _Segment(form, start_us, ticks)
        self._audio_until = start_us if self._audio_until is None else self._audio_until
        self._building = _Building(ticks=ticks)
        self._post(lambda: self._store.open(form, start_us))

    def _flush(self) -> None:
        """Hand the gathered fragment to the disk; a full queue ends the segment."""
        building, segment = self._building, self._segment
        if segment is None or self._timeline is None or not (building.samples or building.audio):
            return
        if not building.samples and not segment.begun:
            return  # a file begins with its first picture
        segment.begun = True
        end_us = self._timeline.video.wall_us(building.ticks)
        fragment = Fragment(
            bytes(building.video), tuple(building.samples), building.video_start, building.key,
            bytes(building.audio), tuple(building.sizes), building.audio_samples, building.audio_start,
            self._lost, building.first_us, end_us,
        )  # fmt: skip
        self._building, self._lost = _Building(ticks=building.ticks), 0
        size = len(fragment.video) + len(fragment.audio)
        if not self._disk.post(self._camera, lambda: self._store.fragment(fragment), size):
            self._post(self._store.finish)
            self._post(lambda: self._store.note_cause("disk_slow"))
            self.abandon()

    def _finish(self, *, continues: bool) -> None:
        """End the segment after its last whole picture, and the cuts that waited for it."""
        self._flush()
        self._end_sound(continues)
        if self._timeline is not None and self._segment is not None:
            self._end_us = self._timeline.video.wall_us(self._building.ticks)
        self._segment = None
        self._post(self._store.finish)
        cuts, self._cuts = self._cuts, []
        for asked_us, done in cuts:
            self._settle_cut(asked_us, done)

    def _settle_cut(self, asked_us: int, done: Callable[[], None]) -> None:
        cause = self.cause
        if self.recording:
            self._post(lambda: self._store.cover(asked_us, cause))
        self._post(done)

    def _break(self, cause: str) -> None:
        """End the segment because pictures stopped: the last one keeps its usual length."""
        if self._segment is None:
            return
        if self._pending is not None:
            self._append(self._pending, self._step)
        self._post(lambda: self._store.note_cause(cause))
        self._finish(continues=False)
        self.cause = cause

    def _stop(self, until_us: int) -> None:
        """The duty to record ends here."""
        self._break(self.cause)
        self.recording, self._stop_at, cause = False, None, self.cause
        self._post(lambda: self._store.end_duty(until_us, cause))

    def _add_sound(self, chunk: SoundChunk, at: int, start_us: int, clock: int) -> None:
        building = self._building
        if building.audio:
            length = building.audio_samples
            apart = at - building.audio_start - length
            if abs(apart) > clock * _SOUND_TOLERANCE_MS // 1000:
                self._flush()
                building = self._building
                building.audio.clear()
                building.sizes.clear()
                building.audio_samples = 0
        if not building.audio:
            building.audio_start = at
            if not building.samples:
                building.first_us = start_us
        building.audio += chunk.data
        building.sizes += chunk.sizes
        building.audio_samples += chunk.duration

    def _note_sound(self, start_us: int, end_us: int) -> None:
        """Declare a hole in the sound once it is over."""
        if self._audio_until is not None and start_us - self._audio_until > _SOUND_GAP_US:
            begin = self._audio_until
            self._post(lambda: self._store.sound_gap(begin, start_us, "no_audio"))
        self._audio_until = max(self._audio_until or 0, end_us)

    def _end_sound(self, continues: bool) -> None:
        """At the end of a segment: declare sound that stopped in it or never came."""
        segment, until = self._segment, self._audio_until
        if segment is None or until is None or self._timeline is None:
            return
        end_us = self._timeline.video.wall_us(self._building.ticks)
        limit = self._settings.silence_us if continues else _SOUND_GAP_US
        if segment.form.audio is not None and end_us - until > limit:
            self._post(lambda: self._store.sound_gap(until, end_us, "no_audio"))
            self._audio_until = end_us
        if not continues:
            self._audio_until = None

    def _post(self, job: Callable[[], None]) -> None:
        self._disk.post(self._camera, job)
