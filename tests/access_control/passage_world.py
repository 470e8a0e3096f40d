"""A small engine for the tests: journals drafts as records, folds them, does nothing with acts but keep them."""

import itertools
import json
from datetime import UTC, date, datetime, timedelta

from access_control import area as areas
from access_control.acts import Act, Decision
from access_control.decide import decide, recover
from access_control.instant import Instant
from access_control.observations import FaceJudged, Observation, RosterOpened, Tick
from access_control.rosters import ComingSitting, OpenRoster, Person, Rosters
from access_control.settings import Settings
from access_control.shapes import Area
from access_control.site import DoorSite, KioskSite, LaneSite, SitePlan
from contract.clock import FakeClock, stamp
from contract.kinds import check_body
from devices.ports import CardPlaced, FaceJudgement, FaceResult, GatePassage, IdCard

START = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

SITE = SitePlan(
    doors={
        "main": DoorSite("main", "main", "r-main"),
        "d1": DoorSite("d1", "room", "r-1", room="room-1"),
        "d2": DoorSite("d2", "room", "r-2", room="room-2"),
        "d3": DoorSite("d3", "room", "r-3", room="room-3"),
        "open": DoorSite("open", "room", "r-open", room="hall", guards="other"),
    },
    lanes={"lane": LaneSite("lane", "r-lane", "gate", "main")},
    kiosks={"kiosk": KioskSite("kiosk", "r-kiosk", ("bank",), "lane")},
    banks={"bank": 4},
    rooms=("room-1", "room-2", "room-3", "hall"),
)


def person(n: int, *rooms: str, face: bool = True) -> Person:
    return Person(
        f"专家 {n}", "expert", f"示例专家 {n:02}", f"11010119700101{n:03}X", f"1380000{n:04}", rooms or ("room-1",),
        b"\xff\xd8face" if face else None,
    )  # fmt: skip


def roster(*persons: Person, opens: int = -600, ends: int = 8 * 3600, sitting: str = "sit-1") -> OpenRoster:
    at = lambda seconds: START + timedelta(seconds=seconds)  # noqa: E731
    return OpenRoster("ses-1", sitting, 3, at(opens), at(opens + 1800), at(ends), persons)


def card_of(who: Person, valid_to: date | None = None) -> IdCard:
    return IdCard(who.id_number, who.name, date(2010, 1, 1), valid_to)


class World:
    """Time, journal, area, acts asked for. `see` gives the decision; its follow-ups are done too."""

    def __init__(
        self, rosters: Rosters, settings: Settings | None = None, site: SitePlan = SITE, check: bool = True
    ) -> None:
        self.clock = FakeClock(START)
        self.rosters, self.settings, self.site, self.check = rosters, settings or Settings(), site, check
        self.area: Area = areas.empty(site)
        self.records: list[dict] = []
        self.acts: list[Act] = []
        self.boot = "boot-1"
        self._seeds = itertools.count()

    @property
    def now(self) -> Instant:
        return Instant(self.clock.now(), self.clock.mono_us(), next(self._seeds).to_bytes(16, "big"))

    def state(self, kind: str, body: dict, session: str | None = None, visit: str | None = None) -> dict:
        if self.check:
            check_body("fact", kind, body)
        record = {
            "v": 1, "id": f"f{len(self.records)}", "kind": kind, "venue": "V01", "boot": self.boot,
            "seq": len(self.records) + 1, "session": session, "visit": visit, "wall": stamp(self.clock.now()),
            "mono_us": self.clock.mono_us(), "clock_error_ms": 0, "body": body,
        }  # fmt: skip
        self.records.append(record)
        self.area = areas.evolve(self.area, record)
        return record

    def take(self, decision: Decision) -> Decision:
        for fact in decision.facts:
            body = json.loads(json.dumps(dict(fact.body))) if self.check else dict(fact.body)
            self.state(fact.kind, body, fact.session, fact.visit)
        self.acts.extend(decision.acts)
        return decision

    def see(self, observation: Observation) -> Decision:
        decision = self.take(decide(self.area, self.rosters, self.settings, observation, self.now))
        if decision.then is not None:
            decision += self.see(decision.then)
        return decision

    def restart(self, reboot: bool = False) -> Decision:
        self.boot = f"boot-{int(self.boot[5:]) + 1}"
        if reboot:
            self.clock._mono_us = 60_000_000
        self.rosters = Rosters(self.rosters.open, self.rosters.coming, {})
        self.state(
            "edge_started", {"version": "0", "simulated": True, "recovered_from_seq": len(self.records)}
        )
        recovered = self.take(recover(self.area, self.now, self.settings))
        for bank in self.site.banks:
            self.bank_goes(bank, "online")
        return recovered

    def bank_goes(self, bank: str, state: str) -> None:
        body = {
            "device": bank,
            "device_class": "locker_bank",
            "state": state,
            "reason": "ok",
            "simulated": True,
        }
        self.state("device_changed", body)

    # ---- hands ------------------------------------------------------------------------------------

    @property
    def mono(self) -> int:
        return self.clock.mono_us()

    def open_roster(self, sitting: str = "sit-1") -> None:
        self.see(RosterOpened("ses-1", sitting, 3, "V01.witness"))

    def card(self, reader: str, who: Person, age: float = 0.0) -> Decision:
        self.clock.advance(0.2)
        return self.see(CardPlaced(reader, card_of(who), self.mono - round(age * 1e6)))

    def face(self, visit: str, result: str) -> Decision:
        reason = "FACE_MODEL_MISSING" if result == "unavailable" else "ok"
        score = 612 if reason == "ok" else None
        judgement = FaceJudgement(FaceResult(result), score, reason, "0" * 64)
        return self.see(FaceJudged(visit, "kiosk", judgement, self.mono))

    def walk(self, clear: bool = True, direction: str = "in", doubtful: bool = False) -> Decision:
        self.clock.advance(0.1)
        started = self.mono
        self.clock.advance(1)
        number = sum(r["kind"] == "gate_passed" for r in self.records) + 1
        return self.see(
            GatePassage(
                "gate", number, direction, clear, () if clear else ("phone",), doubtful, started, self.mono
            )
        )

    def tick(self, seconds: float = 0.5) -> Decision:
        self.clock.advance(seconds)
        return self.see(Tick())

    def kinds(self) -> list[str]:
        return [r["kind"] for r in self.records]


def coming(opens: int, ends: int = 3600) -> ComingSitting:
    return ComingSitting("ses-1", "sit-1", START + timedelta(seconds=opens), START + timedelta(seconds=ends))
