"""The draw on a real database: what it leaves behind tells nobody who was drawn (keeps I-14)."""

import base64
import hashlib
import hmac
import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pyrage
import pytest
from fastapi.testclient import TestClient
from sqlmodel import select
from typer.testing import CliRunner

from contract.clock import stamp
from tests.venue.desk import Centre, make_centre
from venue.edge_link.requests import NoAnswer
from venue.edge_link.tables import SignedDocument
from venue.experts import draw, draw_cli
from venue.experts.register import add
from venue.experts.roster import BLOCK, BLOCKS_A_PERSON
from venue.experts.rules import Seat
from venue.experts.tables import Draw, Expert, Notice
from venue.experts.vault import Person, VaultError, open_vault
from venue.sessions import duties, service
from venue.sessions.documents import frame_of
from venue.sessions.tables import TradingSession

pytestmark = pytest.mark.fast
POOL, SEATS = 40, 5
JPEG = b"\xff\xd8\xff" + b"j" * 3000


@pytest.fixture
def centre(tmp_path: Path) -> Centre:
    return make_centre(tmp_path)


def people(count: int = POOL) -> list[dict[str, Any]]:
    """Sample experts; names and numbers are canaries that occur nowhere else. Photos differ in size."""
    return [
        {
            "name": f"示例专家甲{n:02d}", "id_number": f"00000019800101{n:04d}", "phone": f"1990000{n:04d}",
            "employer": f"示例单位{n % 6}", "specialties": ["A08"],
            "photo": base64.b64encode(JPEG * (n % 3 + 1)).decode() if n % 4 else None,
        }
        for n in range(count)
    ]  # fmt: skip


def register(centre: Centre, count: int = POOL) -> list[dict[str, Any]]:
    """Through the same function as the endpoint, in one transaction."""
    vault = open_vault(centre.home / "centre" / "keys")
    with centre.database.writing() as db:
        for one in people(count):
            person = Person(one["name"], one["id_number"], one["phone"], one["employer"])
            photo = None if one["photo"] is None else base64.b64decode(one["photo"])
            add(db, "keeper", vault, person, one["specialties"], photo)
    return people(count)


def book(centre: Centre, starts_in: float = 3600, **other: Any) -> dict[str, Any]:
    wish = centre.wanted(starts_in, ("eval-1", "clar-1"), **other)
    made: dict[str, Any] = centre.client("venue_staff").post("/sessions", json=wish).json()
    return made


def hold(centre: Centre, session: str, **other: Any) -> Any:
    body = {"seats": [{"specialty": "A08", "count": SEATS}]} | other
    return centre.client("draw_operator").post(f"/sessions/{session}/draw", json=body)


@pytest.mark.req("X2")
def test_a_draw_gives_commitments_and_a_roster_for_both_keys(centre: Centre) -> None:
    register(centre)
    made = book(centre)
    held = hold(centre, made["id"])
    assert held.status_code == 201, held.text
    assert sorted(held.json()["commitments"]) == ["centre", "operator", "witness"]
    assert [kind for kind, _ in centre.witness.asked] == ["draw_commit", "draw_reveal"]
    roster = centre.open_roster(made["sittings"][0]["id"])
    assert sorted(person["alias"] for person in roster["persons"]) == ["E1", "E2", "E3", "E4", "E5"]
    known = {person["id_number"]: person for person in people()}
    for person in roster["persons"]:
        assert person["rooms"] == ["eval-1"]
        assert known[person["id_number"]]["name"] == person["name"]
        assert (person["face"] is None) == (known[person["id_number"]]["photo"] is None)
    assert hold(centre, made["id"]).json()["detail"]["key"] == "draw.already_held"


@pytest.mark.req("X2")
def test_commitments_are_durable_before_anything_is_revealed(centre: Centre) -> None:
    register(centre)
    made = book(centre)
    seen: list[Any] = []

    def look() -> None:
        with centre.database.reading() as db:
            row = db.exec(select(Draw)).one()
            seen.append((row.state, sorted(row.commitments), row.sealed))

    centre.witness.before_reveal = look
    assert hold(centre, made["id"]).status_code == 201
    assert seen == [("committed", ["centre", "operator", "witness"], None)]


@pytest.mark.req("X2")
def test_a_session_cancelled_while_the_witness_is_asked_gets_no_roster(centre: Centre) -> None:
    register(centre)
    made = book(centre)
    staff = centre.client("venue_staff")

    def cancel() -> None:
        assert (
            staff.post(f"/sessions/{made['id']}/actions/cancel", json={"reason": "示例"}).status_code == 200
        )

    centre.witness.before_reveal = cancel
    refused = hold(centre, made["id"])
    assert (refused.status_code, refused.json()["detail"]["key"]) == (409, "session.wrong_state")
    with centre.database.reading() as db:
        assert [row.state for row in db.exec(select(Draw))] == ["aborted"]
        assert db.get(SignedDocument, ("V01.edge", "roster", made["sittings"][0]["id"])) is None


@pytest.mark.req("X2")
def test_a_sitting_moved_while_the_witness_is_asked_gets_a_roster_for_its_new_time(centre: Centre) -> None:
    register(centre)
    made = book(centre)
    booking = made["sittings"][0]["rooms"][0]["booking"]
    later = centre.clock.now() + timedelta(days=1)

    def move() -> None:
        times = {"starts_at": stamp(later), "ends_at": stamp(later + timedelta(hours=3)), "reason": "示例"}
        assert centre.client("venue_staff").patch(f"/bookings/{booking}", json=times).status_code == 200

    centre.witness.before_reveal = move
    assert hold(centre, made["id"]).status_code == 201
    body = centre.document("roster", made["sittings"][0]["id"])["body"]
    assert body["checkin_opens_at"] == stamp(later)


def every_byte(home: Path) -> Iterator[tuple[str, bytes]]:
    """Everything stored but the private keys: database, write-ahead log, whatever else lies there."""
    for path in sorted(home.rglob("*")):
        if path.is_file() and "keys" not in path.parts:
            yield path.name, path.read_bytes()


@pytest.mark.req("X6")
def test_the_drawn_can_be_neither_read_nor_recomputed(
    centre: Centre, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:  # keeps I-14
    caplog.set_level("DEBUG")
    everybody = register(centre)
    made = book(centre)
    assert hold(centre, made["id"]).status_code == 201
    said = capfd.readouterr()
    stored = dict(every_byte(centre.home)) | {"log": (said.out + said.err + caplog.text).encode()}
    assert any(name.endswith("-wal") for name in stored)
    for name, data in stored.items():
        for person in everybody:
            for secret in (person["name"], person["id_number"], person["phone"], person["employer"]):
                for form in (
                    secret.encode(),
                    json.dumps(secret)[1:-1].encode(),
                    secret.encode().hex().encode(),
                ):
                    assert form not in data, f"{name} holds a secret"
    drawn = drawn_ids(centre, made)
    ids = [row.id for row in rows_of(centre)]
    for seed in stored_values(stored.values()):
        ranked = sorted(ids, key=lambda person: hmac.digest(seed, person.encode(), "sha256"))
        assert set(ranked[:SEATS]) != drawn
    # No plain text but the register's own rows speaks of a person at all.
    other = b"".join(table_dump(centre))
    assert not [person for person in ids if person.encode() in other]


def rows_of(centre: Centre) -> list[Expert]:
    with centre.database.reading() as db:
        return list(db.exec(select(Expert)))


def drawn_ids(centre: Centre, made: dict[str, Any]) -> set[str]:
    vault = open_vault(centre.home / "centre" / "keys")
    by_number = {vault.open(row.id, row.sealed).id_number: row.id for row in rows_of(centre)}
    return {by_number[p["id_number"]] for p in centre.open_roster(made["sittings"][0]["id"])["persons"]}


def stored_values(files: Any) -> set[bytes]:
    found: set[bytes] = set()
    for data in files:
        found |= {
            bytes.fromhex(m.decode()) for m in re.findall(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", data)
        }
    assert found
    return found


def table_dump(centre: Centre) -> Iterator[bytes]:
    """Every row of every table after the draw began, but the register and the audit of its making."""
    with centre.database.reading() as db:
        names = [
            row[0]
            for row in db.connection().exec_driver_sql("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        for name in names:
            if name in ("expert",):
                continue
            where = "WHERE action <> 'expert.added'" if name == "audit_row" else ""
            for row in db.connection().exec_driver_sql(f'SELECT * FROM "{name}" {where}'):
                yield repr(tuple(row)).encode()


def test_a_draw_changes_no_row_of_a_person(centre: Centre) -> None:
    register(centre)
    made = book(centre)
    before = [row.model_dump() for row in rows_of(centre)]
    hold(centre, made["id"])
    assert [row.model_dump() for row in rows_of(centre)] == before


def test_sizes_tell_nothing(centre: Centre) -> None:
    """Photos differ, rows and rosters do not: two draws of other people have the same size before encryption."""
    register(centre)
    sizes = set()
    for n in range(3):
        made = book(centre, 3600 + n * 14400, project_code=f"DEMO-{n}")
        assert hold(centre, made["id"]).status_code == 201
        body = centre.document("roster", made["sittings"][0]["id"])["body"]
        inner = pyrage.decrypt(base64.b64decode(body["sealed"]), [centre.witness_age])
        sizes.add(len(pyrage.decrypt(inner, [centre.edge_age])))
    assert sizes == {(1 + BLOCKS_A_PERSON * SEATS) * BLOCK}
    assert len({len(row.sealed) for row in rows_of(centre)}) == 1
    assert len({len(row.photo) for row in rows_of(centre) if row.photo}) == 1


def test_a_witness_that_changes_its_share_ends_the_draw_visibly(centre: Centre) -> None:
    register(centre)
    made = book(centre)
    centre.witness.other_share = True
    refused = hold(centre, made["id"])
    assert (refused.status_code, refused.json()["detail"]["key"]) == (409, "draw.share_differs")
    centre.witness.other_share = False
    held = hold(centre, made["id"])
    assert held.json()["aborted_before"] == 1
    assert centre.audited("draw.aborted") == [{"reason": "draw.share_differs"}]


class Away:
    def ask(self, to: str, kind: str, body: dict[str, Any], timeout: float) -> dict[str, Any]:
        raise NoAnswer(to)


def test_without_the_witness_there_is_no_draw(centre: Centre) -> None:
    register(centre)
    made = book(centre)
    centre.witness = Away()  # type: ignore[assignment]
    refused = hold(centre, made["id"])
    assert (refused.status_code, refused.json()["detail"]["key"]) == (409, "draw.witness_away")
    with centre.database.reading() as db:
        assert db.exec(select(SignedDocument).where(SignedDocument.kind == "roster")).all() == []


def test_a_pool_that_gives_the_drawn_away_is_refused(centre: Centre) -> None:
    register(centre, 7)
    refused = hold(centre, book(centre)["id"])
    assert refused.json()["detail"]["key"] == "draw.pool_too_small"
    assert centre.witness.asked == []


@pytest.mark.req("X3")
def test_avoided_employers_are_out_before_the_draw(centre: Centre) -> None:
    register(centre)
    made = book(centre)
    assert hold(centre, made["id"], avoid_employers=[" 示例单位1", "示例单位2"]).json()["pool_size"] == 26
    drawn = {p["id_number"] for p in centre.open_roster(made["sittings"][0]["id"])["persons"]}
    avoided = {p["id_number"] for p in people() if p["employer"] in ("示例单位1", "示例单位2")}
    assert not drawn & avoided


def test_a_moved_sitting_keeps_its_people_under_a_higher_serial(centre: Centre) -> None:
    register(centre)
    made = book(centre)
    hold(centre, made["id"])
    sitting = made["sittings"][0]
    before, first = centre.open_roster(sitting["id"]), centre.document("roster", sitting["id"])
    booking = next(room["booking"] for room in sitting["rooms"] if room["room"] == "eval-1")
    centre.client("venue_staff").patch(f"/bookings/{booking}", json={"room": "eval-3", "reason": "示例"})
    after, second = centre.open_roster(sitting["id"]), centre.document("roster", sitting["id"])
    assert second["serial"] > first["serial"]
    assert {p["id_number"]: p["alias"] for p in after["persons"]} == {
        p["id_number"]: p["alias"] for p in before["persons"]
    }
    assert all(p["rooms"] == ["eval-3"] for p in after["persons"])
    centre.client("venue_staff").post(f"/sessions/{made['id']}/actions/cancel", json={"reason": "示例"})
    gone = centre.document("roster", sitting["id"])["body"]
    assert gone["checkin_opens_at"] == gone["ends_at"]


@pytest.mark.req("X5")
@pytest.mark.parametrize("role", ["venue_staff", "pool_keeper", "supervisor", "archivist", "audit_admin"])
def test_only_the_draw_operator_draws(centre: Centre, role: str) -> None:
    made = book(centre)
    answer = centre.client(role).post(
        f"/sessions/{made['id']}/draw", json={"seats": [{"specialty": "A08", "count": 1}]}
    )
    assert answer.status_code == 403


def test_names_are_for_the_pool_keeper_and_every_look_is_on_record(centre: Centre) -> None:
    for person in people(3):
        made = centre.client("pool_keeper").post("/experts", json=person)
        assert (made.status_code, made.json()["name"]) == (201, person["name"])
    assert centre.client("draw_operator").get("/experts").status_code == 403
    shown = centre.client("pool_keeper").get("/experts").json()
    assert {row["name"] for row in shown} == {p["name"] for p in people(3)}
    assert centre.audited("experts.looked_at") == [{"rows": 3}]
    again = centre.client("pool_keeper").post("/experts", json=people(1)[0])
    assert again.json()["detail"]["key"] == "expert.already_registered"


class Gateway:
    """A text-message gateway on loopback that answers what it is told to."""

    def __init__(self) -> None:
        self.status, self.taken = 200, []  # type: ignore[var-annotated]
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                gateway.taken.append(json.loads(body))
                self.send_response(gateway.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/messages"

    def stop(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    made = Gateway()
    yield made
    made.stop()


def notices_of(centre: Centre) -> list[str]:
    with centre.database.reading() as db:
        return [row.state for row in db.exec(select(Notice))]


@pytest.mark.req("V5")
def test_the_drawn_are_told_once_at_the_set_time_and_the_text_names_no_project(
    centre: Centre, gateway: Gateway
) -> None:
    register(centre)
    made = book(centre, 7200)
    hold(centre, made["id"])
    centre.overrides["experts"] = {"sms_url": gateway.url, "notice_lead_min": 60}
    duties.tell_people(centre.desk)
    assert gateway.taken == []
    centre.clock.advance(1800)
    for _ in range(2):
        duties.tell_people(centre.desk)
    drawn = {p["phone"] for p in centre.open_roster(made["sittings"][0]["id"])["persons"]}
    assert sorted(m["phone"] for m in gateway.taken) == sorted(drawn)
    assert notices_of(centre) == ["done"] * SEATS
    assert "DEMO" not in gateway.taken[0]["text"]
    assert "示例项目" not in gateway.taken[0]["text"]
    assert "09:30" in gateway.taken[0]["text"]


@pytest.mark.req("V3")
def test_a_move_and_a_cancellation_are_told_at_once_to_those_who_were_told(
    centre: Centre, gateway: Gateway
) -> None:
    register(centre)
    made = book(centre, 7200)
    hold(centre, made["id"])
    centre.overrides["experts"] = {"sms_url": gateway.url, "notice_lead_min": 120}
    duties.tell_people(centre.desk)
    assert len(gateway.taken) == SEATS
    staff = centre.client("venue_staff")
    sitting = staff.get(f"/sessions/{made['id']}").json()["sittings"][0]
    later = centre.clock.now() + timedelta(hours=8)
    booking = sitting["rooms"][0]["booking"]
    times = {"starts_at": stamp(later), "ends_at": stamp(later + timedelta(hours=2))}
    assert staff.patch(f"/bookings/{booking}", json=times).status_code == 200
    for _ in range(2):
        duties.tell_people(centre.desk)
    assert [m["text"].count("16:00") for m in gateway.taken[SEATS:]] == [1] * SEATS
    staff.post(f"/sessions/{made['id']}/actions/cancel", json={"reason": "示例"})
    for _ in range(2):
        duties.tell_people(centre.desk)
    assert len(gateway.taken) == 3 * SEATS
    assert len({m["text"] for m in gateway.taken}) == 3


def test_who_was_not_told_yet_is_not_told_of_a_cancellation(centre: Centre, gateway: Gateway) -> None:
    register(centre)
    made = book(centre, 7200)
    hold(centre, made["id"])
    centre.client("venue_staff").post(f"/sessions/{made['id']}/actions/cancel", json={"reason": "示例"})
    centre.overrides["experts"] = {"sms_url": gateway.url}
    duties.tell_people(centre.desk)
    assert gateway.taken == []


@pytest.mark.parametrize(("status", "state"), [(500, "unknown"), (422, "refused")])
def test_a_doubtful_message_is_shown_and_never_repeated(
    centre: Centre, gateway: Gateway, status: int, state: str
) -> None:  # keeps I-5
    register(centre)
    hold(centre, book(centre)["id"])
    centre.overrides["experts"] = {"sms_url": gateway.url}
    gateway.status = status
    for _ in range(2):
        duties.tell_people(centre.desk)
    assert len(gateway.taken) == SEATS
    assert notices_of(centre) == [state] * SEATS
    alarms = centre.client("venue_staff").get("/today").json()["alarms"]
    assert {alarm["alarm"] for alarm in alarms} == {"notice_doubtful"}


def test_a_gateway_that_is_away_is_tried_again(centre: Centre, gateway: Gateway) -> None:
    register(centre)
    hold(centre, book(centre)["id"])
    centre.overrides["experts"] = {"sms_url": "http://127.0.0.1:1/messages"}
    duties.tell_people(centre.desk)
    assert notices_of(centre) == []
    assert [a["alarm"] for a in centre.client("venue_staff").get("/today").json()["alarms"]] == [
        "sms_gateway_away"
    ]
    centre.overrides["experts"] = {"sms_url": gateway.url}
    duties.tell_people(centre.desk)
    assert len(gateway.taken) == SEATS


def disclose(client: TestClient, session: str) -> Any:
    return client.post(f"/sessions/{session}/draw/disclosure")


@pytest.fixture
def disclosed(centre: Centre) -> dict[str, Any]:
    register(centre)
    made = book(centre)
    hold(centre, made["id"], operator_share="ab" * 32)
    overseer = centre.client("pool_overseer")
    assert disclose(overseer, made["id"]).json()["detail"]["key"] == "draw.still_secret"
    sitting = made["sittings"][0]["id"]
    centre.fact("checkin_opened", made["id"], sitting=sitting)
    centre.fact("session_closed", made["id"], sitting=sitting, count=1, last_hash="0" * 64)
    answer = disclose(overseer, made["id"])
    assert answer.status_code == 200
    table: dict[str, Any] = answer.json()
    assert table["shares"]["operator"] == "ab" * 32
    return table


def change(table: dict[str, Any], how: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    copied: dict[str, Any] = json.loads(json.dumps(table))
    how(copied)
    return copied


def verify(tmp_path: Path, content: Any) -> tuple[int, str]:
    file = tmp_path / "draw.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    done = CliRunner().invoke(draw_cli.app, ["verify", str(file), "--json"])
    return done.exit_code, done.output


def test_a_stranger_repeats_the_draw_and_finds_every_change(
    disclosed: dict[str, Any], tmp_path: Path
) -> None:
    assert verify(tmp_path, disclosed)[0] == 0
    changes: list[tuple[Callable[[dict[str, Any]], None], str]] = [
        (lambda t: t["drawn"].reverse(), "draw.result_differs"),
        (lambda t: t["pool"].pop(), "draw.pool_differs"),
        (lambda t: t["shares"].update(centre="00" * 32), "draw.share_differs"),
        (lambda t: t["shares"].pop("witness"), "draw.share_missing"),
        (lambda t: t["seats"][0].update(count=4), "draw.pool_differs"),
    ]
    for how, key in changes:
        code, said = verify(tmp_path, change(disclosed, how))
        assert (code, json.loads(said)["finding"]["key"]) == (1, key)
    assert verify(tmp_path, "no json")[0] == 2
    for lang, word in (("zh", "成立"), ("en", "holds")):
        file = tmp_path / "plain.json"
        file.write_text(json.dumps(disclosed))
        assert word in CliRunner().invoke(draw_cli.app, ["verify", str(file), "--lang", lang]).output
    assert CliRunner().invoke(draw_cli.app, ["verify", str(file), "--lang", "xx"]).exit_code == 2
    assert verify(tmp_path, {"draw": "x"})[0] == 2


def test_the_vault_opens_only_its_own_rows_and_only_with_its_keys(tmp_path: Path) -> None:
    vault = open_vault(tmp_path / "keys")
    sealed = vault.close("p1", Person("示例", "1", "2"))
    assert vault.open("p1", sealed) == Person("示例", "1", "2")
    with pytest.raises(VaultError):
        vault.open("p2", sealed)
    with pytest.raises(VaultError):
        open_vault(tmp_path / "other").open("p1", sealed)
    with pytest.raises(VaultError):
        open_vault(tmp_path / "other").open_as_notifier(vault.seal_to_notifier(b"x"))
    (tmp_path / "keys" / "register.key").chmod(0o644)
    with pytest.raises(VaultError):
        open_vault(tmp_path / "keys")


class PowerCut(BaseException):
    """The process is gone: nothing after this runs."""


class Cut:
    def ask(self, to: str, kind: str, body: dict[str, Any], timeout: float) -> dict[str, Any]:
        raise PowerCut


def test_a_broken_draw_is_ended_after_a_crash(centre: Centre) -> None:
    register(centre)
    made = book(centre, 7200)
    with centre.database.reading() as db:
        sitting = service.sittings_of(db, made["id"])[0]
        frame = frame_of(db, db.get_one(TradingSession, made["id"]), sitting)
    table = draw.Table(centre.database, open_vault(centre.home / "centre" / "keys"), Cut(), 1)
    with pytest.raises(PowerCut):
        draw.hold(table, "operator", lambda _: frame, draw.Wanted([Seat("A08", SEATS)]))
    assert hold(centre, made["id"]).json()["detail"]["key"] == "draw.already_held"
    centre.clock.advance(301)
    duties.end_broken_draws(centre.desk)
    assert hold(centre, made["id"]).status_code == 201


def test_indexes_are_keyed(centre: Centre) -> None:
    register(centre, 1)
    row = rows_of(centre)[0]
    number = people(1)[0]["id_number"]
    assert row.number_index not in {
        hashlib.sha256(form.encode()).hexdigest() for form in (number, f"id_number\n{number}")
    }
