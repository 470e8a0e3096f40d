"""The witness: heads only grow, rosters open only in their window, a share is given once."""

import base64
import datetime as dt
import json
from pathlib import Path
from typing import Any

import httpx
import pyrage
import pytest

from contract.clock import FakeClock, stamp
from contract.envelope import FactDraft
from contract.keys import KeyRing, SigningKey
from contract.notes import Checkpoint, attestations, origin, parse_note, sign_checkpoint
from contract.signing import seal
from edge_agent.journal import Journal
from edge_agent.keys import make
from edge_agent.witness_judge import Refused, Witness, commitment_of
from edge_agent.witness_main import WitnessProcess
from edge_agent.witness_settings import WitnessSettings
from edge_agent.witness_store import WitnessStore
from tests.edge_agent.site import Ca, equip

CENTRE, EDGE = SigningKey.generate("centre"), SigningKey.generate("V01.edge")


class Desk:
    def __init__(self, folder: Path) -> None:
        self.clock, self.folder = FakeClock(), folder
        since = self.clock.now() - dt.timedelta(days=1)
        self.ring = KeyRing([CENTRE.describe("centre", since), EDGE.describe("edge", since)])
        self.keys = make(folder / "witness" / "keys", "V01.witness")
        self.journal = Journal.open(folder / "journal.db", "V01", self.clock)
        self.restart()

    def restart(self) -> None:
        self.store = WitnessStore(self.folder / "witness")
        self.witness = Witness("V01", self.keys, lambda: self.store.trust(self.ring), self.store, self.clock)

    def grow(self, count: int = 3) -> None:
        self.journal.append([FactDraft("door_opened", {"door": f"d{n}"}) for n in range(count)])

    def note(self, key: SigningKey = EDGE, venue: str = "V01", **changes: Any) -> str:
        known = {"size": self.journal.size, "root": self.journal.root(), "time": self.clock.now(), **changes}
        return sign_checkpoint(Checkpoint(origin=origin(venue), **known), key)

    def cosign(self) -> str | None:
        held = self.store.head().size
        proof = [part.hex() for part in self.journal.consistency(held, self.journal.size)]
        return self.witness.cosign(self.note(), proof, held)

    def roster(self, key: SigningKey = CENTRE, **changes: Any) -> dict[str, str]:
        now = self.clock.now()
        sealed = pyrage.encrypt(b"inner", [self.keys.sealing.to_public()])
        body = {
            "session": "S1", "sitting": "T1", "checkin_opens_at": stamp(now), "starts_at": stamp(now),
            "ends_at": stamp(now + dt.timedelta(hours=1)), "rooms": [], "commitment": "0" * 64,
            "sealed": base64.b64encode(sealed).decode(), **changes,
        }  # fmt: skip
        return seal("document", self.payload("roster", body), key)

    def payload(self, kind: str, body: dict[str, Any], serial: int = 1) -> dict[str, Any]:
        return {
            "v": 1, "id": "D1", "kind": kind, "venue": "V01", "document": "", "serial": serial,
            "issued_at": stamp(self.clock.now()), "body": body,
        }  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_growing_head_is_cosigned_and_remembered(desk: Desk) -> None:
    desk.grow()
    note = desk.cosign()
    assert note is not None
    good, bad = attestations(parse_note(note), [desk.keys.signing.describe("witness", desk.clock.now())])
    assert [found.cosignature for found in good] == [True]
    assert bad == []
    desk.restart()
    desk.grow(5)
    assert desk.cosign() is not None
    assert desk.store.head().size == 8
    assert desk.cosign() is not None


def test_a_rewritten_history_is_refused_even_with_the_edge_s_key(desk: Desk, tmp_path: Path) -> None:
    desk.grow()
    desk.cosign()
    forged = Journal.open(tmp_path / "forged.db", "V01", desk.clock)
    forged.append([FactDraft("door_opened", {"door": "x"}) for _ in range(6)])
    note = desk.note(size=6, root=forged.root())
    proof = [part.hex() for part in forged.consistency(3, 6)]
    with pytest.raises(Refused, match="history_rewritten"):
        desk.witness.cosign(note, proof, 3)
    with pytest.raises(Refused, match="history_rewritten"):
        desk.witness.cosign(desk.note(size=3, root=forged.root(3)), [], 3)
    with pytest.raises(Refused, match="head_shrank"):
        desk.witness.cosign(desk.note(size=2, root=desk.journal.root(2)), [], 3)
    with pytest.raises(Refused, match="proof_from_other_size"):
        desk.witness.cosign(note, proof, 2)
    assert desk.store.head().size == 3


def test_heads_that_the_edge_did_not_sign(desk: Desk) -> None:
    desk.grow()
    with pytest.raises(Refused, match="not_signed_by_edge"):
        desk.witness.cosign(desk.note(SigningKey.generate("V01.edge")), [], 0)
    with pytest.raises(Refused, match="other_venue"):
        desk.witness.cosign(desk.note(venue="V02"), [], 0)
    with pytest.raises(Refused, match="malformed"):
        desk.witness.cosign("nothing", [], 0)


@pytest.mark.req("X6")
def test_a_roster_opens_inside_its_window_only(desk: Desk) -> None:
    roster = desk.roster()
    assert desk.witness.open_roster(roster) == ("T1", b"inner")
    desk.clock.advance(-1)
    with pytest.raises(Refused, match="outside_window"):
        desk.witness.open_roster(roster)
    desk.clock.advance(3601)
    with pytest.raises(Refused, match="outside_window"):
        desk.witness.open_roster(roster)


def test_rosters_that_are_not_the_centre_s_or_not_ours(desk: Desk) -> None:
    with pytest.raises(Refused, match="not_signed_by_centre"):
        desk.witness.open_roster(desk.roster(SigningKey.generate("centre")))
    with pytest.raises(Refused, match="not_signed_by_centre"):
        desk.witness.open_roster({})
    other = pyrage.encrypt(b"inner", [pyrage.x25519.Identity.generate().to_public()])
    with pytest.raises(Refused, match="not_sealed_to_us"):
        desk.witness.open_roster(desk.roster(sealed=base64.b64encode(other).decode()))
    with pytest.raises(Refused, match="other_venue"):
        desk.witness.open_roster(
            seal("document", desk.payload("holds", json.loads(desk.roster()["signed"])["body"]), CENTRE)
        )


def test_a_share_is_durable_first_and_revealed_for_one_set_of_commitments(desk: Desk) -> None:
    own = desk.witness.commit("draw-1", "ab" * 32)
    desk.restart()
    assert desk.witness.commit("draw-1", "ab" * 32) == own
    with pytest.raises(Refused, match="other_pool"):
        desk.witness.commit("draw-1", "cd" * 32)
    others = ["11" * 32, "22" * 32]
    for missing in ([own], [*others, "33" * 32], [own, own, others[0]]):
        with pytest.raises(Refused, match=r"commitment"):
            desk.witness.reveal("draw-1", missing)
    share = desk.witness.reveal("draw-1", [*others, own])
    assert commitment_of("draw-1", bytes.fromhex(share)) == own
    assert desk.witness.reveal("draw-1", [*others, own]) == share
    with pytest.raises(Refused, match="already_revealed"):
        desk.witness.reveal("draw-1", ["44" * 32, others[1], own])
    with pytest.raises(Refused, match="no_such_draw"):
        desk.witness.reveal("draw-2", [*others, own])
    with pytest.raises(ValueError, match="draw id"):
        desk.witness.commit("../../head", "ab" * 32)


def test_trust_comes_from_a_key_believed_before_and_never_goes_back(desk: Desk) -> None:
    fresh = SigningKey.generate("V01.edge", 2)
    table = KeyRing([*desk.ring.all(), fresh.describe("edge", desk.clock.now())]).as_table()
    assert desk.witness.take_trust(seal("document", desk.payload("trust", table, 2), CENTRE))
    assert not desk.witness.take_trust(
        seal("document", desk.payload("trust", desk.ring.as_table(), 1), CENTRE)
    )
    assert desk.witness.ring().find("V01.edge-2") is not None
    with pytest.raises(Refused, match="trust_not_believed"):
        desk.witness.take_trust(
            seal("document", desk.payload("trust", table, 3), SigningKey.generate("centre"))
        )


@pytest.mark.parametrize(
    "said",
    [
        b"", b"[]", b"{}", b'{"checkpoints":7,"rosters":[]}', b'{"checkpoints":[{}],"rosters":[]}',
        b'{"checkpoints":[],"rosters":[{"envelope":[1]}]}', b'{"checkpoints":[null],"rosters":[]}',
    ],
)  # fmt: skip
def test_an_edge_that_talks_nonsense_does_not_end_its_witness(tmp_path: Path, ca: Ca, said: bytes) -> None:
    equip(ca, tmp_path / "witness" / "keys", "V01.witness", KeyRing())
    process = WitnessProcess(WitnessSettings(home=tmp_path, venue="V01"), FakeClock())
    edge = httpx.MockTransport(lambda request: httpx.Response(200, content=said))
    with httpx.Client(base_url="https://edge", transport=edge) as client:
        assert process.visit(client) is (b"envelope" in said)
