"""Sessions through the API on a real database: book, clash, move, prepare, follow the site's facts, cancel."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from contract.clock import parse_stamp, stamp
from tests.venue.desk import Centre, make_centre
from venue.bookings.tables import Booking
from venue.edge_link.tables import CommandRow, SignedDocument
from venue.sessions import duties
from venue.sites.tables import DeviceRow

pytestmark = pytest.mark.fast


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return make_centre(tmp_path)


def book(centre: Centre, **wish: Any) -> dict[str, Any]:
    made = centre.client("venue_staff").post("/sessions", json=centre.wanted(**wish))
    assert made.status_code == 201, made.text
    return made.json()


@pytest.mark.req("V2")
def test_a_session_books_its_rooms_and_issues_its_documents(centre: Centre) -> None:
    made = book(centre, rooms=("eval-1", "clar-1"))
    assert made["state"] == "booked"
    assert {room["room"] for room in made["sittings"][0]["rooms"]} == {"eval-1", "clar-1"}
    plan = centre.document("session_plan", made["id"])["body"]
    assert plan["rooms"] == ["clar-1", "eval-1"]
    assert plan["opens_at"] == made["sittings"][0]["starts_at"].replace("Z", ".000000Z")
    recording = centre.document("recording_plan", made["id"])["body"]
    assert len(recording["cameras"]) == 4
    rows = centre.document("screens")["body"]["rows"]
    assert {row["room"] for row in rows} == {"eval-1", "clar-1"}
    assert "DEMO-2026-0001" not in str(rows)


@pytest.mark.req("V2")
def test_a_clash_is_refused_with_who_and_when_and_leaves_nothing(centre: Centre) -> None:
    book(centre)
    staff = centre.client("venue_staff")
    wish = centre.wanted(rooms=("eval-2", "eval-1"), project_code="DEMO-2026-0002")
    refused = staff.post("/sessions", json=wish)
    assert refused.status_code == 409
    detail = refused.json()["detail"]
    assert detail["key"] == "booking.clash"
    assert detail["params"]["clashes"][0]["who"] == "DEMO-2026-0001"
    assert len(staff.get("/bookings").json()) == 1
    assert len(staff.get("/sessions").json()) == 1


@pytest.mark.req("V3")
def test_moving_one_booking_moves_the_sitting_and_raises_every_serial(centre: Centre) -> None:
    made = book(centre, rooms=("eval-1", "clar-1"))
    staff = centre.client("venue_staff")
    sitting = made["sittings"][0]
    before = {k: centre.document(k, made["id"])["serial"] for k in ("session_plan", "recording_plan")}
    booking = next(room["booking"] for room in sitting["rooms"] if room["room"] == "eval-1")
    later = parse_stamp(sitting["checkin_opens_at"].replace("Z", ".000000Z")) + timedelta(hours=1)
    moved = staff.patch(
        f"/bookings/{booking}",
        json={"room": "eval-2", "starts_at": stamp(later), "ends_at": stamp(later + timedelta(hours=2)),
              "reason": "示例"},
    )  # fmt: skip
    assert moved.status_code == 200, moved.text
    after = staff.get(f"/sessions/{made['id']}").json()["sittings"][0]
    assert {room["room"] for room in after["rooms"]} == {"eval-2", "clar-1"}
    assert parse_stamp(after["starts_at"].replace("Z", ".000000Z")) == later + timedelta(minutes=30)
    assert all(centre.document(kind, made["id"])["serial"] > serial for kind, serial in before.items())
    assert {b["starts_at"] for b in staff.get("/bookings").json()} == {after["checkin_opens_at"]}
    history = staff.get(f"/bookings/{booking}/history").json()
    assert [line["what"] for line in history] == ["placed", "moved"]
    assert history[1]["before"]["room"] == "eval-1"


def test_a_move_into_a_clash_changes_nothing(centre: Centre) -> None:
    book(centre)
    other = book(centre, rooms=("eval-2",), project_code="DEMO-2026-0002")
    staff = centre.client("venue_staff")
    booking = other["sittings"][0]["rooms"][0]["booking"]
    refused = staff.patch(f"/bookings/{booking}", json={"room": "eval-1"})
    assert refused.status_code == 409
    assert refused.json()["detail"]["params"]["clashes"][0]["who"] == "DEMO-2026-0001"
    assert staff.get(f"/sessions/{other['id']}").json()["sittings"][0]["rooms"][0]["room"] == "eval-2"


@pytest.mark.req("V3")
def test_cancelling_gives_the_room_back_and_withdraws_the_plans(centre: Centre) -> None:
    made = book(centre)
    staff = centre.client("venue_staff")
    assert staff.post(f"/sessions/{made['id']}/actions/cancel", json={}).status_code == 422
    done = staff.post(f"/sessions/{made['id']}/actions/cancel", json={"reason": "示例原因"})
    assert done.json()["session"]["state"] == "cancelled"
    assert centre.document("session_plan", made["id"])["body"]["state"] == "cancelled"
    assert centre.document("recording_plan", made["id"])["body"]["cameras"] == []
    assert centre.document("screens")["body"]["rows"] == []
    book(centre, project_code="DEMO-2026-0003")
    assert centre.audited("booking.cancelled")[0]["reason"] == "示例原因"


def test_cancelling_one_of_two_rooms_keeps_the_session(centre: Centre) -> None:
    made = book(centre, rooms=("eval-1", "clar-1"))
    staff = centre.client("venue_staff")
    for room, state in (("clar-1", "booked"), ("eval-1", "cancelled")):
        booking = next(r["booking"] for r in made["sittings"][0]["rooms"] if r["room"] == room)
        assert staff.post(f"/bookings/{booking}/cancel", json={"reason": "示例"}).status_code == 200
        assert staff.get(f"/sessions/{made['id']}").json()["state"] == state


def test_checking_and_accepting_agree(centre: Centre) -> None:  # keeps I-13
    book(centre)
    staff = centre.client("venue_staff")
    wish = centre.wanted()
    ask = {
        "room": "eval-1",
        "purpose": "evaluation",
        "starts_at": wish["checkin_opens_at"],
        "ends_at": wish["ends_at"],
    }
    checked = staff.post("/bookings/check", json=ask).json()
    assert not checked["fits"]
    assert checked["refusals"][0]["clashes"][0]["who"] == "DEMO-2026-0001"
    day = centre.clock.now()
    slots = staff.get(
        "/free-slots",
        params={"room": "eval-1", "purpose": "evaluation", "from": stamp(day),
                "until": stamp(day + timedelta(hours=12)), "minutes": 60},
    ).json()  # fmt: skip
    assert slots
    first = slots[0]
    accepted = centre.wanted(project_code="DEMO-2026-0009") | {
        "checkin_opens_at": first["starts_at"], "starts_at": first["starts_at"], "ends_at": first["ends_at"],
    }  # fmt: skip
    assert staff.post("/sessions", json=accepted).status_code == 201


@pytest.mark.parametrize(
    ("change", "status", "key"),
    [
        ({"rooms": [{"room": "nowhere", "purpose": "evaluation"}]}, 409, "booking.unknown_room"),
        ({"rooms": [{"room": "clar-1", "purpose": "evaluation"}]}, 409, "booking.wrong_kind"),
        ({"rooms": [{"room": "eval-1", "purpose": "evaluation", "people": 99}]}, 409, "booking.too_small"),
        ({"ends_at": "2026-11-20T00:00:00Z"}, 422, "booking.bad_times"),
    ],
)
def test_what_cannot_be_is_refused(centre: Centre, change: dict[str, Any], status: int, key: str) -> None:
    answer = centre.client("venue_staff").post("/sessions", json=centre.wanted() | change)
    assert (answer.status_code, answer.json()["detail"]["key"]) == (status, key)


def test_rights(centre: Centre) -> None:
    wish = centre.wanted()
    assert centre.client().post("/sessions", json=wish).status_code == 401
    assert centre.client("supervisor").post("/sessions", json=wish).status_code == 403
    staff = centre.client("venue_staff")
    del staff.headers["X-CSRF"]
    assert staff.post("/sessions", json=wish).status_code == 403


@pytest.mark.req("V4")
def test_the_check_list_is_judged_by_the_machine_and_ticked_by_people(centre: Centre) -> None:
    made = book(centre, kind="opening", rooms=("eval-1",))
    staff = centre.client("venue_staff")
    refused = staff.post(f"/sessions/{made['id']}/actions/prepare", json={})
    assert refused.status_code == 409
    assert {"devices", "cameras", "plan", "recorder", "materials"} <= set(
        refused.json()["detail"]["params"]["missing"]
    )
    assert staff.put(f"/sessions/{made['id']}/preparation/cameras", json={"state": "ok"}).status_code == 404
    with centre.database.writing() as db:
        for device in db.exec(select(DeviceRow)):
            device.state = "online"
            db.add(device)
        for document in db.exec(select(SignedDocument)):
            document.answer = "accepted"
            db.add(document)
    for item in ("materials", "rooms_seen"):
        left = staff.put(f"/sessions/{made['id']}/preparation/{item}", json={"state": "ok"}).json()[
            "preparation"
        ]
    assert [line["item"] for line in left if line["state"] == "missing"] == []
    duties.prepare_sessions(centre.desk)
    assert staff.get(f"/sessions/{made['id']}").json()["state"] == "prepared"


@pytest.mark.req("C7")
def test_facts_move_the_session_and_say_where_people_are(centre: Centre) -> None:
    made = book(centre)
    session, sitting = made["id"], made["sittings"][0]["id"]
    staff = centre.client("venue_staff")

    def state() -> str:
        return staff.get(f"/sessions/{session}").json()["state"]

    centre.fact("checkin_opened", session, sitting=sitting)
    assert state() == "checking_in"
    centre.fact("roster_opened", session, sitting=sitting, serial=3, witness="V01.witness", expected=5)
    centre.fact("visit_started", session, "v1", sitting=sitting, kiosk="k1", alias="E1", role="expert")
    centre.fact("person_entered", session, "v1", door="door-main", place="evaluation")
    centre.fact("person_entered", session, "v1", door="door-eval-1", place="eval-1")
    seen = staff.get(f"/sessions/{session}/people").json()
    assert (seen["expected"], seen["inside"]) == (5, 1)
    assert seen["people"][0] | {"since": None} == {
        "visit": "v1", "alias": "E1", "role": "expert", "step": "person_entered", "place": "eval-1", "since": None,
    }  # fmt: skip
    centre.fact("session_opened", session, sitting=sitting, rooms=["eval-1"], cameras=[])
    assert state() == "in_progress"
    centre.fact("entry_held", session, command_id="c1", rooms=[])
    assert state() == "suspended"
    centre.fact("entry_resumed", session, command_id="c2", rooms=[])
    assert state() == "in_progress"
    centre.fact("person_left", session, "v1", place="eval-1")
    assert staff.get(f"/sessions/{session}/people").json()["people"][0]["place"] == "evaluation"
    today = staff.get("/today").json()
    assert (today["sessions"][0]["expected"], today["sessions"][0]["inside"]) == (5, 1)
    centre.fact("visit_ended", session, "v1", outcome="left")
    assert staff.get("/today").json()["sessions"][0]["inside"] == 0
    centre.fact("session_closed", session, sitting=sitting, count=7, last_hash="0" * 64)
    assert state() == "closed"
    kinds = [fact["kind"] for fact in staff.get(f"/sessions/{session}/facts").json()]
    assert kinds[0] == "checkin_opened"
    assert kinds[-1] == "session_closed"
    assert staff.post(f"/sessions/{session}/actions/cancel", json={"reason": "x"}).status_code == 409


def test_a_fact_out_of_step_is_an_alarm_and_stops_nothing(centre: Centre) -> None:
    made = book(centre)
    staff = centre.client("venue_staff")
    staff.post(f"/sessions/{made['id']}/actions/cancel", json={"reason": "示例"})
    centre.fact("session_opened", made["id"], sitting="s", rooms=[], cameras=[])
    alarms = staff.get("/today").json()["alarms"]
    assert [alarm["alarm"] for alarm in alarms] == ["session_out_of_step"]


@pytest.mark.req("V6")
def test_signs_hold_nothing_secret(centre: Centre) -> None:
    book(centre)
    opening = centre.wanted(kind="opening", project_code="DEMO-2026-0007", rooms=())
    opening["rooms"] = [{"room": "open-1", "purpose": "opening"}]
    made = centre.client("venue_staff").post("/sessions", json=opening)
    assert made.status_code == 201, made.text
    nobody = centre.client()
    hall = nobody.get("/signs/hall")
    assert [row["room"] for row in hall.json()["rows"]] == ["open-1"]
    door = nobody.get("/signs/doors/eval-1")
    assert door.json()["next"]["kind"] is None
    assert not door.json()["in_use"]
    assert "示例项目" not in hall.text + door.text
    assert "DEMO" not in hall.text + door.text
    assert nobody.get("/signs/doors/nowhere").status_code == 404


def commands_of(centre: Centre, kind: str) -> list[CommandRow]:
    with centre.database.reading() as db:
        return list(db.exec(select(CommandRow).where(CommandRow.kind == kind)))


@pytest.mark.req("V4")
def test_duties_take_each_step_once_and_again_when_unheard(centre: Centre) -> None:
    made = book(centre, rooms=("eval-1", "eval-2"))
    centre.fact("facilities_switched", made["id"], room="eval-2", on=True, result="done")
    duties.switch_facilities(centre.desk)
    assert commands_of(centre, "switch_facilities") == []
    centre.clock.advance(20)
    for _ in range(2):
        duties.switch_facilities(centre.desk)
    assert [command.body["room"] for command in commands_of(centre, "switch_facilities")] == ["eval-1"]
    assert len(commands_of(centre, "switch_facilities")) == 1
    with centre.database.writing() as db:
        row = db.exec(select(CommandRow)).one()
        row.state = "expired"
        db.add(row)
    duties.switch_facilities(centre.desk)
    assert len(commands_of(centre, "switch_facilities")) == 2
    duties.open_sessions(centre.desk)
    assert commands_of(centre, "open_session") == []
    centre.clock.advance(3600 + 30)
    for _ in range(2):
        duties.open_sessions(centre.desk)
    assert len(commands_of(centre, "open_session")) == 1


def test_a_session_not_ready_at_check_in_is_an_alarm(centre: Centre) -> None:
    made = book(centre)
    centre.clock.advance(1800)
    duties.prepare_sessions(centre.desk)
    alarms = centre.client("venue_staff").get("/today").json()["alarms"]
    assert [alarm["alarm"] for alarm in alarms] == ["session_not_ready"]
    assert "materials" not in alarms[0]["params"]["missing"]
    centre.fact("checkin_opened", made["id"], sitting=made["sittings"][0]["id"])
    duties.prepare_sessions(centre.desk)
    assert centre.client("venue_staff").get("/today").json()["alarms"] == []


def test_evidence_is_fetched_when_a_session_closed(centre: Centre) -> None:
    made = book(centre)
    sitting = made["sittings"][0]["id"]
    centre.fact("checkin_opened", made["id"], sitting=sitting)
    centre.fact("session_closed", made["id"], sitting=sitting, count=1, last_hash="0" * 64)
    for _ in range(2):
        duties.fetch_evidence(centre.desk)
    assert len(commands_of(centre, "send_evidence")) == 1
    assert centre.client("archivist").get(f"/sessions/{made['id']}").json()["state"] == "filing"


def test_the_bookings_of_a_session_are_whole_or_absent(centre: Centre) -> None:
    book(centre, rooms=("eval-1", "eval-2"))
    with centre.database.reading() as db:
        assert len(list(db.exec(select(Booking)))) == 2
