"""Any observation in any order, with faults and restarts: the oracle stays content and the area is a fold of facts."""

import json
import sys
from functools import reduce

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from passage_oracle import Book, Broken, Oracle
from passage_stimuli import PEOPLE, Chaos, walk
from passage_world import SITE, World, card_of

from access_control import area as areas
from access_control.acts import OpenLocker, Unlock
from access_control.states import VisitState
from devices.ports import CardPlaced, ExitPressed

RANDOM_STEPS = 40_000


def refold(chaos: Chaos) -> areas.Area:
    return reduce(areas.evolve, json.loads(json.dumps(chaos.world.records)), areas.empty(SITE))


class Passage(RuleBasedStateMachine):
    """Hypothesis chooses every stimulus and every detail of it, and shrinks what breaks."""

    @initialize(data=st.data())
    def begin(self, data):
        self.chaos = Chaos(lambda options: data.draw(st.sampled_from(list(options))))

    def _do(self, data, name):
        self.chaos.pick = lambda options: data.draw(st.sampled_from(list(options)))
        getattr(self.chaos, name)()

    @rule(data=st.data())
    def progress(self, data):
        self._do(data, "progress")

    @rule(data=st.data())
    def progress_again(self, data):
        self._do(data, "progress")

    @rule(data=st.data(), name=st.sampled_from(("card", "touch", "sign", "pin", "judge_face", "answer")))
    def people(self, data, name):
        self._do(data, name)

    @rule(
        data=st.data(),
        name=st.sampled_from(
            ("locker", "gate", "mishap", "door", "expected_door", "exit", "other_card_events")
        ),
    )
    def devices(self, data, name):
        self._do(data, name)

    @rule(
        data=st.data(),
        name=st.sampled_from(
            ("tick", "pass_time", "hold", "replay", "forged_follow_up", "rare", "restart", "bank")
        ),
    )
    def world_goes_on(self, data, name):
        self._do(data, name)

    @invariant()
    def area_is_the_fold_of_the_facts(self):
        if hasattr(self, "chaos"):
            assert refold(self.chaos) == self.chaos.world.area


TestPassage = Passage.TestCase
TestPassage.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)


def test_random_lives():
    """Quick; `PYTHONPATH=. python tests/access_control/test_machine.py 1000000` does as many as wanted."""
    reached = run(RANDOM_STEPS)
    assert reached >= {
        "person_entered",
        "custody_returned",
        "admission_withdrawn",
        "locker_jammed",
        "identity_refused",
        "lane_refused",
    }


def run(steps: int, life: int = 250) -> set[str]:
    reached: set[str] = set()
    for seed in range(steps // life):
        chaos = walk(seed, life)
        assert refold(chaos) == chaos.world.area, seed
        reached |= set(chaos.world.kinds())
    return reached


# ---- the oracle finds what it is there for ------------------------------------------------------------


def granted(**changes) -> tuple[Oracle, dict]:
    """An oracle just before a rightful grant, and the granting record."""
    chaos = Chaos(lambda options: options[0])
    world, oracle = chaos.world, chaos.oracle
    book = Book("sit-1", PEOPLE[0].alias, frozenset({"card", "face"}), 11, 12, "lane", 13, 14, world.mono)
    oracle.books["v"] = Book(**{**book.__dict__, **changes})
    oracle.lanes["lane"], oracle.persons["lane"] = "v", 1
    body = {
        "admission": "a",
        "door": "main",
        "grounds": {"identity_seq": 11, "custody_seq": 12, "gate_seq": 14},
    }
    record = {"kind": "admission_granted", "visit": "v", "boot": oracle.boot, "mono_us": world.mono, "seq": 15,
              "wall": "2026-11-20T01:00:00.000000Z", "body": body}  # fmt: skip
    return oracle, record


def test_a_rightful_grant_pleases_the_oracle():
    oracle, record = granted()
    oracle.judge(None, [record], (Unlock("main", "a", 5),), record["mono_us"])


@pytest.mark.parametrize(
    "changes",
    [
        {"confirmed": 0},
        {"custody": 0},
        {"custody": 10},
        {"gate": 0},
        {"gate": 12},
        {"gate_us": -99_000_000},
        {"inside": True},
        {"alias": "x"},
    ],
)
def test_the_oracle_sees_a_wrong_grant(changes):
    oracle, record = granted(**changes)
    with pytest.raises(Broken, match=r"I-2|I-4"):
        oracle.judge(None, [record], (), record["mono_us"])


def test_the_oracle_sees_a_second_person_in_the_lane():
    oracle, record = granted()
    oracle.persons["lane"] = 2
    with pytest.raises(Broken, match="I-2"):
        oracle.judge(None, [record], (), record["mono_us"])


def test_the_oracle_sees_wrong_acts():
    oracle, record = granted()
    with pytest.raises(Broken, match="I-1"):
        oracle.judge(None, [], (Unlock("main", "a", 5),), record["mono_us"])
    oracle.judge(None, [record], (Unlock("main", "a", 5),), record["mono_us"])
    with pytest.raises(Broken, match="I-5"):
        oracle.judge(None, [], (Unlock("main", "a", 5),), record["mono_us"])
    with pytest.raises(Broken, match="I-3"):
        oracle.judge(ExitPressed("d1", record["mono_us"]), [], (), record["mono_us"])
    with pytest.raises(Broken, match="I-5"):
        oracle.judge(None, [], (OpenLocker("bank", 1, "v", "return"),), record["mono_us"])
    old = CardPlaced("r-1", card_of(PEOPLE[0]), record["mono_us"] - 9_000_000)
    with pytest.raises(Broken, match="I-4"):
        oracle.judge(old, [], (Unlock("d1", "a", 5),), record["mono_us"])


@pytest.mark.parametrize(("owner", "busy"), [("w", {}), ("v", {("bank", 2): "w"})])
def test_the_oracle_sees_a_wrong_locker(owner, busy):
    oracle, record = granted(lane=None)
    oracle.owners[("bank", 1)], oracle.permits[("bank", 1)], oracle.ajar = owner, "return v", busy
    with pytest.raises(Broken, match="I-6"):
        oracle.judge(None, [], (OpenLocker("bank", 1, "v", "return"),), record["mono_us"])


def test_the_oracle_sees_an_unknown_that_is_not_shown():
    oracle, record = granted()
    body = {"bank": "bank", "locker": 1, "purpose": "deposit", "result": "unknown"}
    oracle.judge(None, [{**record, "kind": "locker_opened", "body": body}], (), record["mono_us"])
    with pytest.raises(Broken, match="I-5"):
        oracle.settle()


def test_random_lives_reach_every_state():
    reached = set()
    for seed in range(60):
        reached |= states_reached(seed)
    assert reached == set(VisitState)


def states_reached(seed: int) -> set[VisitState]:
    """Every state that a visit passed through, by folding the journal again."""
    reached, area = set(), areas.empty(SITE)
    for record in walk(seed, 150).world.records:
        area = areas.evolve(area, record)
        reached |= {v.state for v in area.visits.values()}
    return reached


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    sys.stdout.write(f"{wanted} steps, kinds reached: {len(run(wanted))}\n")
    assert World
