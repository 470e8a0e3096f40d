"""What every step of the story has at hand."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.stage.home import Stage
from scripts.stage.story.clients import Centre, KioskPage, Sim
from scripts.stage.story.people import SamplePerson
from scripts.stage.story.report import Report
from scripts.stage.story.visit import Walker
from scripts.stage.story.wire import WireLog


@dataclass
class Scene:
    """The running stage, the people, and what the story learned so far."""

    stage: Stage
    report: Report
    sim: Sim
    wire: WireLog
    walker: Walker
    kiosk: KioskPage
    accounts: dict[str, Centre]
    people: list[SamplePerson]
    session: str = ""
    sitting: str = ""
    drawn: list[SamplePerson] = field(default_factory=list)
    lockers: dict[str, int] = field(default_factory=dict)
    room: str = "eval-1"
    second_room: str = "clar-1"
    notes: dict[str, Any] = field(default_factory=dict)
    patience: float = 1.0
    """Factor on every waiting time; a test that wants to see a failure need not wait for it."""

    @property
    def undrawn(self) -> SamplePerson:
        """A registered expert who was not drawn."""
        return next(p for p in self.people if p not in self.drawn)

    @property
    def pictures(self) -> Path:
        """The folder of test pictures."""
        return self.stage.cache / "pictures"
