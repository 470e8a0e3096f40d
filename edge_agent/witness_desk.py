"""What the witness's endpoints do with the engine: heads and rosters out, cosignatures and opened rosters in."""

from collections.abc import Callable
from typing import Any, TypeVar

import structlog

from edge_agent.alarms import Alarms
from edge_agent.checkpoints import Checkpoints
from edge_agent.engine import Engine
from edge_agent.rosters import BadRoster, RosterKeeper
from edge_agent.witness_api import WitnessDesk

_log = structlog.get_logger(__name__)
WAIT_SECONDS = 10.0
T = TypeVar("T")


def desk(engine: Engine, checkpoints: Checkpoints, rosters: RosterKeeper, alarms: Alarms) -> WitnessDesk:
    """Each call works on the engine thread and waits for it."""

    def wait(work: Callable[[], T]) -> T:
        return engine.call(work).result(timeout=WAIT_SECONDS)

    def pending(size: int) -> dict[str, Any]:
        notes = [found.as_dict() for found in checkpoints.pending(size)]
        return {"checkpoints": notes, "rosters": rosters.pending()}

    def roster(sitting: str, inner: bytes) -> None:
        try:
            rosters.receive(sitting, inner)
        except BadRoster as error:
            _log.warning("roster_refused", sitting=sitting, reason=str(error))
            raise ValueError(str(error)) from error

    def refused(subject: str, reason: str) -> None:
        rosters.refused(subject, reason)
        alarms.raise_("witness_refused", subject, reason=reason)

    return WitnessDesk(
        pending=lambda size: wait(lambda: pending(size)),
        cosigned=lambda note: wait(lambda: checkpoints.cosigned(note, "witness")),
        roster=lambda sitting, inner: wait(lambda: roster(sitting, inner)),
        refused=lambda subject, reason: wait(lambda: refused(subject, reason)),
    )
