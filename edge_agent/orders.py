"""Commands of the centre and requests for live views, each carried out at most once and answered (keeps I-5)."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import structlog

from access_control.observations import HoldLifted, HoldOrdered, Observation
from contract.commands import Command
from contract.envelope import FactDraft
from devices.ports import Relay, Result
from edge_agent.engine import Engine
from edge_agent.inbox import Inbox
from edge_agent.recorder_link import RecorderLink
from edge_agent.sessions import Sessions

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Facilities:
    """Room power and light; switching may be repeated, so an unknown result is no danger."""

    relays: Mapping[str, tuple[Relay, ...]]
    engine: Engine

    def switch(self, room: str, on: bool, session: str | None) -> Future[Result]:
        """Switch a room's relays; states `facilities_switched` with the worst result."""
        relays = self.relays.get(room, ())
        answer: Future[Result] = Future()
        waiting = [relay.switch(on) for relay in relays]

        def state() -> None:
            result = _worst(waiting)
            body = {"room": room, "on": on, "result": result.value}
            self.engine.record([FactDraft("facilities_switched", body, session)])
            answer.set_result(result)

        left = [len(waiting)]

        def finished(_: Future[Result]) -> None:
            left[0] -= 1
            if left[0] == 0:
                self.engine.call(state)

        if not waiting:
            self.engine.call(state)
        for future in waiting:
            future.add_done_callback(finished)
        return answer


def _worst(answers: list[Future[Result]]) -> Result:
    """Refused when there is nothing to switch; unknown beats refused beats done."""
    results = [Result.UNKNOWN if a.exception() else a.result() for a in answers]
    for result in (Result.UNKNOWN, Result.REFUSED):
        if result in results:
            return result
    return Result.DONE if results else Result.REFUSED


class Orders:
    """Engine thread only."""

    def __init__(
        self, engine: Engine, inbox: Inbox, sessions: Sessions, facilities: Facilities,
        send_evidence: Callable[[str], bool],
    ) -> None:  # fmt: skip
        self._engine, self._inbox, self._sessions = engine, inbox, sessions
        self._facilities, self._send_evidence = facilities, send_evidence
        self._actions: Mapping[str, Callable[[Command], None]] = {
            "suspend_entry": self._suspend, "resume_entry": self._resume,
            "open_session": lambda c: self._session(c, sessions.open_now),
            "close_session": lambda c: self._session(c, sessions.close_now),
            "send_evidence": self._evidence, "switch_facilities": self._switch,
        }  # fmt: skip

    def execute(self, command: Command) -> None:
        """Carry out an accepted command; its result becomes a fact."""
        action = self._actions.get(command.kind)
        if action is None:
            self._inbox.executed(command, "refused", "not_understood")
            return
        action(command)

    def settle_unanswered(self) -> None:
        """After a restart: commands whose outcome nobody knows are unknown, never tried again (keeps I-5)."""
        for command in self._inbox.unanswered():
            self._inbox.executed(command, "unknown", "restarted")

    def _suspend(self, command: Command) -> None:
        rooms = tuple(command.body["rooms"]) or self._sessions.rooms_of(command.session)
        self._hold(command, HoldOrdered(command.id, command.session, rooms))

    def _resume(self, command: Command) -> None:
        rooms = self._sessions.rooms_of(command.session)
        self._hold(command, HoldLifted(command.id, command.session, rooms))

    def _hold(self, command: Command, observation: Observation) -> None:
        self._engine.handle(observation)
        self._inbox.executed(command, "done")

    def _session(self, command: Command, act: Callable[[str], str | None]) -> None:
        reason = act(command.session) if command.session else "no_such_session"
        self._inbox.executed(command, "refused" if reason else "done", reason)

    def _evidence(self, command: Command) -> None:
        began = bool(command.session) and self._send_evidence(str(command.session))
        self._inbox.executed(command, "done" if began else "refused", None if began else "not_closed")

    def _switch(self, command: Command) -> None:
        answer = self._facilities.switch(command.body["room"], command.body["on"], command.session)

        def answered(future: Future[Result]) -> None:
            self._engine.call(lambda: self._inbox.executed(command, future.result().value))

        answer.add_done_callback(answered)


class LiveViews:
    """Requests for live views: passed to the recorder, stated as facts (keeps I-16)."""

    def __init__(self, engine: Engine, recorder: RecorderLink, sessions: Sessions) -> None:
        self._engine, self._recorder, self._sessions = engine, recorder, sessions
        self._views: dict[str, FactDraft] = {}

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Answer `live_offer` and `live_end`; called on a request thread, may wait for the recorder."""
        kind = request.get("kind")
        if kind == "live_offer":
            return self._offer(request)
        if kind == "live_end":
            ok = self._recorder.end_view(str(request.get("view")))
            return {"ok": ok} if ok else {"ok": False, "error": "recorder_away"}
        return {"ok": False, "error": "kind_unknown"}

    def ended(self, view: str) -> None:
        """The recorder says that a view is over."""
        self._engine.call(lambda: self._state_end(view))

    def all_ended(self) -> None:
        """The recorder is gone, and every view with it."""
        for view in list(self._views):
            self.ended(view)

    def _offer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        view, camera, sdp = (str(request.get(name, "")) for name in ("view", "camera", "sdp"))
        watcher = str(request.get("watcher") or "unknown")
        if not self._engine.call(lambda: self._sessions.may_be_seen(camera)).result(timeout=5):
            _log.warning("view_refused", view=view, camera=camera[:64])
            return {"ok": False, "error": "not_to_be_seen"}
        reply = self._recorder.offer(view, camera, sdp)
        if not reply.get("ok"):
            return {"ok": False, "error": str(reply.get("error") or "failed")}

        def state() -> None:
            session = self._sessions.session_of(camera)
            body = {"view": view, "watcher": watcher, "camera": camera}
            self._views[view] = FactDraft("live_view_ended", body, session)
            self._engine.record([FactDraft("live_view_started", body, session)])

        # who watches is on record before the picture leaves
        self._engine.call(state).result(timeout=5)
        return {"ok": True, "sdp": reply.get("sdp")}

    def _state_end(self, view: str) -> None:
        ended = self._views.pop(view, None)
        if ended is not None:
            self._engine.record([ended])
