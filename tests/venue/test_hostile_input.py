"""What nobody sends by accident: each is refused in the house's own words, none ends in a failure of the server."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.venue.web import Web, web

pytestmark = pytest.mark.fast
ENDS = (
    "0001-01-01T00:00:00%2B14:00",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59Z",
    "2026-01-01T00:00:00",
)
SLOTS = "/free-slots?room=eval-1&purpose=evaluation&minutes=60"


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    with web(tmp_path_factory.mktemp("hostile")) as made:
        made.add("staff", "venue_staff", "pool_keeper")
        made.add("audit", "audit_admin")
        yield made


@pytest.fixture(scope="module")
def staff(at: Web) -> TestClient:
    return at.browser("staff")


def session(**other: Any) -> dict[str, Any]:
    wish = {
        "project_code": "DEMO-2026-0001", "title": "示例项目", "kind": "evaluation",
        "checkin_opens_at": "2026-12-20T01:00:00Z", "starts_at": "2026-12-20T01:30:00Z",
        "ends_at": "2026-12-20T03:00:00Z", "rooms": [{"room": "eval-1", "purpose": "evaluation"}],
    }  # fmt: skip
    return wish | other


@pytest.mark.parametrize("instant", ENDS)
@pytest.mark.parametrize(
    "path",
    [
        "/bookings?from=",
        "/bookings?until=",
        "/sessions?from=",
        "/sessions?until=",
        SLOTS + "&until=2026-12-01T00:00:00Z&from=",
    ],
)
def test_an_instant_out_of_this_world_is_refused(staff: TestClient, path: str, instant: str) -> None:
    answer = staff.get("/api" + path + instant)
    assert (answer.status_code, answer.json()["detail"]["key"]) == (422, "request.invalid")


@pytest.mark.parametrize("field", ["checkin_opens_at", "starts_at", "ends_at"])
@pytest.mark.parametrize(
    "instant", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-12-20T02:00:00"]
)
def test_a_session_out_of_this_world_is_refused(staff: TestClient, field: str, instant: str) -> None:
    answer = staff.post("/api/sessions", json=session(**{field: instant}))
    assert (answer.status_code, answer.json()["detail"]["key"]) == (422, "request.invalid")


def test_what_is_over_can_be_neither_booked_nor_moved_to(staff: TestClient) -> None:
    past = {
        "checkin_opens_at": "2026-11-01T01:00:00Z", "starts_at": "2026-11-01T01:00:00Z",
        "ends_at": "2026-11-01T02:00:00Z",
    }  # fmt: skip
    answer = staff.post("/api/sessions", json=session(**past))
    assert (answer.status_code, answer.json()["detail"]["key"]) == (422, "booking.over")
    made = staff.post("/api/sessions", json=session()).json()
    booking = made["sittings"][0]["rooms"][0]["booking"]
    del past["checkin_opens_at"]
    answer = staff.patch(f"/api/bookings/{booking}", json=past)
    assert (answer.status_code, answer.json()["detail"]["key"]) == (422, "booking.over")


def test_a_number_beyond_the_database_is_refused(at: Web, staff: TestClient) -> None:
    number = "9" * 30
    assert staff.get(f"/api/sessions/x/facts?after={number}").status_code == 422
    assert at.browser("audit").get(f"/api/audit?before={number}").status_code == 422


def test_a_photo_that_is_no_base64_is_refused(staff: TestClient) -> None:
    new = {
        "name": "示例", "id_number": "000000000000", "phone": "19900000000", "specialties": ["A08"], "photo": "é",
    }  # fmt: skip
    answer = staff.post("/api/experts", json=new)
    assert (answer.status_code, answer.json()["detail"]["key"]) == (422, "expert.bad_photo")


def test_a_page_with_a_nul_is_none(at: Web) -> None:
    assert at.browser().get("/%00").status_code == 404
