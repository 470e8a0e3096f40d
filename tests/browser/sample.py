"""Sample data, plainly so: no person, project or company of this file exists."""

from datetime import datetime, timedelta, timezone
from typing import Any

from contract.clock import stamp

SESSION = "0193a000-0000-7000-8000-000000000001"
OTHER = "0193a000-0000-7000-8000-000000000002"
ROOMS = (
    ("eval-1", "evaluation", "第1评标室", "Evaluation room 1", 9),
    ("eval-2", "evaluation", "第2评标室", "Evaluation room 2", 9),
    ("eval-3", "evaluation", "第3评标室", "Evaluation room 3", 7),
    ("clar-1", "clarification", "询标室", "Clarification room", 6),
    ("open-1", "opening", "开标室", "Bid opening room", 40),
)
POSITIONS = {
    "eval-1": [40, 16],
    "eval-2": [60, 16],
    "eval-3": [80, 16],
    "clar-1": [80, 44],
    "open-1": [20, 14],
}
PERMISSIONS = [
    "sites.read", "bookings.read", "bookings.write", "sessions.read", "sessions.write", "people.read",
    "devices.read", "feed.read", "duties.read", "wall.watch", "orders.give", "packages.read", "experts.read",
    "experts.write", "draw.run", "draw.read", "edges.read", "edges.enrol", "edges.approve", "edges.revoke",
    "audit.read",
]  # fmt: skip


def me() -> dict[str, Any]:
    """Somebody who may see every page: no such person exists, the exclusions of I-15 forbid it."""
    roles = ["venue_staff"]
    return {"name": "sample", "display": "示例人员 01", "roles": roles, "permissions": PERMISSIONS}


def rooms() -> list[dict[str, Any]]:
    return [
        {"id": id_, "venue": "V01", "area": "evaluation", "kind": kind, "capacity": capacity, "equipment": [],
         "secret": False, "bookable": True, "name_zh": zh, "name_en": en, "way_zh": "", "way_en": "",
         "cameras": [f"cam-{id_}-a", f"cam-{id_}-b"]}
        for id_, kind, zh, en, capacity in ROOMS
    ]  # fmt: skip


def sites() -> list[dict[str, Any]]:
    areas = [{"id": "lobby", "kind": "public", "name_zh": "大厅", "name_en": "Lobby"}]
    return [
        {"id": "V01", "name_zh": "示例交易中心（模拟）", "name_en": "Example trading centre (simulated)",
         "simulated": True, "timezone": "Asia/Shanghai", "areas": areas}
    ]  # fmt: skip


def devices(now: datetime) -> list[dict[str, Any]]:
    ids = [
        ("reader-kiosk-1", "id_reader", None), ("reader-main", "id_reader", None), ("bank-1", "locker_bank", None),
        ("gate-1", "detection_gate", None), ("relays-1", "relay_board", None), ("messages", "text_messages", None),
        ("reader-eval-1", "id_reader", "eval-1"), ("reader-eval-2", "id_reader", "eval-2"),
        *[(f"cam-{room[0]}-{letter}", "camera", room[0]) for room in ROOMS for letter in "ab"],
    ]  # fmt: skip
    rows = []
    for id_, kind, room in ids:
        state, reason = ("offline", "no_packets") if id_ == "cam-clar-1-b" else ("online", None)
        rows.append(
            {"id": id_, "venue": "V01", "device_class": kind, "state": state, "reason": reason, "simulated": True,
             "changed_at": stamp(now - timedelta(hours=3)), "name_zh": None, "name_en": None, "room": room}
        )  # fmt: skip
    return rows


def sitting(start: datetime, hours: float, rooms_: list[tuple[str, str]], booking: str) -> dict[str, Any]:
    parts = [{"room": r, "purpose": p, "booking": f"{booking}-{n}"} for n, (r, p) in enumerate(rooms_)]
    return {
        "id": booking, "number": 1, "checkin_opens_at": stamp(start - timedelta(minutes=30)),
        "starts_at": stamp(start), "ends_at": stamp(start + timedelta(hours=hours)), "rooms": parts,
    }  # fmt: skip


def _middle_of_the_day(now: datetime) -> datetime:
    """This hour, kept between 11:00 and 16:00 in Shanghai, so that nothing crosses midnight."""
    local = now.astimezone(timezone(timedelta(hours=8))).replace(minute=0, second=0, microsecond=0)
    return local.replace(hour=min(16, max(11, local.hour)))


def session_rows(now: datetime) -> list[dict[str, Any]]:
    on = _middle_of_the_day(now)
    spec = [
        (SESSION, "SAMPLE-2026-001", "示例项目甲：道路养护工程", "evaluation", "in_progress", on, 3.0,
         [("eval-1", "evaluation"), ("clar-1", "clarification")]),
        (OTHER, "SAMPLE-2026-002", "示例项目乙：办公设备采购", "evaluation", "prepared", on + timedelta(hours=4), 2.0,
         [("eval-2", "evaluation")]),
        ("0193a000-0000-7000-8000-000000000003", "SAMPLE-2026-003", "示例项目丙：绿化服务", "opening", "checking_in",
         on + timedelta(minutes=20), 1.0, [("open-1", "opening")]),
        ("0193a000-0000-7000-8000-000000000004", "SAMPLE-2026-004", "示例项目丁：信息系统运维", "evaluation", "filed",
         on - timedelta(hours=3), 1.5, [("eval-3", "evaluation")]),
        ("0193a000-0000-7000-8000-000000000005", "SAMPLE-2026-005", "示例项目戊：学校食堂食材", "evaluation",
         "suspended",
         on - timedelta(minutes=30), 2.0, [("eval-3", "evaluation")]),
    ]  # fmt: skip
    return [
        {"id": id_, "venue": "V01", "project_code": code, "title": title, "kind": kind, "state": state,
         "suspended_from": None, "reason": None, "served_by": "示例人员 01",
         "sittings": [sitting(start, hours, rooms_, f"b-{code[-3:]}")]}
        for id_, code, title, kind, state, start, hours, rooms_ in spec
    ]  # fmt: skip


def session(now: datetime) -> dict[str, Any]:
    items = [
        ("rooms", "machine", "ok", {"rooms": ["eval-1", "clar-1"]}), ("network", "machine", "ok", {"edge": "V01.edge"}),
        ("devices", "machine", "ok", {"ill": []}), ("cameras", "machine", "missing", {"ill": ["cam-clar-1-b"]}),
        ("plan", "machine", "ok", {}), ("recorder", "machine", "ok", {}), ("roster", "machine", "ok", {}),
        ("materials", "person", "ok", {"by": "示例人员 01"}), ("rooms_seen", "person", "missing", {}),
    ]  # fmt: skip
    lines = [{"item": i, "source": s, "state": st, "params": p} for i, s, st, p in items]
    return {**session_rows(now)[0], "actions": ["close"], "preparation": lines}


def bookings(now: datetime) -> list[dict[str, Any]]:
    rows = []
    for row in session_rows(now):
        one = row["sittings"][0]
        start = datetime.fromisoformat(one["checkin_opens_at"])
        end = datetime.fromisoformat(one["ends_at"])
        rows += [
            {"id": part["booking"], "room": part["room"], "session": row["id"], "sitting": one["id"],
             "purpose": part["purpose"], "who": row["title"], "starts_at": one["checkin_opens_at"],
             "ends_at": one["ends_at"], "blocked_from": stamp(start - timedelta(minutes=15)),
             "blocked_until": stamp(end + timedelta(minutes=30)), "state": "booked", "reason": None}
            for part in one["rooms"]
        ]  # fmt: skip
    return rows


def people(now: datetime) -> dict[str, Any]:
    steps = [
        ("person_entered", "eval-1"), ("person_entered", "eval-1"), ("person_entered", "corridor"),
        ("custody_settled", None), ("identity_confirmed", None),
    ]  # fmt: skip
    rows = [
        {"visit": f"v{n}", "alias": f"E{n}", "role": "expert", "step": step, "place": place,
         "since": stamp(now - timedelta(minutes=20 - 3 * n))}
        for n, (step, place) in enumerate(steps, 1)
    ]  # fmt: skip
    return {"expected": 5, "inside": 3, "people": rows}


FACTS: tuple[tuple[str, dict[str, Any], str | None], ...] = (
    ("checkin_opened", {"sitting": "s"}, None),
    ("roster_opened", {"sitting": "s", "serial": 1, "witness": "V01.witness", "expected": 5}, None),
    ("card_presented", {"reader": "reader-kiosk-1", "place": "kiosk-1", "result": "expected"}, "v1"),
    ("visit_started", {"sitting": "s", "kiosk": "kiosk-1", "alias": "E1", "role": "expert"}, "v1"),
    ("identity_checked", {"kiosk": "kiosk-1", "method": "face", "result": "matched"}, "v1"),
    ("identity_confirmed", {"methods": ["card", "face"]}, "v1"),
    ("promise_signed", {"kiosk": "kiosk-1", "document_key": "promise", "sha256": "0" * 64}, "v1"),
    ("locker_opened", {"bank": "bank-1", "locker": 12, "purpose": "deposit", "result": "done"}, "v1"),
    ("locker_closed", {"bank": "bank-1", "locker": 12}, "v1"),
    ("custody_settled", {"bank": "bank-1", "locker": 12, "declared_empty": False}, "v1"),
    ("gate_passed", {"lane": "lane-1", "gate": "gate-1", "passage_no": 7, "clear": False, "kinds": ["phone"],
                     "doubtful": False}, "v2"),
    ("gate_passed", {"lane": "lane-1", "gate": "gate-1", "passage_no": 8, "clear": True, "kinds": [],
                     "doubtful": False}, "v2"),
    ("admission_granted", {"admission": "a", "door": "door-main", "valid_until": "2026-11-20T02:05:00.000000Z",
                           "rule_version": "passage-1", "grounds": {"identity_seq": 1}}, "v2"),
    ("door_unlocked", {"door": "door-main", "result": "done", "for": "entry", "admission": "a"}, "v2"),
    ("door_opened", {"door": "door-eval-1"}, None),
    ("person_entered", {"door": "door-eval-1", "place": "eval-1"}, "v2"),
    ("gap_declared", {"camera": "cam-clar-1-b", "worker": "w1", "number": 3, "start_us": 1_000_000,
                      "end_us": 5_500_000, "media": "both", "cause": "no_packets"}, None),
    ("live_view_started", {"view": "x", "watcher": "supervisor-01", "camera": "cam-eval-1-a"}, None),
    ("door_held_open", {"door": "door-clar-1"}, None),
)  # fmt: skip


def facts(now: datetime) -> list[dict[str, Any]]:
    return [
        {"position": n, "edge": "V01.edge", "seq": 100 + n, "kind": kind, "visit": visit,
         "wall": stamp(now - timedelta(seconds=9 * (len(FACTS) - n))), "body": body}
        for n, (kind, body, visit) in enumerate(FACTS, 1)
    ]  # fmt: skip


def feed(now: datetime) -> list[dict[str, Any]]:
    return [
        {"id": f"f{row['position']}", "kind": row["kind"], "session": SESSION, "visit": row["visit"],
         "alias": f"E{row['visit'][1:]}" if row["visit"] else None, "wall": row["wall"], "body": row["body"]}
        for row in facts(now)
    ]  # fmt: skip


def wall_cameras() -> list[dict[str, Any]]:
    names = {"a": ("甲", "A"), "b": ("乙", "B")}
    return [
        {"id": f"cam-{id_}-{letter}", "venue": "V01", "name_zh": f"{zh} 摄像机{names[letter][0]}",
         "name_en": f"{en} camera {names[letter][1]}", "room": id_, "area": None, "state": "online",
         "recording": not (id_ == "clar-1" and letter == "b"), "session": SESSION,
         "session_title": "示例项目甲：道路养护工程",
         "session_state": "in_progress", "inside": 3, "expected": 5}
        for letter in "ab" for id_, _, zh, en, _ in ROOMS
    ]  # fmt: skip


def today(now: datetime) -> dict[str, Any]:
    rows = []
    for row in session_rows(now):
        one = row["sittings"][0]
        rows.append(
            {"session": row["id"], "sitting": one["id"], "project_code": row["project_code"], "title": row["title"],
             "kind": row["kind"], "state": row["state"], "rooms": [part["room"] for part in one["rooms"]],
             "checkin_opens_at": one["checkin_opens_at"], "starts_at": one["starts_at"], "ends_at": one["ends_at"],
             "expected": 5, "inside": 3 if row["state"] == "in_progress" else 0,
             "missing": ["materials"] if row["state"] == "checking_in" else []}
        )  # fmt: skip
    alarm = {
        "alarm": "door_held_open", "origin": "V01.edge", "subject": "door-clar-1", "detail_key": "alarm.door_held_open",
        "params": {}, "raised_at": stamp(now - timedelta(minutes=4)),
    }  # fmt: skip
    return {
        "now": stamp(now), "well": False, "sessions": rows, "alarms": [alarm], "devices_ill": 1,
        "deliveries_late": 0,
    }  # fmt: skip


def experts(now: datetime) -> list[dict[str, Any]]:
    return [
        {"id": f"e{n}", "alias": f"库{n:03d}", "name": f"示例专家 {n:02d}",
         "specialties": ["A0101" if n % 2 else "A0302"],
         "photo": n % 3 != 0, "state": "suspended" if n == 7 else "active",
         "added_at": stamp(now - timedelta(days=30 + n))}
        for n in range(1, 13)
    ]  # fmt: skip


def draw(now: datetime) -> dict[str, Any]:
    return {
        "id": "d1", "session": SESSION, "state": "drawn", "reason": None, "pool_size": 120,
        "pool_commitment": "5e" * 32,
        "seats": [{"specialty": "A0101", "count": 3}, {"specialty": "A0302", "count": 2}], "aborted_before": 0,
        "commitments": {"centre": "a1" * 32, "operator": "b2" * 32, "witness": "c3" * 32},
        "started_by": "draw-01", "started_at": stamp(now - timedelta(hours=20)),
        "ended_at": stamp(now - timedelta(hours=20)),
    }  # fmt: skip


def package(now: datetime) -> dict[str, Any]:
    return {
        "session": SESSION, "project_code": "SAMPLE-2026-001", "state": "sealed",
        "path": "centre/packages/SAMPLE-2026-001",
        "trust": "centre/trust.json", "agrees": True, "findings": [], "waits_for": None, "bytes": 734_003_200,
        "evidence_at": stamp(now), "sealed_at": stamp(now), "keep_until": stamp(now + timedelta(days=1826)),
    }  # fmt: skip


def packages(now: datetime) -> list[dict[str, Any]]:
    keys = ("session", "project_code", "state", "agrees", "bytes", "sealed_at", "keep_until")
    good = {**{key: package(now)[key] for key in keys}, "findings": 0}
    bad = {**good, "session": OTHER, "project_code": "SAMPLE-2026-002", "state": "refused", "agrees": False,
           "findings": 2, "sealed_at": None}  # fmt: skip
    return [good, bad]


def completeness(now: datetime) -> dict[str, Any]:
    start = int((now - timedelta(hours=2)).timestamp()) * 1_000_000
    end = start + 7_200_000_000
    gap = {
        "start_us": start + 900_000_000,
        "end_us": start + 960_000_000,
        "media": "both",
        "cause": "no_packets",
    }
    cameras = {
        f"cam-{room}-{letter}": {
            "expected_us": end - start, "recorded_us": end - start, "sound_us": end - start,
            "gaps_declared": [gap] if (room, letter) == ("clar-1", "b") else [], "gaps_undeclared": [],
        }
        for room in ("eval-1", "clar-1") for letter in "ab"
    }  # fmt: skip
    centre = {"windows": [{"start_us": start, "end_us": end}], "cameras": cameras}
    venue = {"venue": "V01", "agrees": True, "closed": True, "edge": centre, "centre": centre, "differences": [],
             "absent": []}  # fmt: skip
    return {"session": SESSION, "agrees": True, "venues": [venue]}


def duties(now: datetime) -> list[dict[str, Any]]:
    names = ["prepare_sessions", "tell_people", "switch_facilities", "open_sessions", "close_sessions",
             "fetch_evidence",
             "seal_packages", "watch_duties"]  # fmt: skip
    return [
        {"name": name, "every_s": 30.0, "started_at": stamp(now), "failed_at": None, "error": None,
         "ended_at": stamp(now - timedelta(seconds=400 if name == "fetch_evidence" else 8)), "runs": 420 + n,
         "late": name == "fetch_evidence"}
        for n, name in enumerate(names)
    ]  # fmt: skip


def edges(now: datetime) -> list[dict[str, Any]]:
    return [
        {"name": name, "venue": "V01", "fingerprint": "48211937", "online": name.endswith("edge"),
         "last_heard_at": stamp(now - timedelta(seconds=3)), "enrolled_at": stamp(now - timedelta(days=9)),
         "revoked_at": None, "acknowledged_seq": 18_402}
        for name in ("V01.edge", "V01.witness")
    ]  # fmt: skip


def enrolments(now: datetime) -> list[dict[str, Any]]:
    return [
        {"id": "n1", "name": "V02.edge", "fingerprint": "48211937", "state": "waiting",
         "asked_at": stamp(now - timedelta(minutes=2)), "decided_by": None}
    ]  # fmt: skip


def audit(now: datetime) -> list[dict[str, Any]]:
    actions = [
        "session.created",
        "booking.made",
        "draw.started",
        "draw.committed",
        "preparation.judged",
        "live_view.asked",
    ]
    return [
        {"number": 60 - n, "at": stamp(now - timedelta(minutes=n)), "actor": "staff-01",
         "action": actions[n % len(actions)], "subject": SESSION, "detail": {"n": n}}
        for n in range(24)
    ]  # fmt: skip


def sign_rows(now: datetime) -> list[dict[str, Any]]:
    rows = []
    for row in session_rows(now):
        one = row["sittings"][0]
        room = next(r for r in ROOMS if r[0] == one["rooms"][0]["room"])
        public = row["kind"] == "opening"
        rows.append(
            {"room": room[0], "room_zh": room[2], "room_en": room[3], "kind": "opening" if public else None,
             "state": "in_use" if row["state"] in {"in_progress", "checking_in"} else "planned",
             "starts_at": one["starts_at"], "ends_at": one["ends_at"]}
        )  # fmt: skip
    return rows


def door(now: datetime) -> dict[str, Any]:
    rows = sign_rows(now)
    return {
        "now": stamp(now), "room": "eval-1", "room_zh": "第1评标室", "room_en": "Evaluation room 1", "in_use": True,
        "current": {**rows[0], "kind": "evaluation"}, "next": {**rows[1], "kind": "evaluation"},
    }  # fmt: skip


def place() -> dict[str, Any]:
    return {
        "venue": {"zh": "示例交易中心（模拟）", "en": "Example trading centre (simulated)"},
        "kiosk": {"id": "kiosk-1", "name": {"zh": "签到点 1", "en": "Check-in point 1"}, "position": [12, 30]},
        "rooms": [
            {"id": id_, "name": {"zh": zh, "en": en}, "position": POSITIONS[id_],
             "way": {"zh": "直走，左手第三间", "en": "Straight on, third door on the left"}}
            for id_, _, zh, en, _ in ROOMS
        ],
        "banks": [{"id": "bank-1", "ways": 24}],
        "muster_point": {"zh": "集合点A（大厅门外）", "en": "Muster point A (outside the hall)"},
        "simulated": True,
    }  # fmt: skip


def screens(now: datetime) -> dict[str, dict[str, Any]]:
    """One screen a moment, as the edge would say it."""
    until = stamp(now + timedelta(minutes=5))
    table: dict[str, tuple[int, dict[str, Any]]] = {
        "idle": (0, {}), "too_early": (0, {"opens_at": until}), "not_expected": (0, {}),
        "refused": (0, {"reason": "roster_unavailable"}), "face": (1, {"tries_left": 3, "can_use_code": True}),
        "pin": (1, {"tries_left": 2, "wrong": True, "sent": True, "digits": 6}), "unsure": (1, {}),
        "promise": (2, {"name": "示例专家 01"}), "store": (3, {"bank": "bank-1", "locker": 12, "open": True}),
        "jammed": (3, {"bank": "bank-1", "locker": 12, "next": 13}), "gate": (4, {"lane": "lane-1"}),
        "alarm": (4, {"tries": 1, "of": 3}), "go": (5, {"room": "eval-3", "rooms": ["eval-3"], "valid_until": until}),
        "leave": (0, {"bank": "bank-1", "locker": 12, "open": True}), "help": (1, {}), "busy": (0, {}),
        "muster": (0, {"people": ["1", "2", "4"], "expected": 5}),
    }  # fmt: skip
    return {
        name: {
            "screen": name, "params": params, "step": step, "offline": name == "gate", "lang": "zh",
            "expires_in": 8 if name in {"too_early", "not_expected", "refused"} else None,
            "help_since": stamp(now) if name == "help" else None,
        }
        for name, (step, params) in table.items()
    }  # fmt: skip
