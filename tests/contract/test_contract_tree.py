"""The RFC 6962 tree against pymerkle, a second implementation, and against every lie nearby."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from contract.tree import EMPTY_ROOT, Tree, leaf_hash, verify_consistency, verify_inclusion

pytestmark = pytest.mark.fast
SIZES = [*range(1, 34), 63, 64, 65, 127, 128, 129]


def _data(n: int) -> bytes:
    return f"record {n}".encode()


@pytest.fixture(scope="module")
def both() -> tuple[Tree, InmemoryTree]:
    ours, theirs = Tree(), InmemoryTree(algorithm="sha256")
    for n in range(129):
        ours.append(_data(n))
        theirs.append_entry(_data(n))
    return ours, theirs


def test_empty_root_is_the_hash_of_nothing() -> None:
    assert Tree().root() == EMPTY_ROOT


@pytest.mark.parametrize("size", SIZES)
def test_root_equals_pymerkle(both: tuple[Tree, InmemoryTree], size: int) -> None:
    assert both[0].root(size) == both[1].get_root(size)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 33, 64, 129])
def test_inclusion_paths_equal_pymerkle(both: tuple[Tree, InmemoryTree], size: int) -> None:
    for index in range(size):
        theirs = [bytes(part) for part in both[1].prove_inclusion(index + 1, size).path]
        assert [leaf_hash(_data(index)), *both[0].inclusion(index, size)] == theirs


@given(st.integers(1, 129), st.data())
@settings(max_examples=200)
def test_every_inclusion_proof_verifies_and_no_neighbour_does(new: int, data: st.DataObject) -> None:
    tree = Tree(leaf_hash(_data(n)) for n in range(new))
    index = data.draw(st.integers(0, new - 1))
    proof, root = tree.inclusion(index), tree.root()
    assert verify_inclusion(leaf_hash(_data(index)), index, new, proof, root)
    assert not verify_inclusion(leaf_hash(b"other"), index, new, proof, root)
    assert not verify_inclusion(leaf_hash(_data(index)), index, new, [*proof, bytes(32)], root)
    assert not verify_inclusion(leaf_hash(_data(index)), index, new, proof, bytes(32))
    assert not verify_inclusion(leaf_hash(_data(index)), new, new, proof, root)
    if proof:
        assert not verify_inclusion(leaf_hash(_data(index)), index, new, proof[:-1], root)
        assert not verify_inclusion(leaf_hash(_data(index)), index, new, [b"", *proof[1:]], root)


@given(st.integers(1, 129), st.data())
@settings(max_examples=200)
def test_every_consistency_proof_verifies_and_no_rewriting_does(new: int, data: st.DataObject) -> None:
    tree = Tree(leaf_hash(_data(n)) for n in range(new))
    old = data.draw(st.integers(1, new))
    changed = data.draw(st.integers(0, old - 1))
    proof = tree.consistency(old)
    assert verify_consistency(old, new, tree.root(old), tree.root(), proof)
    other = Tree(leaf_hash(b"rewritten" if n == changed else _data(n)) for n in range(new))
    assert not verify_consistency(old, new, tree.root(old), other.root(), other.consistency(old))
    assert not verify_consistency(old, new, other.root(old), tree.root(), proof)
    assert not verify_consistency(old, new, tree.root(old), tree.root(), [*proof, bytes(32)])
    if old < new:
        assert not verify_consistency(old, new, tree.root(old), tree.root(), proof[:-1])
        assert not verify_consistency(new, old, tree.root(old), tree.root(), proof)


def test_consistency_of_an_equal_size_needs_equal_roots_and_no_path() -> None:
    root = Tree([leaf_hash(b"a")]).root()
    assert verify_consistency(1, 1, root, root, [])
    assert not verify_consistency(1, 1, root, bytes(32), [])
    assert not verify_consistency(1, 1, root, root, [root])
    assert not verify_consistency(0, 1, root, root, [])


@pytest.mark.parametrize(
    "ask",
    [
        lambda t: t.root(4), lambda t: t.root(-1), lambda t: t.inclusion(3), lambda t: t.inclusion(-1),
        lambda t: t.inclusion(2, 2), lambda t: t.consistency(0), lambda t: t.consistency(4),
        lambda t: t.append_hash(b"short"),
    ],
)  # fmt: skip
def test_outside_the_tree_is_refused(ask) -> None:
    with pytest.raises(ValueError):
        ask(Tree(leaf_hash(_data(n)) for n in range(3)))


def test_leaf_of_a_negative_index_is_refused() -> None:
    with pytest.raises(IndexError):
        Tree([leaf_hash(b"a")]).leaf(-1)
