"""The one thread that decides: observation → decide → journal (durable) → evolve → acts → results as observations.

Nothing else appends to the journal. Other threads bring observations (`observe`) or work (`call`) through one
queue, so that what is known changes in one order only, which is the journal's.
"""

import queue
import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Protocol, TypeVar

import pysqlite3 as sqlite
import structlog

from access_control.acts import Act, Decision, Unlock
from access_control.area import Area, empty, evolve
from access_control.decide import decide
from access_control.instant import Instant
from access_control.observations import Observation, Tick
from access_control.rosters import Rosters
from access_control.settings import Settings
from access_control.site import SitePlan
from contract.chain import read_record
from contract.clock import Clock
from contract.envelope import FactDraft, Record
from edge_agent.journal import Also, Journal, JournalFull

_log = structlog.get_logger(__name__)
TICK_SECONDS = 0.5
T = TypeVar("T")


class Hands(Protocol):
    """Carries out acts; never blocks, answers with observations."""

    def do(self, act: Act) -> None:
        """Begin one act, once."""
        ...


class Engine:
    """`record` on this thread only; `observe` and `call` from any."""

    def __init__(self, journal: Journal, site: SitePlan, settings: Settings, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self.settings = settings
        self._queue: queue.SimpleQueue[Observation | Callable[[], None] | None] = queue.SimpleQueue()
        self._touched: dict[str, int] = {}
        self._hands: Hands | None = None
        self._watchers: list[Callable[[Sequence[Record]], None]] = []
        self._ticks: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._stopping = False
        self._last_tick_us = 0
        self.area: Area = empty(site)
        self.rosters = Rosters()
        self.version = 0
        """Rises when `area`, `rosters` or the time that screens count may have changed."""
        self.full = False
        self.failure: BaseException | None = None
        self.ended = threading.Event()
        for stored in journal.all():
            self.area = evolve(self.area, read_record(stored.data))

    def attach(self, hands: Hands) -> None:
        """Give the engine its hands, before `start`."""
        self._hands = hands

    def watch(self, taken: Callable[[Sequence[Record]], None]) -> None:
        """Be told of every stored fact, on the engine thread."""
        self._watchers.append(taken)

    def every_tick(self, work: Callable[[], None]) -> None:
        """Be called about twice a second on the engine thread."""
        self._ticks.append(work)

    def start(self) -> None:
        """Begin to decide; what was queued before comes first, the first tick after it."""
        self._last_tick_us = self._clock.mono_us()
        self._thread.start()

    def stop(self) -> None:
        """Finish what is queued, then end."""
        self._queue.put(None)
        if self._thread.ident is not None:
            self._thread.join()

    def observe(self, observation: Observation) -> None:
        """Queue what was seen."""
        self._queue.put(observation)

    def touched(self, kiosk: str) -> None:
        """Somebody touched a kiosk's page now."""
        self._touched[kiosk] = self._clock.mono_us()

    def call(self, work: Callable[[], T]) -> Future[T]:
        """Run work on the engine thread."""
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(work())
            except BaseException as error:
                answer.set_exception(error)
                if _is_fatal(error):
                    raise

        self._queue.put(run)
        return answer

    def record(self, drafts: Sequence[FactDraft], also: Also | None = None) -> list[Record]:
        """Store facts durably, then know them. Engine thread only. Raises JournalFull: nothing was stored."""
        records = self._store(drafts, also)
        for stored in records:
            self.area = evolve(self.area, read_record(stored.data))
        self.version += 1
        for taken in self._watchers:
            taken(records)
        return records

    def set_rosters(self, **changes: Any) -> None:
        """Change what is known of persons; engine thread only."""
        self.rosters = replace(self.rosters, **changes)
        self.version += 1

    def apply(self, decision: Decision) -> None:
        """State a decision's facts, then do its acts (keeps I-1: the facts are durable first)."""
        following: Decision | None = decision
        while following is not None:
            if following.facts:
                self._record_or_release(following)
            for act in following.acts:
                self._do(act)
            then = following.then
            following = None if then is None else self._decide(then)

    def _record_or_release(self, decision: Decision) -> None:
        """State the facts. A full journal stops everything but leaving: exits need no grant (keeps I-3)."""
        try:
            self.record(decision.facts)
        except JournalFull:
            for act in decision.acts:
                if isinstance(act, Unlock) and act.admission is None:
                    self._do(act)
            raise

    def room_again(self) -> bool:
        """Whether the journal's disk, once full, has room for a reserve again."""
        if not self._journal.keep_reserve():
            return False
        self.full = False
        return True

    def handle(self, observation: Observation) -> str | None:
        """Decide on one observation now, on the engine thread; the notice for the kiosk that asked."""
        decision = self._decide(observation)
        self.apply(decision)
        return decision.notice

    def now(self) -> Instant:
        """The present instant, with fresh randomness for ids."""
        return Instant(self._clock.now(), self._clock.mono_us(), secrets.token_bytes(16))

    def touches(self) -> dict[str, int]:
        """Kiosk → when its page was last touched (mono µs)."""
        return dict(self._touched)

    def _do(self, act: Act) -> None:
        if self._hands is None:
            raise RuntimeError("the engine has no hands")
        self._hands.do(act)

    def _decide(self, observation: Observation) -> Decision:
        return decide(self.area, self.rosters, self.settings, observation, self.now())

    def _store(self, drafts: Sequence[FactDraft], also: Also | None) -> list[Record]:
        try:
            return self._journal.append(drafts, also)
        except JournalFull:
            self.full = True
            if not self._journal.release_reserve():
                raise
            # The reserve gives room for the alarm and the last facts; what does not fit is refused, never lost.
            body = {"alarm": "disk_full", "subject": "journal", "detail_key": "alarm.disk_full", "params": {}}
            self.record([FactDraft("alarm_raised", body)])
            return self._journal.append(drafts, also)

    def _run(self) -> None:
        try:
            while not self._stopping:
                self._tick_when_due()
                try:
                    item = self._queue.get(timeout=TICK_SECONDS / 2)
                except queue.Empty:
                    continue
                self._take(item)
        except BaseException as error:
            # The process ends and is started again: it re-reads what the disk really holds.
            self.failure = error
            _log.exception("engine_failed")
        finally:
            self.ended.set()

    def _take(self, item: Observation | Callable[[], None] | None) -> None:
        if item is None:
            self._stopping = True
        elif callable(item):
            item()
        else:
            self._observe(item)

    def _observe(self, observation: Observation) -> None:
        try:
            self.handle(observation)
        except JournalFull:
            _log.error("journal_full", observation=type(observation).__name__)
        except sqlite.Error:
            raise
        except Exception:
            # One observation that the rules cannot take must not end the venue; it opened nothing.
            _log.exception("observation_failed", observation=type(observation).__name__)

    def _tick_when_due(self) -> None:
        now = self._clock.mono_us()
        if now - self._last_tick_us < TICK_SECONDS * 1_000_000:
            return
        self._last_tick_us = now
        self._observe(Tick(self.touches()))
        self.version += 1
        for work in self._ticks:
            try:
                work()
            except JournalFull:
                _log.error("journal_full", tick=getattr(work, "__qualname__", "tick"))


def _is_fatal(error: BaseException) -> bool:
    return isinstance(error, sqlite.Error)
