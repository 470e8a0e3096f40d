"""Sessions on site: what is due by the plan that lies here, done even when the centre is away.

What was already done is read from the journal, so a restart goes on where it stopped; closing is a small machine:
sitting closed → recorder cut → its last reports → recording stopped → completeness → session closed → checkpoint.
Engine thread only.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from access_control.observations import Observation, SittingClosed
from contract.chain import read_record
from contract.clock import Clock, parse_stamp, to_us
from contract.completeness import statement
from contract.documents import RecordingPlan, Roster, SessionPlan
from contract.envelope import FactDraft, Record
from contract.plan import VenuePlan
from edge_agent.inbox import Inbox, Record_
from edge_agent.journal import Journal

_log = structlog.get_logger(__name__)
_LIVE_STATES = frozenset({"booked", "prepared", "checking_in", "in_progress", "suspended", "closed"})
_MARKS = (
    "facilities_switched", "checkin_opened", "session_opened", "recording_started", "sitting_closed",
    "recording_stopped", "completeness_stated", "session_closed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Duties:
    """What sessions ask of the rest of the edge; none of it blocks."""

    observe: Callable[[Observation], object]
    switch: Callable[[str, bool, str], object]
    """(room, on, session): states `facilities_switched` when the relay answered."""
    record_cameras: Callable[[Sequence[str]], None]
    cut: Callable[[str, Sequence[str]], bool]
    checkpoint: Callable[[], object]
    closed: Callable[[str], None]
    """A session closed: its evidence may travel."""


@dataclass(slots=True)
class Progress:
    """What was done of one session, by its facts; and what an order asked for."""

    done: set[str] = field(default_factory=set)
    ordered_open: bool = False
    ordered_close: bool = False
    cameras: tuple[str, ...] = ()
    cut_at: datetime | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """The documents of one session; roster and recording plan may not have come yet."""

    plan: SessionPlan
    roster: Roster | None
    recording: RecordingPlan | None


class Sessions:
    """`tick` does what is due; `open_now` and `close_now` are the orders of the centre."""

    def __init__(
        self, venue: VenuePlan, inbox: Inbox, journal: Journal, record: Record_, duties: Duties, clock: Clock,
        stop_seconds: float,
    ) -> None:  # fmt: skip
        self._venue, self._inbox, self._journal = venue, inbox, journal
        self._record, self._duties, self._clock = record, duties, clock
        self._patience = timedelta(seconds=stop_seconds)
        self._progress: dict[str, Progress] = {}
        self._planned: dict[str, Planned] = {}
        self._recorded: tuple[str, ...] | None = None
        self.take(journal.of_kind(*_MARKS))
        self.reload()

    def reload(self) -> None:
        """Read the documents in force again."""
        rosters = {r.session: r for r in (Roster.read(d.body) for d in self._inbox.documents("roster"))}
        plans = {p.session: p for p in map(_recording_plan, self._inbox.documents("recording_plan"))}
        sessions = [SessionPlan.read(d.body) for d in self._inbox.documents("session_plan")]
        self._planned = {
            s.session: Planned(s, rosters.get(s.session), plans.get(s.session)) for s in sessions
        }

    def take(self, records: Sequence[Record]) -> None:
        """Learn what was done."""
        for record in records:
            if record.fact.session and record.fact.kind in _MARKS:
                progress = self._of(record.fact.session)
                progress.done.add(record.fact.kind)
                if record.fact.kind in ("recording_started", "session_opened"):
                    progress.cameras = tuple(record.fact.body["cameras"])

    def tick(self) -> None:
        """Do what is due, session by session; then tell the recorder what to record."""
        now = self._clock.now()
        for session, planned in list(self._planned.items()):
            progress = self._of(session)
            cancelled = planned.plan.state == "cancelled"
            progress.ordered_close = progress.ordered_close or cancelled
            if (cancelled or planned.plan.state in _LIVE_STATES) and "session_closed" not in progress.done:
                self._advance(planned, progress, now)
        self._plan_recorder()

    def open_now(self, session: str) -> str | None:
        """An order to open; None when it will be done, else the reason why not."""
        reason = self._refusal(session)
        if reason is None:
            self._of(session).ordered_open = True
            self.tick()
        return reason

    def close_now(self, session: str) -> str | None:
        """An order to close; None when closing began, else the reason why not."""
        reason = self._refusal(session)
        if reason is None and "session_opened" not in self._of(session).done:
            reason = "not_open"
        if reason is None:
            self._of(session).ordered_close = True
            self.tick()
        return reason

    def recorder_stopped(self, session: str) -> None:
        """The recorder reported everything up to the cut."""
        self._of(session).stopped = True
        self.tick()

    def session_of(self, camera: str) -> str | None:
        """The session that a report of this camera belongs to now."""
        for session, progress in self._progress.items():
            if camera in progress.cameras and "session_closed" not in progress.done:
                return session
        return None

    def may_be_seen(self, camera: str) -> bool:
        """Whether live pictures of this camera may leave: never of a room that site or a session calls secret.

        The centre asks over the broker, unsigned: what it would not ask for is refused here again (keeps I-18).
        """
        going_on = [p for s, p in self._planned.items() if "session_closed" not in self._of(s).done]
        secret = [room for p in going_on if p.recording for room in p.recording.secret_rooms]
        return bool(self._unsecret([camera], secret))

    def rooms_of(self, session: str | None) -> tuple[str, ...]:
        """Rooms of a session; none when it is not known here."""
        planned = self._planned.get(session or "")
        return tuple(planned.plan.rooms) if planned else ()

    def sitting_over(self, sitting: str) -> bool:
        """Whether a sitting was closed."""
        return any(
            p.plan.sitting == sitting and {"sitting_closed", "session_closed"} & self._of(s).done
            for s, p in self._planned.items()
        )

    def open_sittings(self) -> list[str]:
        """Sittings whose check-in is open."""
        return [
            p.plan.sitting
            for s, p in self._planned.items()
            if "checkin_opened" in self._of(s).done and not self.sitting_over(p.plan.sitting)
        ]

    # ---- steps ----

    def _advance(self, planned: Planned, progress: Progress, now: datetime) -> None:
        plan, done = planned.plan, progress.done
        closing = "sitting_closed" in done
        over = closing or progress.ordered_close or now >= parse_stamp(plan.closes_at)
        if not over:
            self._begin(planned, progress, now)
        elif {"session_opened", "checkin_opened", "recording_started"} & done:
            self._close(plan, progress, now)

    def _begin(self, planned: Planned, progress: Progress, now: datetime) -> None:
        plan, roster, done = planned.plan, planned.roster, progress.done
        if "facilities_switched" not in done and now >= parse_stamp(plan.facilities_on_at):
            done.add("facilities_switched")
            for room in plan.rooms:
                self._duties.switch(room, True, plan.session)
        if "recording_started" not in done and self._recording_due(planned, progress, now):
            cameras = self._cameras(planned)
            self._state(plan.session, "recording_started", cameras=list(cameras))
        if roster and "checkin_opened" not in done and now >= parse_stamp(roster.checkin_opens_at):
            self._state(plan.session, "checkin_opened", sitting=plan.sitting)
        if "session_opened" not in done and (progress.ordered_open or now >= parse_stamp(plan.opens_at)):
            self._state(
                plan.session, "session_opened", sitting=plan.sitting, rooms=plan.rooms,
                cameras=list(self._cameras(planned)),
            )  # fmt: skip

    def _recording_due(self, planned: Planned, progress: Progress, now: datetime) -> bool:
        starts = [parse_stamp(planned.plan.opens_at)]
        if planned.recording:
            starts.append(parse_stamp(planned.recording.from_))
        return progress.ordered_open or now >= min(starts)

    def _cameras(self, planned: Planned) -> tuple[str, ...]:
        """Cameras that must record, never one of a room that site or centre call secret (keeps I-18)."""
        if planned.recording is None:
            return self._unsecret(c.id for c in self._venue.cameras if c.room in planned.plan.rooms)
        return self._unsecret(planned.recording.cameras, planned.recording.secret_rooms)

    def _unsecret(self, wanted: Iterable[str], secret_rooms: Sequence[str] = ()) -> tuple[str, ...]:
        """Of the wanted cameras those that may record, in the order of the venue file, whoever asks (keeps I-18)."""
        cameras = set(wanted)
        secret = {room.id for room in self._venue.rooms if room.secret} | set(secret_rooms)
        return tuple(c.id for c in self._venue.cameras if c.id in cameras and c.room not in secret)

    def _close(self, plan: SessionPlan, progress: Progress, now: datetime) -> None:
        done = progress.done
        if "sitting_closed" not in done:
            done.add("sitting_closed")
            self._duties.observe(SittingClosed(plan.session, plan.sitting))
        if "recording_stopped" not in done:
            self._stop_recording(plan.session, progress, now)
        elif "session_closed" not in done:
            self._conclude(plan, progress)

    def _stop_recording(self, session: str, progress: Progress, now: datetime) -> None:
        """Ask for the cut until it is answered or patience ends; what is missing then is an undeclared gap."""
        if progress.cut_at is None:
            progress.cut_at = now
            self._duties.cut(session, progress.cameras)
            return
        if not progress.stopped and now - progress.cut_at < self._patience:
            return
        if not progress.stopped:
            _log.warning("recorder_did_not_answer", session=session)
        until = to_us(progress.cut_at)
        self._state(session, "recording_stopped", cameras=list(progress.cameras), until_us=until)

    def _conclude(self, plan: SessionPlan, progress: Progress) -> None:
        session = plan.session
        if "completeness_stated" not in progress.done:
            facts = [read_record(record.data) for record in self._journal.of_session(session)]
            self._state(session, "completeness_stated", statement=statement(facts))
        count, last = self._journal.session_head(session)
        self._state(session, "session_closed", sitting=plan.sitting, count=count, last_hash=last)
        self._duties.checkpoint()
        for room in plan.rooms:
            self._duties.switch(room, False, session)
        self._duties.closed(session)

    def _plan_recorder(self) -> None:
        """Cameras to record now: public ones always, a session's from its start to its end."""
        wanted = {camera.id for camera in self._venue.cameras if camera.record == "always"}
        for progress in self._progress.values():
            if "recording_started" in progress.done and "recording_stopped" not in progress.done:
                wanted |= set(progress.cameras)
        recorded = self._unsecret(wanted)
        if recorded != self._recorded:
            self._recorded = recorded
            self._duties.record_cameras(recorded)

    def _refusal(self, session: str) -> str | None:
        if session not in self._planned:
            return "no_such_session"
        return "already_closed" if "session_closed" in self._of(session).done else None

    def _of(self, session: str) -> Progress:
        return self._progress.setdefault(session, Progress())

    def _state(self, session: str, kind: str, **body: Any) -> None:
        self._of(session).done.add(kind)
        self.take(self._record([FactDraft(kind, body, session)]))


def _recording_plan(document: Any) -> RecordingPlan:
    body: Mapping[str, Any] = document.body
    return RecordingPlan.read(body)
