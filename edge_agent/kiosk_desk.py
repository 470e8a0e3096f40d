"""What the kiosk's endpoints do with the engine: screens out, touches and pictures in, the door's sign."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from access_control.observations import HelpAnswered, KioskAction, Observation
from access_control.screens import kiosk_screen
from contract.clock import Clock, stamp
from contract.documents import Screens
from contract.plan import VenuePlan
from edge_agent.engine import Engine
from edge_agent.hands import SiteHands
from edge_agent.inbox import Inbox
from edge_agent.kiosk_api import KioskDesk
from edge_agent.venue_site import places

LANGUAGES = ("zh", "en")
WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class KioskParts:
    """What the kiosk's side uses of the edge."""

    plan: VenuePlan
    engine: Engine
    hands: SiteHands
    inbox: Inbox
    clock: Clock
    online: Callable[[], bool]
    health: Callable[[], dict[str, Any]]


class KioskFront:
    """Called on the web server's threads."""

    def __init__(self, parts: KioskParts, tokens: Mapping[str, str], language: str) -> None:
        self._parts, self._tokens = parts, tokens
        self._languages = {kiosk.id: language for kiosk in parts.plan.kiosks}

    def desk(self) -> KioskDesk:
        """As the API wants it."""
        return KioskDesk(
            tokens=self._tokens,
            places=places(self._parts.plan),
            screen=self._screen,
            version=lambda: self._parts.engine.version,
            act=self._act,
            frames=self._frames,
            sign=self._sign,
            health=self._parts.health,
        )

    def _screen(self, kiosk: str) -> dict[str, Any]:
        engine = self._parts.engine
        touched = engine.touches().get(kiosk, 0)
        shown = kiosk_screen(engine.area, engine.rosters, kiosk, engine.now(), engine.settings, touched)
        return {**shown, "offline": not self._parts.online(), "lang": self._languages[kiosk]}

    def _act(self, kiosk: str, action: str, value: str | None) -> str | None:
        engine = self._parts.engine
        engine.touched(kiosk)
        if action == "language":
            other = LANGUAGES[1 - LANGUAGES.index(self._languages[kiosk])]
            self._languages[kiosk] = value if value in LANGUAGES else other
            return None
        act = self._observation(kiosk, action, value)
        return engine.call(lambda: engine.handle(act)).result(timeout=WAIT_SECONDS)

    def _observation(self, kiosk: str, action: str, value: str | None) -> Observation:
        """Whoever touches `cancel` or `continue` while only the call for staff stands there ends that call."""
        area = self._parts.engine.area
        calling = area.kiosk(kiosk).help_since is not None and area.at_kiosk(kiosk) is None
        if calling and action in ("cancel", "continue"):
            return HelpAnswered(kiosk)
        return KioskAction(kiosk, action, value)

    def _frames(self, kiosk: str, frames: list[bytes]) -> bool:
        return self._parts.hands.frames(kiosk, frames, self._parts.clock.mono_us())

    def _sign(self, room: str) -> dict[str, Any] | None:
        """What the door sign shows: the room, and its rows of the `screens` document; nothing secret, ever."""
        found = [r for r in self._parts.plan.rooms if r.id == room]
        if not found:
            return None
        documents = self._parts.inbox.documents("screens")
        rows = Screens.read(documents[-1].body).rows if documents else []
        return {
            "room": found[0].model_dump(mode="json", include={"id", "name", "kind", "way"}),
            "rows": [row for row in rows if row.get("room") == room or room in row.get("rooms", ())],
            "now": stamp(self._parts.clock.now()), "offline": not self._parts.online(),
        }  # fmt: skip


def kiosk_tokens(plan: VenuePlan, folder: Path, make: Callable[[Path], str]) -> dict[str, str]:
    """Kiosk → its page's token; made at the first start, read by the installer."""
    return {kiosk.id: make(folder / f"{kiosk.id}.token") for kiosk in plan.kiosks}
