"""Tell the drawn when and where to come; names and phones are opened in memory and written nowhere (I-14).

All are told at one moment, by a text that carries no project; a moved or cancelled sitting is told again.
Each message is handed over at most once (I-5).
"""

import tomllib
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import structlog
from sqlmodel import Session, select

from contract.clock import stamp
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
_ACTOR = "duty:tell_people"


@dataclass(frozen=True, slots=True)
class Call:
    """When and where; never which project. `off`: the sitting is cancelled."""

    at: datetime
    venue_name: str
    off: bool = False

    @property
    def kind(self) -> str:
        """What a person is told once: to come at that instant, or not to come."""
        return "off" if self.off else f"come {stamp(self.at)}"


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
    """Tell everybody of a draw who was not told this yet; how many messages were handed over."""
    with notifier.database.reading() as db:
        row = db.get(Draw, draw_id)
        # When everybody has a line the sealed record stays shut.
        if row is None or row.state != "drawn" or len(told(db, draw_id, call.kind)) == _seats(row):
            return 0
        text = _text(call, again=bool(told(db, draw_id)))
        done = told(db, draw_id, call.kind)
        waiting = [one for one in members_of(notifier.vault, row) if one.alias not in done]
        phones = {member.alias: _phone(db, notifier.vault, member) for member in waiting}
    return sum(_tell_one(notifier, draw_id, call.kind, alias, phone, text) for alias, phone in phones.items())


def told(db: Session, draw_id: str, kind: str | None = None) -> set[str]:
    """Aliases that were told this, or anything."""
    query = select(Notice.alias).where(Notice.draw == draw_id)
    return set(db.exec(query if kind is None else query.where(Notice.kind == kind)))


def _seats(row: Draw) -> int:
    return sum(int(seat["count"]) for seat in row.seats)


def _text(call: Call, *, again: bool) -> str:
    local = call.at.astimezone(_LOCAL)
    key = "off" if call.off else "moved" if again else "called"
    when = {"month": local.month, "day": local.day, "time": f"{local:%H:%M}"}
    return text_of(key, place=call.venue_name, **when)


def _phone(db: Session, vault: Vault, member: Member) -> str:
    row = db.get(Expert, member.person)
    assert row is not None, "the register keeps everybody who was ever drawn"
    return vault.open(row.id, row.sealed).phone


def _tell_one(notifier: Notifier, draw_id: str, kind: str, alias: str, phone: str, text: str) -> bool:
    """Durable intent, hand over, result; a crash between leaves `sending`, which becomes unknown (I-5)."""
    with notifier.database.writing() as db:
        if db.get(Notice, (draw_id, alias, kind)) is not None:
            return False
        row = Notice(draw=draw_id, alias=alias, kind=kind, state="sending", at=now(db))
        db.add(row)
        audit.write(db, _ACTOR, "notice.sending", draw_id, {"alias": alias, "kind": kind})
    state = _hand_over(notifier.sms_url, phone, text)
    with notifier.database.writing() as db:
        _result(db, row, state)
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


def _result(db: Session, sent: Notice, state: str) -> None:
    row = db.get_one(Notice, (sent.draw, sent.alias, sent.kind))
    audit.write(
        db, _ACTOR, "notice.answered", row.draw, {"alias": row.alias, "kind": row.kind, "state": state}
    )
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
        alarms.raise_(
            db, "notice_doubtful", f"{row.draw}/{row.alias}", "alarm.notice_doubtful", {"state": state}
        )


def settle_stale(db: Session) -> int:
    """Messages whose answer was lost in a crash become unknown, shown to a person, never repeated."""
    stale = select(Notice).where(Notice.state == "sending", Notice.at < now(db) - _STALE)
    rows = list(db.exec(stale))
    for row in rows:
        _result(db, row, "unknown")
    return len(rows)
