"""A key that was revoked or replaced stays known with the end of its term, so that what it signed holds (K-2)."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from test_archive import closed, package_of, send
from test_edge_port import application, approve, ask, code_for

from contract.keys import SigningKey
from tests.venue.web import Web, web
from venue.archive import duties
from venue.db import now
from venue.edge_link.keys import retire, trust, trust_ever
from venue.edge_link.tables import Party

from sample_package import Keys, play  # type: ignore[import-not-found]  # isort: skip

pytestmark = pytest.mark.fast


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Web]:
    with web(tmp_path) as made:
        made.add("system", "system_admin")
        made.add("security", "security_admin")
        yield made


def enrol(at: Web, key: SigningKey) -> None:
    one = application(key.name, key=key)
    asked = ask(at, code_for(at, key.name), one)
    assert approve(at, asked.json()["id"], one.fingerprint()).status_code == 200


def terms(at: Web) -> list[tuple[str, bool]]:
    """(key id, is its term over) of the edge's keys."""
    with at.database.reading() as db:
        ring = trust_ever(db, at.centre.pages.state.keys, "V01")
        return [(key.id, key.until is not None) for key in ring.only("edge").all()]


@pytest.mark.parametrize("party", ["V01.edge", "V01.witness"])
@pytest.mark.req("A1")
def test_a_session_closed_before_a_revocation_is_still_filed_as_good(tmp_path: Path, party: str) -> None:
    ledger = play(Keys())
    centre = closed(tmp_path, ledger)
    send(centre, ledger)
    centre.clock.advance(1)
    with centre.database.writing() as db:
        row = db.get_one(Party, party)
        row.revoked_at = now(db)
        retire(db, row)
        db.add(row)
    duties.seal(centre.desk)
    shown = package_of(centre)
    assert (shown["state"], shown["findings"]) == ("sealed", [])


def test_what_is_signed_after_the_revocation_does_not_count(tmp_path: Path) -> None:
    ledger = play(Keys())
    centre = closed(tmp_path, ledger)
    centre.clock.advance(1)
    with centre.database.writing() as db:
        retire(db, db.get_one(Party, "V01.edge"))
        db.get_one(Party, "V01.edge").revoked_at = now(db)
    with centre.database.reading() as db:
        [key] = trust_ever(db, centre.desk.keys, "V01").only("edge").all()
    assert key.valid_at(centre.clock.now() - timedelta(seconds=1))
    assert not key.valid_at(centre.clock.now())


def test_a_revoked_key_is_not_in_force_and_stays_with_its_end(at: Web) -> None:
    enrol(at, SigningKey.generate("V01.edge"))
    assert at.browser("security").post("/api/edges/V01.edge/revoke").status_code == 204
    assert terms(at) == [("V01.edge-1", True)]
    with at.database.reading() as db:
        assert trust(db, at.centre.pages.state.keys, "V01").only("edge").all() == ()


def test_a_new_key_gets_a_new_epoch_and_the_old_one_stays(at: Web) -> None:
    enrol(at, SigningKey.generate("V01.edge"))
    at.clock.advance(60)
    enrol(at, SigningKey.generate("V01.edge"))
    assert terms(at) == [("V01.edge-1", True), ("V01.edge-2", False)]


def test_the_same_key_enrolled_after_a_revocation_is_in_force_again(at: Web) -> None:
    key = SigningKey.generate("V01.edge")
    enrol(at, key)
    at.browser("security").post("/api/edges/V01.edge/revoke")
    enrol(at, key)
    assert terms(at) == [("V01.edge-1", False)]
    enrol(at, key)
    assert terms(at) == [("V01.edge-1", False)]
