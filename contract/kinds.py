"""The table of kinds: name, class of message, model of the body (and of the reply). Start reading here.

A reader meets kinds of a newer writer: they are stored and acknowledged, and have no model here. A writer
states only kinds of this table, with bodies that fit.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from contract import commands, documents, evidence_facts, facts, replies
from contract.body import Body

MessageClass = Literal["fact", "document", "command", "request"]


class UnknownKind(ValueError):
    """The kind is not in the table of this version."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table; `reply` only for requests."""

    name: str
    message_class: MessageClass
    model: type[Body]
    reply: type[Body] | None = None


_FACTS: tuple[type[Body], ...] = (
    facts.EdgeStarted, facts.DeviceChanged, facts.AlarmRaised, facts.AlarmCleared,
    facts.DocumentAccepted, facts.DocumentRefused, facts.CommandAccepted, facts.CommandExecuted,
    facts.CheckinOpened, facts.SittingClosed, facts.RosterOpened, facts.RosterUnavailable,
    facts.CardPresented, facts.VisitStarted, facts.IdentityChecked, facts.IdentityConfirmed,
    facts.IdentityRefused, facts.PinSent, facts.PromiseSigned, facts.LockerAssigned, facts.LockerOpened,
    facts.LockerJammed, facts.LockerClosed, facts.CustodySettled, facts.CustodyReturned, facts.LaneEntered,
    facts.LaneRefused, facts.LaneLeft, facts.GatePassed, facts.AdmissionGranted, facts.AdmissionRefused,
    facts.AdmissionWithdrawn, facts.DoorUnlocked, facts.DoorOpened, facts.DoorClosed, facts.ExitRequested,
    facts.DoorForced, facts.DoorHeldOpen, facts.PersonEntered, facts.PersonLeft, facts.HelpRequested,
    facts.HelpAnswered, facts.VisitEnded, facts.EntryHeld, facts.EntryResumed, facts.FacilitiesSwitched,
    evidence_facts.SessionOpened, evidence_facts.RecordingStarted, evidence_facts.RecordingStopped,
    evidence_facts.SegmentFinalised, evidence_facts.GapDeclared, evidence_facts.LiveViewStarted,
    evidence_facts.LiveViewEnded, evidence_facts.CheckpointSigned, evidence_facts.CheckpointCosigned,
    evidence_facts.CompletenessStated, evidence_facts.SessionClosed, evidence_facts.EvidenceSent,
)  # fmt: skip
_DOCUMENTS: tuple[type[Body], ...] = (
    documents.SitePlan, documents.Roster, documents.RecordingPlan, documents.SessionPlan,
    documents.Screens, documents.Holds, documents.Trust,
)  # fmt: skip
_COMMANDS: tuple[type[Body], ...] = (
    commands.SuspendEntry, commands.ResumeEntry, commands.OpenSession, commands.CloseSession,
    commands.SendEvidence, commands.SwitchFacilities,
)  # fmt: skip
_REQUESTS: tuple[tuple[type[Body], type[Body]], ...] = (
    (replies.LiveOffer, replies.LiveOfferReply), (replies.LiveEnd, replies.Reply),
    (replies.ReceiptRequested, replies.ReceiptRequestedReply), (replies.DrawCommit, replies.DrawCommitReply),
    (replies.DrawReveal, replies.DrawRevealReply),
)  # fmt: skip


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _rows(message_class: MessageClass, models: Iterable[type[Body]]) -> dict[str, Kind]:
    return {_snake(m.__name__): Kind(_snake(m.__name__), message_class, m) for m in models}


KINDS: Mapping[str, Kind] = {
    **_rows("fact", _FACTS),
    **_rows("document", _DOCUMENTS),
    **_rows("command", _COMMANDS),
    **{_snake(m.__name__): Kind(_snake(m.__name__), "request", m, r) for m, r in _REQUESTS},
}


def read_body(kind: str, body: object) -> Body | None:
    """The typed body, or None for a kind of a newer version. Raises pydantic.ValidationError."""
    row = KINDS.get(kind)
    return None if row is None else row.model.read(body)


def check_body(message_class: MessageClass, kind: str, body: Mapping[str, Any]) -> None:
    """For writers: UnknownKind when not a kind of that class, pydantic.ValidationError when it misfits."""
    row = KINDS.get(kind)
    if row is None or row.message_class != message_class:
        raise UnknownKind(f"{message_class} {kind}")
    row.model.read(dict(body))
