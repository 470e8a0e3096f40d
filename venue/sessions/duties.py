"""What is due for sessions, whoever is at the desk: prepare, tell, switch on, open, close, fetch evidence.

Each duty takes its own transactions and may run twice: the state table and `DutyMark` see to it that a step is
taken once. The edge keeps to its own plan when the centre is away (design, flow 8).
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlmodel import Session, select

from venue.db import alarms, now
from venue.db.duties import Desk, Duty
from venue.edge_link import commands
from venue.edge_link.tables import CommandRow, LedgerFact
from venue.experts import draw, notices
from venue.experts.notices import Call, Notifier
from venue.experts.settings import expert_settings
from venue.experts.tables import Draw
from venue.experts.vault import vault_of
from venue.sessions import actions, preparation, service
from venue.sessions.documents import parts_of
from venue.sessions.rules import Event, State
from venue.sessions.settings import means, session_settings
from venue.sessions.tables import DutyMark, Sitting, TradingSession
from venue.sites.tables import Site

_STALE_DRAW = timedelta(minutes=5)
_UNDER_WAY = (
    State.PREPARED,
    State.CHECKING_IN,
    State.IN_PROGRESS,
    State.SUSPENDED,
    State.CLOSED,
    State.CANCELLED,
)
_ANSWERED = ("done", "refused", "unknown", "accepted", "sent")


def _sittings(db: Session, *states: State) -> Iterator[tuple[TradingSession, Sitting]]:
    query = (
        select(TradingSession, Sitting)
        .where(Sitting.session == TradingSession.id, TradingSession.state.in_(states))  # type: ignore[attr-defined]
        .order_by(Sitting.starts_at)  # type: ignore[arg-type]
    )
    yield from list(db.exec(query))


def prepare_sessions(desk: Desk) -> None:
    """Ready sessions become prepared; one that is not ready when its people may come is an alarm."""
    lead = timedelta(minutes=session_settings(desk.settings).prepare_lead_min)
    with desk.database.writing() as db:
        for session, sitting in _sittings(db, State.BOOKED):
            if sitting.checkin_opens_at - lead > now(db):
                continue
            lines = preparation.missing(preparation.judge(db, session, sitting))
            if not lines:
                service.step(db, "duty:prepare_sessions", session, Event.PREPARE)
                service.issue(db, session, sitting, means(desk.settings))
            elif sitting.checkin_opens_at <= now(db):
                _not_ready(db, session, sitting)
        for session, _ in _sittings(db, *_UNDER_WAY):
            alarms.clear(db, "session_not_ready", session.id)


def _not_ready(db: Session, session: TradingSession, sitting: Sitting) -> None:
    """Only what the machine misses rings: a line nobody ticked is no danger."""
    judged = [one for one in preparation.judge(db, session, sitting) if one.source == "machine"]
    lines = preparation.missing(judged)
    if lines:
        params = {"missing": lines, "project": session.project_code}
        alarms.raise_(db, "session_not_ready", session.id, "alarm.session_not_ready", params)


def tell_people(desk: Desk) -> None:
    """Call the drawn of every sitting whose time to be told has come, all at one moment."""
    settings = expert_settings(desk.settings)
    with desk.database.writing() as db:
        notices.settle_stale(db)
    with desk.database.reading() as db:
        due = list(_due_calls(db, timedelta(minutes=settings.notice_lead_min)))
    notifier = Notifier(desk.database, vault_of(desk.settings), settings.sms_url)
    for draw_id, call in due:
        notices.tell(notifier, draw_id, call)


def _due_calls(db: Session, lead: timedelta) -> Iterator[tuple[str, Call]]:
    """Calls whose time has come; who was told once is told of a move or of the end at once (V3)."""
    for session, sitting in _sittings(db, State.BOOKED, State.PREPARED, State.CHECKING_IN, State.CANCELLED):
        row, site = draw.held(db, session.id), db.get(Site, session.venue)
        if row is None or site is None or sitting.ends_at <= now(db):
            continue
        off, told = session.state == State.CANCELLED, bool(notices.told(db, row.id))
        if told or (not off and sitting.checkin_opens_at - lead <= now(db)):
            yield row.id, Call(sitting.checkin_opens_at, site.name_zh, off)


def switch_facilities(desk: Desk) -> None:
    """Power and light of each room on at the set time and off after the close (V4), where the edge did not."""
    lead = timedelta(minutes=session_settings(desk.settings).facilities_lead_min)
    with desk.database.writing() as db:
        for session, sitting in _sittings(
            db, State.BOOKED, State.PREPARED, State.CHECKING_IN, State.IN_PROGRESS
        ):
            if _overdue(db, desk, sitting.checkin_opens_at - lead) and now(db) < sitting.ends_at:
                _switch(db, session, sitting, on=True)
        for session, sitting in _sittings(db, State.CLOSED, State.FILING):
            if _overdue(db, desk, session.closed_at or sitting.ends_at):
                _switch(db, session, sitting, on=False)


def _switch(db: Session, session: TradingSession, sitting: Sitting, *, on: bool) -> None:
    done = _switched(db, session.id, on=on)
    for room in sorted({part.room for part in parts_of(db, sitting.id)} - done):
        _order_once(
            db, session, sitting, "facilities_on" if on else "facilities_off", room,
            "switch_facilities", {"room": room, "on": on},
        )  # fmt: skip


def _switched(db: Session, session: str, *, on: bool) -> set[str]:
    """Rooms that the edge tried to switch so for this session, by its facts."""
    query = select(LedgerFact.raw).where(
        LedgerFact.session == session, LedgerFact.kind == "facilities_switched"
    )
    bodies = [json.loads(raw)["body"] for raw in db.exec(query)]
    return {str(body["room"]) for body in bodies if body["on"] is on}


def _order_once(
    db: Session, session: TradingSession, sitting: Sitting, step: str, subject: str, kind: str,
    body: dict[str, object],
) -> None:  # fmt: skip
    """Send a command once; one that expired unheard was never tried and may be sent again."""
    mark = db.get(DutyMark, (sitting.id, step, subject))
    if mark is not None and (mark.command is None or commands.state(db, mark.command) in _ANSWERED):
        return
    actor = f"duty:{step}"
    sent = commands.send(db, f"{session.venue}.edge", kind, session.id, body, [actor], step)
    mark = mark or DutyMark(sitting=sitting.id, step=step, subject=subject, at=now(db))
    mark.command, mark.at = sent, now(db)
    db.add(mark)


def open_sessions(desk: Desk) -> None:
    """Ask the edge to open what its own plan should have opened by now."""
    with desk.database.writing() as db:
        for session, sitting in _sittings(db, State.BOOKED, State.PREPARED, State.CHECKING_IN):
            if _overdue(db, desk, sitting.starts_at) and now(db) < sitting.ends_at:
                _order_once(db, session, sitting, "open", session.id, "open_session", {})


def close_sessions(desk: Desk) -> None:
    """Ask the edge to close what its own plan should have closed by now."""
    with desk.database.writing() as db:
        for session, sitting in _sittings(db, State.CHECKING_IN, State.IN_PROGRESS, State.SUSPENDED):
            if _overdue(db, desk, sitting.ends_at) and sitting == service.sittings_of(db, session.id)[-1]:
                _order_once(db, session, sitting, "close", session.id, "close_session", {})


def _overdue(db: Session, desk: Desk, due: datetime) -> bool:
    return due + timedelta(seconds=session_settings(desk.settings).plan_grace_s) <= now(db)


def fetch_evidence(desk: Desk) -> None:
    """Begin filing of closed sessions; ask again when the edge did not hear."""
    with desk.database.writing() as db:
        for session, _ in _sittings(db, State.CLOSED):
            actions.file(db, "duty:fetch_evidence", session)
        for session, _ in _sittings(db, State.FILING):
            newest = select(CommandRow).where(
                CommandRow.session == session.id, CommandRow.kind == "send_evidence"
            )
            asked = db.exec(newest.order_by(CommandRow.sent_at.desc())).first()  # type: ignore[attr-defined]
            if asked is None or asked.state == "expired":
                actions.file(db, "duty:fetch_evidence", session)


def end_broken_draws(desk: Desk) -> None:
    """A draw that a crash left half-way is over: its shares are gone with the process."""
    with desk.database.writing() as db:
        broken = Draw.state.in_(("committing", "committed"))  # type: ignore[attr-defined]
        stale = select(Draw).where(broken, Draw.started_at < now(db) - _STALE_DRAW)
        for row in db.exec(stale):
            draw.abort(db, row.id, "draw.interrupted")


duties: list[Duty] = [
    Duty("prepare_sessions", 10, prepare_sessions),
    Duty("tell_people", 3, tell_people),
    Duty("switch_facilities", 10, switch_facilities),
    Duty("open_sessions", 5, open_sessions),
    Duty("close_sessions", 5, close_sessions),
    Duty("fetch_evidence", 3, fetch_evidence),
    Duty("end_broken_draws", 60, end_broken_draws),
]
