"""What the centre says: verified, addressed to us, dated, taken once; the taking is a fact (keeps I-5, I-9).

Everything here runs on the engine thread. A message that cannot be believed (signature, form, address) is no fact
about a command: it raises the alarm `message_refused` with the reason, once while it stands.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import pysqlite3 as sqlite
import structlog
from pydantic import ValidationError

from contract.body import Body
from contract.clock import Clock, parse_stamp
from contract.commands import Command
from contract.documents import Document
from contract.envelope import FactDraft, Record
from contract.keys import KeyRing
from contract.kinds import KINDS, UnknownKind, check_body
from contract.signing import (
    BadSignature,
    Class,
    KeyNotValid,
    MalformedEnvelope,
    SigningError,
    UnknownKey,
    open_,
)
from edge_agent.alarms import Alarms
from edge_agent.journal import Also, Journal

Read = TypeVar("Read", bound=Body)
_log = structlog.get_logger(__name__)
_EARLY = timedelta(seconds=2)
"""A command may come this much before `not_before`: clocks differ a little."""


class Record_(Protocol):  # noqa: N801 - the engine's verb
    """Append and evolve; on the engine thread."""

    def __call__(self, drafts: Sequence[FactDraft], also: Also | None = None) -> list[Record]:
        """The stored records."""
        ...


@dataclass(frozen=True, slots=True)
class Party:
    """Who we are and whom we believe."""

    name: str
    venue: str
    keys: Callable[[], KeyRing]
    clock: Clock


class Inbox:
    """Takes envelopes as bytes; gives what is new."""

    def __init__(self, party: Party, journal: Journal, record: Record_, alarms: Alarms) -> None:
        self._party, self._journal, self._record, self._alarms = party, journal, record, alarms

    def document(self, payload: bytes) -> Document | None:
        """The document when it is new and in force; None otherwise. A lower serial never replaces (keeps I-9)."""
        opened = self._open("document", payload, Document)
        if opened is None:
            return None
        envelope, document = opened
        about = str(document.model_extra.get("document", "") if document.model_extra else "")
        if document.venue != self._party.venue:
            self._refuse("other_addressee", "document")
            return None
        known = self._journal.rows(
            "SELECT serial, id FROM document WHERE kind = ? AND about = ?", (document.kind, about)
        )
        if known and known[0] == (document.serial, document.id):
            return None
        if known and document.serial <= known[0][0]:
            self._refuse_document(document, "serial_not_higher")
            return None
        try:
            check_body("document", document.kind, document.body)
        except (UnknownKind, ValidationError):
            self._refuse_document(document, "not_understood")
            return None
        self._record(
            [_about_document("document_accepted", document)],
            also=lambda db, made: _store_document(db, document, about, envelope, made[-1]),
        )
        return document

    def documents(self, kind: str) -> list[Document]:
        """The documents of a kind that are in force."""
        rows = self._journal.rows("SELECT envelope FROM document WHERE kind = ? ORDER BY about", (kind,))
        return [Document.read(json.loads(json.loads(text)["signed"])) for (text,) in rows]

    def envelope(self, kind: str, about: str) -> dict[str, Any] | None:
        """The signed envelope of a document in force, for others to verify themselves."""
        found = self._journal.rows(
            "SELECT envelope FROM document WHERE kind = ? AND about = ?", (kind, about)
        )
        return dict(json.loads(found[0][0])) if found else None

    def command(self, payload: bytes) -> Command | None:
        """The command when it must be tried now, at most once in its life; None otherwise."""
        opened = self._open("command", payload, Command)
        if opened is None:
            return None
        envelope, command = opened
        if command.to != self._party.name:
            self._refuse("other_addressee", "command")
            return None
        if self._journal.rows("SELECT 1 FROM command WHERE id = ?", (command.id,)):
            return None
        reason = self._why_not(command)
        drafts = [FactDraft("command_accepted", _about_command(command), command.session)]
        if reason:
            drafts = [_answer(command, "refused", reason)]
        # keeps I-5: the id is stored in the transaction of the fact; a second copy finds it
        self._record(drafts, also=lambda db, made: _store_command(db, command, envelope, made[-1]))
        return None if reason else command

    def executed(self, command: Command, result: str, reason: str | None = None) -> None:
        """State what became of an accepted command."""
        self._record([_answer(command, result, reason)])

    def unanswered(self) -> list[Command]:
        """Commands accepted before a crash whose result nobody knows; they are never tried again (keeps I-5)."""
        done = {record.fact.body["command_id"] for record in self._journal.of_kind("command_executed")}
        rows = self._journal.rows("SELECT id, envelope FROM command ORDER BY seq")
        return [Command.read(json.loads(json.loads(text)["signed"])) for id_, text in rows if id_ not in done]

    def _why_not(self, command: Command) -> str | None:
        now = self._now()
        if now < parse_stamp(command.not_before) - _EARLY:
            return "too_early"
        if now >= parse_stamp(command.expires_at):
            return "expired"
        highest = self._journal.rows("SELECT coalesce(max(epoch), 0) FROM command")[0][0]
        if command.epoch < highest:
            return "epoch_passed"
        try:
            check_body("command", command.kind, command.body)
        except (UnknownKind, ValidationError):
            return "not_understood"
        return None

    def _now(self) -> datetime:
        """Wall time, but never before our own last fact: a clock turned back revives no command (keeps I-9)."""
        last = self._journal.read(self._journal.size - 1, 1)
        now = self._party.clock.now()
        return max(now, last[0].fact.at) if last else now

    def _open(self, class_: Class, payload: bytes, model: type[Read]) -> tuple[dict[str, Any], Read] | None:
        try:
            envelope = json.loads(payload)
            ring = self._party.keys().only("centre")
            content = open_(class_, envelope, ring, at=self._party.clock.now())
            if KINDS.get(str(content.get("kind"))) is None:
                _log.info("kind_unknown", kind=str(content.get("kind"))[:64])
            return envelope, model.read(content)
        except (ValueError, SigningError) as error:
            self._refuse(_reason(error), class_)
            return None

    def _refuse(self, reason: str, class_: str) -> None:
        _log.warning("message_refused", reason=reason, message_class=class_)
        self._alarms.raise_("message_refused", f"{class_}.{reason}")

    def _refuse_document(self, document: Document, reason: str) -> None:
        """State a refusal once a (id, reason): a retained message comes again at every connect."""
        for record in self._journal.of_kind("document_refused"):
            if (record.fact.body["document_id"], record.fact.body["serial"]) == (
                document.id,
                document.serial,
            ):
                return
        self._record([_about_document("document_refused", document, reason)])


def _reason(error: Exception) -> str:
    """The key of why a message cannot be believed."""
    for kind, reason in (
        (MalformedEnvelope, "malformed"), (KeyNotValid, "key_not_valid"), (UnknownKey, "unknown_key"),
        (BadSignature, "bad_signature"),
    ):  # fmt: skip
        if isinstance(error, kind):
            return reason
    return "malformed"


def _about_document(kind: str, document: Document, reason: str | None = None) -> FactDraft:
    body: dict[str, Any] = {
        "document_kind": document.kind, "document_id": document.id, "serial": document.serial,
    }  # fmt: skip
    return FactDraft(kind, {**body, "reason": reason} if reason else body)


def _about_command(command: Command) -> dict[str, Any]:
    return {"command_id": command.id, "command_kind": command.kind, "by": command.by}


def _answer(command: Command, result: str, reason: str | None) -> FactDraft:
    body = {**_about_command(command), "result": result}
    return FactDraft("command_executed", {**body, "reason": reason} if reason else body, command.session)


def _store_document(
    db: sqlite.Connection, document: Document, about: str, envelope: dict[str, Any], record: Record
) -> None:
    db.execute(
        "INSERT OR REPLACE INTO document VALUES (?, ?, ?, ?, ?, ?)",
        (document.kind, about, document.serial, document.id, json.dumps(envelope), record.fact.seq),
    )


def _store_command(db: sqlite.Connection, command: Command, envelope: dict[str, Any], record: Record) -> None:
    db.execute(
        "INSERT INTO command VALUES (?, ?, ?, ?, ?)",
        (command.id, command.kind, command.epoch, json.dumps(envelope), record.fact.seq),
    )
