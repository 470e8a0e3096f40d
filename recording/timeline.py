"""RTP timestamps to wall time: unwrapped, monotonic, anchored once a connection (facts: sender reports).

The map is fixed when every track has a sender report, or after `PATIENCE_US`. A camera clock within `TRUST_US` of
ours is used as it is; otherwise our arrival time is used and only the difference between its tracks is taken from
the camera. Clock drift is then followed by `slew` at segment borders, never by a jump.
"""

from dataclasses import dataclass

from recording.rtp import SenderReport

PATIENCE_US = 1_000_000
TRUST_US = 2_000_000
MAX_SLEW_PPM = 1000


def unwrap(timestamp: int, near: int) -> int:
    """The value congruent to a 32-bit timestamp that is nearest to `near`."""
    return near + ((timestamp - near + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)


@dataclass(slots=True)
class TrackTime:
    """One track's line: `wall_us(ticks)` for unwrapped ticks."""

    clock: int
    last: int | None = None
    report: tuple[int, int] | None = None
    first_arrival: tuple[int, int] | None = None
    anchor_ticks: int = 0
    anchor_us: int = 0
    ppm: int = 0
    anchored: bool = False

    def ticks(self, timestamp: int) -> int:
        """Unwrap a timestamp against the last one."""
        self.last = timestamp if self.last is None else unwrap(timestamp, self.last)
        return self.last

    def wall_us(self, ticks: int) -> int:
        """Wall time of unwrapped ticks, us since 1970, rounded down."""
        return self.anchor_us + (ticks - self.anchor_ticks) * (1_000_000 + self.ppm) // self.clock

    def anchor(self, ticks: int, wall_us: int) -> None:
        """Let the line pass through this point."""
        self.anchor_ticks, self.anchor_us, self.anchored = ticks, wall_us, True


class Timeline:
    """The tracks of one connection on one wall clock."""

    def __init__(self, video_clock: int, audio_clock: int | None) -> None:
        self.video = TrackTime(video_clock)
        self.audio = TrackTime(audio_clock) if audio_clock else None
        self.fixed = False
        self._since: int | None = None
        self._early: int | None = None

    def report(self, track: TrackTime, report: SenderReport, arrival_us: int) -> None:
        """Note a sender report; only those before the map is fixed count."""
        if not self.fixed:
            base = track.last if track.last is not None else report.timestamp
            track.last = base if track.last is None else track.last
            track.report = (unwrap(report.timestamp, base), report.wall_us)
            if track is self.video:
                self._early = arrival_us - report.wall_us

    def arrived(self, track: TrackTime, timestamp: int, arrival_us: int) -> int:
        """Unwrap a timestamp and remember when the track began."""
        ticks = track.ticks(timestamp)
        if track.first_arrival is None:
            track.first_arrival = (ticks, arrival_us)
        if self._since is None:
            self._since = arrival_us
        if self.fixed and not track.anchored:
            track.anchor(ticks, arrival_us)
        return ticks

    def try_fix(self, now_us: int) -> bool:
        """Fix the map when everything needed is known or patience is over; True once it is fixed."""
        if self.fixed or self.video.first_arrival is None or self._since is None:
            return self.fixed
        tracks = [self.video] + ([self.audio] if self.audio else [])
        if all(t.report for t in tracks):
            self._fix_by_reports(tracks)
        elif now_us - self._since >= PATIENCE_US:
            self._fix_by_arrival(tracks)
        return self.fixed

    def shift(self, by_us: int) -> None:
        """Move the whole map; used when a new connection would overlap what is already recorded."""
        self.video.anchor_us += by_us
        if self.audio:
            self.audio.anchor_us += by_us

    def slew(self, border_ticks: int, error_us: int, span_us: int) -> None:
        """From this border on, run faster or slower to take back `error_us` (ours minus the map) over `span_us`."""
        ppm = max(-MAX_SLEW_PPM, min(MAX_SLEW_PPM, error_us * 1_000_000 // max(1, span_us)))
        wall = self.video.wall_us(border_ticks)
        self.video.anchor(border_ticks, wall)
        self.video.ppm = ppm
        if self.audio is not None:
            ticks = self.audio.anchor_ticks + (wall - self.audio.anchor_us) * self.audio.clock // (
                1_000_000 + self.audio.ppm
            )
            self.audio.anchor(ticks, self.audio.wall_us(ticks))
            self.audio.ppm = ppm

    def _fix_by_reports(self, tracks: list[TrackTime]) -> None:
        early = self._early or 0
        offset = early if abs(early) > TRUST_US else 0
        for track in tracks:
            if track.report is not None:
                track.anchor(track.report[0], track.report[1] + offset)
        self.fixed = True

    def _fix_by_arrival(self, tracks: list[TrackTime]) -> None:
        for track in tracks:
            if track.first_arrival is not None:
                track.anchor(*track.first_arrival)
        self.fixed = True


class Drift:
    """How far our arrival times have moved away from the map since the connection began.

    The smallest lag of each window is compared with that of the first, so queues and sweeps do not count.
    """

    WINDOW_US = 20_000_000

    def __init__(self) -> None:
        self._base: int | None = None
        self._lowest: int | None = None
        self._window: int | None = None
        self._began = 0

    def note(self, lag_us: int, now_us: int) -> None:
        """One picture arrived this much after the time the map gives it."""
        if self._window is None or now_us - self._began >= self.WINDOW_US:
            if self._window is not None:
                self._lowest = self._window
                self._base = self._window if self._base is None else self._base
            self._window, self._began = lag_us, now_us
        self._window = min(self._window, lag_us)

    def error_us(self) -> int:
        """Ours minus the map, as of the last whole window."""
        return 0 if self._base is None or self._lowest is None else self._lowest - self._base

    def settled(self, by_us: int) -> None:
        """The map was moved at once: later lags are smaller by that much."""
        self._lowest = None if self._lowest is None else self._lowest - by_us
        self._window = None
