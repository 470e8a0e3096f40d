"""The states of a visit and of a locker's use, as tables: (state, event) → state. The same tables stand in
`docs/design/states.md`. An event is a fact's kind, where needed with the part of the body that decides.
An event that has no row changes no state.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class VisitState(StrEnum):
    """Where a visit stands."""

    ARRIVED = "arrived"
    IDENTIFIED = "identified"
    REFUSED = "refused"
    PROMISED = "promised"
    SETTLED = "settled"
    IN_LANE = "in_lane"
    CLEARED = "cleared"
    GRANTED = "granted"
    INSIDE = "inside"
    OUTSIDE = "outside"
    RETURNED = "returned"
    ENDED = "ended"


class LockerState(StrEnum):
    """Where a locker's use stands."""

    FREE = "free"
    ASSIGNED = "assigned"
    DEPOSITING = "depositing"
    SHUT = "shut"
    HOLDING = "holding"
    RETURNING = "returning"
    EMPTIED = "emptied"
    JAMMED = "jammed"


V, L = VisitState, LockerState

VISIT: Mapping[tuple[VisitState, str], VisitState] = {
    (V.ARRIVED, "identity_confirmed"): V.IDENTIFIED,
    (V.ARRIVED, "identity_refused"): V.REFUSED,
    (V.ARRIVED, "visit_ended"): V.ENDED,
    (V.REFUSED, "visit_ended"): V.ENDED,
    (V.IDENTIFIED, "promise_signed"): V.PROMISED,
    (V.IDENTIFIED, "visit_ended"): V.ENDED,
    (V.PROMISED, "custody_settled"): V.SETTLED,
    (V.PROMISED, "visit_ended"): V.ENDED,
    (V.SETTLED, "locker_assigned"): V.PROMISED,
    (V.SETTLED, "lane_entered"): V.IN_LANE,
    (V.SETTLED, "custody_returned"): V.RETURNED,
    (V.SETTLED, "visit_ended"): V.ENDED,
    (V.IN_LANE, "gate_passed:clear"): V.CLEARED,
    (V.IN_LANE, "lane_left"): V.SETTLED,
    (V.CLEARED, "gate_passed:alarm"): V.IN_LANE,
    (V.CLEARED, "gate_passed:doubtful"): V.IN_LANE,
    (V.CLEARED, "admission_granted:main"): V.GRANTED,
    (V.CLEARED, "lane_left"): V.SETTLED,
    (V.GRANTED, "gate_passed:alarm"): V.IN_LANE,
    (V.GRANTED, "gate_passed:doubtful"): V.IN_LANE,
    (V.GRANTED, "admission_withdrawn"): V.CLEARED,
    (V.GRANTED, "person_entered:main"): V.INSIDE,
    (V.GRANTED, "lane_left"): V.SETTLED,
    (V.INSIDE, "person_left:main"): V.OUTSIDE,
    (V.OUTSIDE, "custody_returned"): V.RETURNED,
    (V.OUTSIDE, "visit_ended"): V.ENDED,
    (V.RETURNED, "visit_ended"): V.ENDED,
}

LOCKER: Mapping[tuple[LockerState, str], LockerState] = {
    (L.FREE, "locker_assigned"): L.ASSIGNED,
    (L.ASSIGNED, "locker_assigned"): L.ASSIGNED,
    (L.ASSIGNED, "locker_opened:deposit:done"): L.DEPOSITING,
    (L.ASSIGNED, "locker_jammed"): L.JAMMED,
    (L.DEPOSITING, "locker_closed"): L.SHUT,
    (L.SHUT, "locker_assigned"): L.ASSIGNED,
    (L.SHUT, "custody_settled:stored"): L.HOLDING,
    (L.SHUT, "custody_settled:empty"): L.FREE,
    (L.HOLDING, "locker_assigned"): L.ASSIGNED,
    (L.HOLDING, "locker_opened:return:done"): L.RETURNING,
    (L.RETURNING, "locker_closed"): L.EMPTIED,
    (L.EMPTIED, "custody_returned"): L.FREE,
    (L.JAMMED, "locker_closed"): L.FREE,
}

AT_KIOSK = frozenset({V.ARRIVED, V.IDENTIFIED, V.PROMISED})
"""A visit that keeps its kiosk to itself."""
IN_LANE = frozenset({V.IN_LANE, V.CLEARED, V.GRANTED})
"""A visit that keeps its lane to itself."""


def visit_event(kind: str, body: Mapping[str, Any], main: bool) -> str:
    """The event of a fact for its visit; `main`: the fact's door or place is the main one."""
    if kind == "gate_passed":
        return f"gate_passed:{'doubtful' if body['doubtful'] else 'clear' if body['clear'] else 'alarm'}"
    if kind in {"admission_granted", "person_entered", "person_left"}:
        return f"{kind}:{'main' if main else 'room'}"
    return kind


def locker_event(kind: str, body: Mapping[str, Any]) -> str:
    """The event of a fact for the locker that it names."""
    if kind == "locker_opened":
        return f"locker_opened:{body['purpose']}:{body['result']}"
    if kind == "custody_settled":
        return f"custody_settled:{'empty' if body['declared_empty'] else 'stored'}"
    return kind


def next_visit(state: VisitState, event: str) -> VisitState:
    """The state after an event."""
    return VISIT.get((state, event), state)


def next_locker(state: LockerState, event: str) -> LockerState:
    """The state after an event."""
    return LOCKER.get((state, event), state)
