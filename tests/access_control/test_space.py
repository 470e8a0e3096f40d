"""Small areas walked exhaustively: the judge is content in every state, and from every state every visit can end."""

from collections.abc import Callable

from passage_space import PERSONS, Node, finish, is_over, key, moves, restart, start, step, successors

from access_control.states import VisitState

HONEST = (
    "card 专家 1 r-kiosk",
    "face matched",
    "sign",
    "answer done",
    "locker 1 False",
    "locker 1 True",
    "stored",
    "card 专家 1 r-lane",
    "gate in True False",
    "answer done",
    "open main",
    "open main",
    "card 专家 1 r-1",
    "answer done",
    "open d1",
    "open d1",
    "exit main",
    "answer done",
    "open main",
    "open main",
    "card 专家 1 r-kiosk",
    "answer done",
    "locker 1 False",
    "locker 1 True",
)

FAR = 60
"""Deep enough to come to an end, which is demanded."""


def named(node: Node, name: str) -> Node:
    """The successor by the last move whose name begins so (the newest act is answered)."""
    found = [after for said, after in successors(node) if said.startswith(name)]
    assert found, name
    return found[-1]


def waypoints(persons) -> list[Node]:
    """Every stage of one person's honest way."""
    nodes = [start(persons)]
    for name in HONEST:
        nodes.append(named(nodes[-1], name))
    assert VisitState.ENDED in {v.state for v in nodes[-1].area.visits.values()}
    return nodes


def explore(roots: list[Node], depth: int, wanted: Callable[[str], bool] = lambda name: True) -> list[Node]:
    """Every distinct state within `depth` moves of the roots; each step is judged on the way."""
    seen = {key(root): root for root in roots}
    front = list(seen.values())
    for _ in range(depth):
        if not front:
            return list(seen.values())
        reached = {key(after): after for node in front for after in wanted_successors(node, wanted)}
        front = [node for k, node in reached.items() if k not in seen]
        seen |= {key(node): node for node in front}
    assert depth < FAR or not front, "not walked to its end"
    return list(seen.values())


def wanted_successors(node: Node, wanted: Callable[[str], bool]):
    for name, observation, wait in moves(node):
        if wanted(name):
            yield restart(node) if observation is None else step(node, observation, wait)


def test_everything_that_can_happen_near_the_honest_way():
    """All observations, two deep (three: about 10 s more), from each of the 25 stages of a person who is alone."""
    assert len(explore(waypoints(PERSONS[:1]), 2)) > 1_000


def test_everything_that_can_happen_between_two_people():
    """Two deep from each stage, while another has arrived or has stored the phone."""
    names = [name.replace("专家 1", "专家 2") for name in HONEST]
    for first in ((), ("card 专家 2", "tick 130"), tuple(names[:7])):
        assert len(explore(two_ways(first), 2)) > 500


def two_ways(first: tuple[str, ...]) -> list[Node]:
    """The honest way of the first person; its locker is number 2 when the other has number 1."""
    swap = {"locker 1 False": "locker 2 False", "locker 1 True": "locker 2 True"} if "stored" in first else {}
    nodes = [start(PERSONS)]
    for name in first:
        nodes[0] = named(nodes[0], name)
    for name in HONEST:
        nodes.append(named(nodes[-1], swap.get(name, name)))
    return nodes


def test_every_visit_can_end():
    """From every state within a move of a stage everybody gets out with their things."""
    stuck = [node for node in explore(waypoints(PERSONS[:1]), 1) if not is_over(finish(node))]
    assert stuck == []


def lasting(name: str) -> bool:
    """One person, sound devices, cards and gate in any order: few enough states to walk them all."""
    left_out = (
        "exit",
        "hold",
        "lift",
        "open d1",
        "gate out",
        "gate in False True",
        "face u",
        "face n",
        "pin",
        "tick 4",
        "tick 12",
    )
    rest = ("locker 2", "cancel", "restart", "nothing")
    return not name.startswith(left_out + rest) and not name.endswith(("r-1", "refused", "r-main", "unknown"))


def test_the_way_to_the_main_door_is_walked_to_its_end():
    """Breadth first until nothing new is found."""
    nodes = explore([start()], FAR, lasting)
    reached = {v.state for node in nodes for v in node.area.visits.values()}
    assert reached >= {VisitState.GRANTED, VisitState.INSIDE, VisitState.ENDED}
    assert [node for node in nodes[::40] if not is_over(finish(node))] == []
