"""Tell the drawn when and where to come; names and phones are opened in memory and written nowhere (I-14).

All are told at one moment, by a text that carries no project. Each message is handed over at most once (I-5).
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import structlog
from sqlmodel import Session, select

from venue.db import Database, alarms, audit, now
from venue.experts.draw import members_of
from venue.experts.roster import Member
from venue.experts.tables import Draw, Expert, Notice
from venue.experts.vault import Vault
from venue.settings import CHECKOUT

log = structlog.get_logger()
_LOCAL = ZoneInfo("Asia/Shanghai")
_TIMEOUT_S = 5.0
_STALE = timedelta(minutes=1)
CALLED = "called"


@dataclass(frozen=True, slots=True)
class Call:
    """When and where; never which project."""

    at: datetime
    venue_name: str


@dataclass(frozen=True, slots=True)
class Notifier:
    """The hand that reads phones: vault and gateway."""

    database: Database
    vault: Vault
    sms_url: str


def text_of(key: str, **params: object) -> str:
    """A fixed text of `config/messages/zh.toml`, filled."""
    content = tomllib.loads((CHECKOUT / "config/messages/zh.toml").read_text(encoding="utf-8"))
    return str(content["notice"][key]).format_map(params)


def tell(notifier: Notifier, draw_id: str, call: Call) -> int:
    """Call everybody of a draw who was not called yet; how many messages were handed over."""
    with notifier.database.reading() as db:
        row = db.get(Draw, draw_id)
        if row is None or row.state != "drawn" or _all_told(db, row):
            return 0
        members = members_of(notifier.vault, row)
        waiting = _not_told(db, draw_id, members)
        phones = {member.alias: _phone(db, notifier.vault, member) for member in waiting}
    local = call.at.astimezone(_LOCAL)
    when = f"{local.month}月{local.day}日 {local:%H:%M}"
    text = text_of(CALLED, when=when, place=call.venue_name)
    return sum(_tell_one(notifier, draw_id, member.alias, phones[member.alias], text) for member in waiting)


def _all_told(db: Session, row: Draw) -> bool:
    """Everybody has a line: then the sealed record stays shut."""
    told = len(list(db.exec(select(Notice.alias).where(Notice.draw == row.id, Notice.kind == CALLED))))
    return told == sum(int(seat["count"]) for seat in row.seats)


def _not_told(db: Session, draw_id: str, members: Sequence[Member]) -> list[Member]:
    told = set(db.exec(select(Notice.alias).where(Notice.draw == draw_id, Notice.kind == CALLED)))
    return [member for member in members if member.alias not in told]


def _phone(db: Session, vault: Vault, member: Member) -> str:
    row = db.get(Expert, member.person)
    assert row is not None, "the register keeps everybody who was ever drawn"
    return vault.open(row.id, row.sealed).phone


def _tell_one(notifier: Notifier, draw_id: str, alias: str, phone: str, text: str) -> bool:
    """Durable intent, hand over, result; a crash between leaves `sending`, which becomes unknown (I-5)."""
    with notifier.database.writing() as db:
        if db.get(Notice, (draw_id, alias, CALLED)) is not None:
            return False
        db.add(Notice(draw=draw_id, alias=alias, kind=CALLED, state="sending", at=now(db)))
        audit.write(db, "duty:tell_people", "notice.sending", draw_id, {"alias": alias})
    state = _hand_over(notifier.sms_url, phone, text)
    with notifier.database.writing() as db:
        _result(db, draw_id, alias, state)
    return state == "done"


def _hand_over(url: str, phone: str, text: str) -> str:
    """done, refused, unknown, or away when the gateway was certainly not reached."""
    try:
        with httpx.Client(timeout=_TIMEOUT_S, trust_env=False) as client:
            status = client.post(url, json={"phone": phone, "text": text}).status_code
    except (httpx.ConnectError, httpx.ConnectTimeout):
        return "away"
    except httpx.HTTPError as error:
        log.warning("sms_unknown", error=type(error).__name__)
        return "unknown"
    if status < 300:
        return "done"
    return "refused" if status < 500 else "unknown"


def _result(db: Session, draw_id: str, alias: str, state: str) -> None:
    row = db.get(Notice, (draw_id, alias, CALLED))
    assert row is not None, "the intent is durable before the message leaves"
    audit.write(db, "duty:tell_people", "notice.answered", draw_id, {"alias": alias, "state": state})
    if state == "away":
        # Nothing left this machine: the next run may try again.
        db.delete(row)
        alarms.raise_(db, "sms_gateway_away", "gateway", "alarm.sms_gateway_away", {})
        return
    row.state, row.at = state, now(db)
    db.add(row)
    if state == "done":
        alarms.clear(db, "sms_gateway_away", "gateway")
    else:
        alarms.raise_(db, "notice_doubtful", f"{draw_id}/{alias}", "alarm.notice_doubtful", {"state": state})


def settle_stale(db: Session) -> int:
    """Messages whose answer was lost in a crash become unknown, shown to a person, never repeated."""
    stale = select(Notice).where(Notice.state == "sending", Notice.at < now(db) - _STALE)
    rows = list(db.exec(stale))
    for row in rows:
        _result(db, row.draw, row.alias, "unknown")
    return len(rows)
