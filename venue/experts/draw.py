"""Hold a draw: fix the pool, gather commitments, then shares, seat people, seal everything (design, flow 2).

Between commitments and shares stands a committed transaction; shares live in this process's memory until they are
sealed. A draw that broke off is `aborted` and stays visible: nobody can quietly draw again (X2).
"""

import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog
from sqlmodel import Session, select

from venue.db import Database, audit, new_id, now
from venue.edge_link.requests import NoAnswer
from venue.experts import register, roster, rules
from venue.experts.roster import Frame, Member
from venue.experts.rules import Candidate, Disclosure, Drawn, DrawRefused, Seat
from venue.experts.tables import Draw
from venue.experts.vault import Vault, padded_json

log = structlog.get_logger()
# A record of the pool's size: 2 KiB for shares and seats, 160 bytes for each person of pool and order.
_RECORD_BASE, _RECORD_EACH = 8 * 1024, 512
STANDING = ("committing", "committed", "drawn")


class Asks(Protocol):
    """The live question to the witness (`edge_link.requests.Requests`)."""

    def ask(self, to: str, kind: str, body: dict[str, Any], timeout: float) -> dict[str, Any]:
        """The reply, or NoAnswer."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the operator asks for; `operator_share` are 32 bytes from the operator's own browser, if it sent them."""

    seats: Sequence[Seat]
    avoid_employers: Sequence[str] = ()
    operator_share: bytes | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Who sits at the draw: database, vault and the wire to the witness."""

    database: Database
    vault: Vault
    asks: Asks
    witness_timeout_s: float
    pool_percent: int = rules.POOL_PERCENT


Framing = Callable[[Session], Frame]
"""The sitting as it stands in this transaction; raises DrawRefused when it may not be drawn for (any more)."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A draw between its commitments and its shares."""

    id: str
    venue: str
    pool: Sequence[Candidate]
    pool_commitment: str
    own: Mapping[str, bytes]
    commitments: Mapping[str, str]


def hold(table: Table, actor: str, framing: Framing, wanted: Wanted) -> Draw:
    """Draw for a sitting. Raises DrawRefused or RosterRefused; whatever broke off is kept as aborted.

    The witness may take seconds: the sitting is read again when the roster is issued, as it was moved or cancelled.
    """
    opened = _begin(table, actor, framing, wanted)
    try:
        committed = _commit(table, opened)
        shares = _reveal(table, committed)
        return _seat(table, actor, framing, committed, shares, wanted.seats)
    except Exception as error:
        _abort(table, opened.id, _reason(error))
        if isinstance(error, NoAnswer):
            raise DrawRefused("draw.witness_away") from error
        raise


def _reason(error: Exception) -> str:
    if isinstance(error, DrawRefused):
        return error.key
    if isinstance(error, NoAnswer):
        return "draw.witness_away"
    return "draw.not_enrolled" if isinstance(error, roster.RosterRefused) else "draw.interrupted"


def _begin(table: Table, actor: str, framing: Framing, wanted: Wanted) -> _Open:
    """Fix the pool and this process's two shares. One draw stands for a session."""
    with table.database.writing() as db:
        frame = framing(db)
        if standing(db, frame.session) is not None:
            raise DrawRefused("draw.already_held")
        roster.recipients(db, frame.venue)
        avoid = frozenset(table.vault.index("employer", name) for name in wanted.avoid_employers)
        pool = rules.eligible(register.candidates(db), avoid)
        rules.check_pool(pool, wanted.seats, table.pool_percent)
        draw_id = new_id(db)
        own = {
            "centre": secrets.token_bytes(rules.SHARE_BYTES),
            "operator": wanted.operator_share or secrets.token_bytes(rules.SHARE_BYTES),
        }
        opened = _Open(
            draw_id, frame.venue, pool, rules.pool_commitment(draw_id, pool, wanted.seats), own,
            {holder: rules.commitment(draw_id, holder, share) for holder, share in own.items()},
        )  # fmt: skip
        db.add(_row(db, actor, frame, opened, wanted.seats))
        detail = {"session": frame.session, "seats": _seats_plain(wanted.seats), "pool": len(pool)}
        audit.write(db, actor, "draw.started", draw_id, detail)
    return opened


def _row(db: Session, actor: str, frame: Frame, opened: _Open, seats: Sequence[Seat]) -> Draw:
    return Draw(
        id=opened.id, session=frame.session, sitting=frame.sitting, state="committing",
        seats=_seats_plain(seats), pool_size=len(opened.pool), pool_commitment=opened.pool_commitment,
        commitments=dict(opened.commitments), started_by=actor, started_at=now(db),
    )  # fmt: skip


def _seats_plain(seats: Sequence[Seat]) -> list[dict[str, Any]]:
    return [{"specialty": seat.specialty, "count": seat.count} for seat in seats]


def _commit(table: Table, opened: _Open) -> _Open:
    """The witness commits, and all three commitments are durable before anyone reveals."""
    body = {"draw": opened.id, "pool_commitment": opened.pool_commitment}
    reply = table.asks.ask(f"{opened.venue}.witness", "draw_commit", body, table.witness_timeout_s)
    committed = reply.get("commitment")
    if not reply.get("ok") or not _is_hash(committed):
        raise DrawRefused("draw.witness_refused")
    commitments = {**opened.commitments, "witness": str(committed)}
    with table.database.writing() as db:
        row = _standing_row(db, opened.id, "committing")
        row.commitments, row.state = commitments, "committed"
        db.add(row)
        audit.write(db, "centre", "draw.committed", row.id, {"commitments": commitments})
    return replace(opened, commitments=commitments)


def _is_hash(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _reveal(table: Table, committed: _Open) -> dict[str, bytes]:
    """The witness's share, checked against its commitment, beside our own."""
    body = {"draw": committed.id, "commitments": [committed.commitments[holder] for holder in rules.HOLDERS]}
    reply = table.asks.ask(f"{committed.venue}.witness", "draw_reveal", body, table.witness_timeout_s)
    try:
        share = bytes.fromhex(str(reply.get("share")))
    except ValueError as error:
        raise DrawRefused("draw.witness_refused") from error
    shares = {**committed.own, "witness": share}
    rules.check_shares(committed.id, shares, committed.commitments)
    return shares


def _seat(
    table: Table,
    actor: str,
    framing: Framing,
    committed: _Open,
    shares: Mapping[str, bytes],
    seats: Sequence[Seat],
) -> Draw:
    """Rank, seat, seal and issue the roster in one transaction; nothing of it is written in plain (keeps I-14)."""
    drawn = rules.choose(rules.seed(shares, committed.pool_commitment), committed.pool, seats)
    members = _aliased(drawn)
    record = _record(committed, shares, seats, drawn, members)
    with table.database.writing() as db:
        frame, row = framing(db), _standing_row(db, committed.id, "committed")
        row.sealed, row.state, row.ended_at = table.vault.seal_to_notifier(record), "drawn", now(db)
        db.add(row)
        roster.publish(db, table.vault, frame, members)
        audit.write(db, actor, "draw.held", row.id, {"session": frame.session, "drawn": len(drawn)})
    return row


def _aliased(drawn: Sequence[Drawn]) -> list[Member]:
    """Aliases in an order of their own, so that they tell neither rank nor seat."""
    order = list(drawn)
    secrets.SystemRandom().shuffle(order)
    return [Member(f"E{number}", one.person) for number, one in enumerate(order, 1)]


def _record(
    committed: _Open, shares: Mapping[str, bytes], seats: Sequence[Seat], drawn: Sequence[Drawn],
    members: Sequence[Member],
) -> bytes:  # fmt: skip
    """Everything a disclosure needs, padded to a size that depends on the pool's size alone."""
    content = {
        "draw": committed.id, "pool_commitment": committed.pool_commitment,
        "commitments": dict(committed.commitments),
        "shares": {holder: share.hex() for holder, share in shares.items()},
        "seats": _seats_plain(seats),
        "pool": [[one.person, sorted(one.specialties)] for one in committed.pool],
        "drawn": [[one.person, one.specialty] for one in drawn],
        "aliases": {member.alias: member.person for member in members},
    }  # fmt: skip
    return padded_json(content, _RECORD_BASE + _RECORD_EACH * len(committed.pool))


def _standing_row(db: Session, draw: str, state: str) -> Draw:
    row = db.get(Draw, draw)
    if row is None or row.state != state:
        raise DrawRefused("draw.interrupted")
    return row


def _abort(table: Table, draw: str, reason: str) -> None:
    with table.database.writing() as db:
        abort(db, draw, reason)


def abort(db: Session, draw: str, reason: str) -> None:
    """Mark a draw that broke off; one that was held stays held."""
    row = db.get(Draw, draw)
    if row is None or row.state not in ("committing", "committed"):
        return
    row.state, row.reason, row.ended_at = "aborted", reason, now(db)
    db.add(row)
    audit.write(db, "centre", "draw.aborted", draw, {"reason": reason})


def standing(db: Session, session: str) -> Draw | None:
    """The draw of a session that stands or is under way."""
    return db.exec(select(Draw).where(Draw.session == session, Draw.state.in_(STANDING))).first()  # type: ignore[attr-defined]


def held(db: Session, session: str) -> Draw | None:
    """The draw that was held for a session."""
    return db.exec(select(Draw).where(Draw.session == session, Draw.state == "drawn")).first()


def members_of(vault: Vault, row: Draw) -> list[Member]:
    """Who was drawn, opened in memory for roster and notices; raises VaultError."""
    assert row.sealed is not None, "a draw that was held is sealed"
    aliases: dict[str, str] = json.loads(vault.open_as_notifier(row.sealed))["aliases"]
    return [Member(alias, person) for alias, person in sorted(aliases.items())]


def reissue(db: Session, vault: Vault, frame: Frame) -> None:
    """The sitting moved: the same people, newly sealed, under a higher serial. Nothing when nobody was drawn."""
    row = held(db, frame.session)
    if row is not None:
        roster.publish(db, vault, frame, members_of(vault, row))


def disclosure(vault: Vault, row: Draw) -> Disclosure:
    """The whole draw, opened after its secrecy ended; raises VaultError."""
    assert row.sealed is not None, "a draw that was held is sealed"
    content = json.loads(vault.open_as_notifier(row.sealed))
    return Disclosure(
        draw=row.id, commitments=row.commitments, committed_pool=row.pool_commitment,
        shares={holder: bytes.fromhex(share) for holder, share in content["shares"].items()},
        pool=[Candidate(person, frozenset(codes)) for person, codes in content["pool"]],
        seats=[Seat(seat["specialty"], seat["count"]) for seat in content["seats"]],
        drawn=[Drawn(person, specialty) for person, specialty in content["drawn"]],
    )  # fmt: skip
