"""Bodies of facts: what an edge may state. One class a kind; the class says the kind in `snake_case`.

A fact holds aliases and sealed references only: never a name, number, phone, photo or template.
Kinds of media, sessions and proofs are in `evidence_facts.py`.
"""

from typing import Literal

from pydantic import Field

from contract.body import Body, Count, Hash, Name, Params, Result, Stamp


class EdgeStarted(Body):
    """First fact of a boot. `recovered_from_seq` is the journal's last seq found on disk (0: empty)."""

    version: Name
    simulated: bool
    recovered_from_seq: Count


class DeviceChanged(Body):
    """A device's health changed; `reason` is a key."""

    device: Name
    device_class: Name
    state: Literal["online", "degraded", "offline"]
    reason: str
    simulated: bool


class AlarmRaised(Body):
    """An alarm, keyed by (`alarm`, `subject`); words are looked up by `detail_key`."""

    alarm: Name
    subject: Name
    detail_key: Name
    params: Params


class AlarmCleared(AlarmRaised):
    """The same alarm is over."""


class DocumentAccepted(Body):
    """A signed document with a higher serial took effect (keeps I-9)."""

    document_kind: Name
    document_id: Name
    serial: Count
    reason: str | None = None


class DocumentRefused(DocumentAccepted):
    """A document was not taken; `reason` is a key."""


class CommandAccepted(Body):
    """A command was verified and will be tried once (keeps I-5, I-9)."""

    command_id: Name
    command_kind: Name
    by: list[str]
    result: Result | None = None
    reason: str | None = None


class CommandExecuted(CommandAccepted):
    """What became of a command; `unknown` is shown to a person."""


class CheckinOpened(Body):
    """The window of a sitting began."""

    sitting: Name


class SittingClosed(Body):
    """The window of a sitting ended; its roster is forgotten."""

    sitting: Name


class RosterOpened(Body):
    """The sealed roster was opened with the witness's share (keeps I-14)."""

    sitting: Name
    serial: Count
    witness: Name
    expected: Count


class RosterUnavailable(Body):
    """No valid roster: the sitting is refused, never improvised (keeps I-19)."""

    sitting: Name
    reason: Name


class CardPresented(Body):
    """A card lay on a reader; never its number. `result` is a key (`expected`, `too_early`, ...)."""

    reader: Name
    place: Name
    result: Name
    visit: str | None = None


class VisitStarted(Body):
    """A person of the roster began to check in, under an alias made for this session."""

    sitting: Name
    kiosk: Name
    alias: Name
    role: Name


class IdentityChecked(Body):
    """One try of one method. `unavailable` never admits (keeps I-19)."""

    kiosk: Name
    method: Literal["card", "face", "pin", "staff"]
    result: Literal["matched", "not_matched", "review", "unavailable"]
    liveness: Literal["not_checked", "challenge_passed"] = "not_checked"
    score_milli: int | None = None
    model: str | None = None


class IdentityConfirmed(Body):
    """Enough methods matched."""

    methods: list[str]


class IdentityRefused(Body):
    """The visit ends here unless staff help."""

    reason: Name


class PinSent(Body):
    """A one-time code was handed to the text-message gateway."""

    kiosk: Name
    result: Result


class PromiseSigned(Body):
    """The confidentiality promise was signed on the screen."""

    kiosk: Name
    document_key: Name
    sha256: Hash


class LockerAssigned(Body):
    """A locker was given to this visit."""

    bank: Name
    locker: Count


class LockerOpened(LockerAssigned):
    """The result of one opening; never repeated (keeps I-5, I-6)."""

    purpose: Literal["deposit", "return"]
    result: Result


class LockerJammed(LockerAssigned):
    """The door did not spring open."""


class LockerClosed(LockerAssigned):
    """The door was shut."""


class CustodySettled(Body):
    """Things are in the locker, or the person declared to carry none."""

    declared_empty: bool
    bank: str | None = None
    locker: int | None = None


class CustodyReturned(LockerAssigned):
    """The things went back to their depositor (keeps I-6)."""


class LaneEntered(Body):
    """One visit stands between gate and main door."""

    lane: Name


class LaneRefused(LaneEntered):
    """The lane is held or the visit is not ready."""

    reason: Name
    holder: str | None = None


class LaneLeft(LaneEntered):
    """The lane is free again."""

    reason: Literal["passed", "cancelled", "timeout"]


class GatePassed(Body):
    """One passage through the detection gate, read for this visit in this lane (keeps I-2)."""

    lane: Name
    gate: Name
    passage_no: Count
    clear: bool
    kinds: list[str]
    doubtful: bool
    direction: Literal["in", "out"] | None = None
    """Absent in the oldest journals: inward."""


class Grounds(Body):
    """Sequence numbers of the facts that a grant stands on."""

    identity_seq: Count
    custody_seq: int | None = None
    gate_seq: int | None = None


class AdmissionGranted(Body):
    """A visit's right to one door until `valid_until`; durable before the relay moves (keeps I-1)."""

    admission: Name
    door: Name
    valid_until: Stamp
    rule_version: Name
    grounds: Grounds


class AdmissionRefused(Body):
    """A door stays shut; `reason` is a key."""

    door: Name
    reason: Name


class AdmissionWithdrawn(Body):
    """A right was taken back before it was used."""

    admission: Name
    door: Name
    reason: Name


class DoorUnlocked(Body):
    """The result of one pulse of a lock coil."""

    door: Name
    result: Result
    for_: Literal["entry", "exit"] = Field(alias="for")
    admission: str | None = None


class DoorOpened(Body):
    """The contact opened."""

    door: Name


class DoorClosed(DoorOpened):
    """The contact closed."""


class ExitRequested(DoorOpened):
    """The exit button was pressed; leaving is never refused (keeps I-3)."""


class DoorForced(DoorOpened):
    """Opened without a pulse."""


class DoorHeldOpen(DoorOpened):
    """Open beyond its limit."""


class PersonEntered(Body):
    """A visit is counted into a place."""

    door: Name
    place: Name


class PersonLeft(Body):
    """A visit is counted out of a place."""

    place: Name
    door: str | None = None


class HelpRequested(Body):
    """Somebody pressed help at a kiosk."""

    kiosk: Name


class HelpAnswered(HelpRequested):
    """Staff answered."""


class VisitEnded(Body):
    """The visit is over."""

    outcome: Literal["left", "cancelled", "no_show"]


class EntryHeld(Body):
    """A supervisor's order holds entry; leaving stays free (keeps I-3)."""

    command_id: Name
    rooms: list[str]


class EntryResumed(EntryHeld):
    """Entry is free again."""


class FacilitiesSwitched(Body):
    """Room power or light was switched."""

    room: Name
    on: bool
    result: Result
