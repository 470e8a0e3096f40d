"""RFC 6962 Merkle tree over the journal: roots, inclusion proofs and consistency proofs (keeps I-8).

Leaf i (0-based) is the record with seq i+1. Standard library only. Hashes are 32 bytes here, hex in JSON.
"""

import hashlib
from collections.abc import Iterable, Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00, data): RFC 6962 section 2.1."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01, left, right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """An append-only tree that keeps every complete node: append O(1) amortised, proofs O(log n)."""

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        for leaf in leaf_hashes:
            self.append_hash(leaf)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0])

    def append(self, data: bytes) -> int:
        """Add a record's bytes; returns its leaf index."""
        return self.append_hash(leaf_hash(data))

    def append_hash(self, leaf: bytes) -> int:
        """Add a leaf hash; returns its index. ValueError unless 32 bytes."""
        if len(leaf) != 32:
            raise ValueError("a leaf hash has 32 bytes")
        self._levels[0].append(leaf)
        level = 0
        while len(self._levels[level]) % 2 == 0:
            if len(self._levels) == level + 1:
                self._levels.append([])
            self._levels[level + 1].append(node_hash(*self._levels[level][-2:]))
            level += 1
        return self.size - 1

    def leaf(self, index: int) -> bytes:
        """The leaf hash at an index; IndexError when there is none."""
        if index < 0:
            raise IndexError(index)
        return self._levels[0][index]

    def root(self, size: int | None = None) -> bytes:
        """Root of the first `size` leaves (all by default). ValueError when the tree is smaller."""
        size = self.size if size is None else size
        self._need(0 <= size <= self.size)
        return self._range_root(0, size) if size else EMPTY_ROOT

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """Audit path of a leaf in the tree of the first `size` leaves (RFC 6962 section 2.1.1)."""
        size = self.size if size is None else size
        self._need(0 <= index < size <= self.size)
        return self._path(index, 0, size)

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """Proof that the first `old` leaves are a prefix of the first `new` (RFC 6962 section 2.1.2)."""
        new = self.size if new is None else new
        self._need(0 < old <= new <= self.size)
        return self._subproof(old, 0, new, whole=True)

    def _range_root(self, start: int, end: int) -> bytes:
        width = end - start
        if width & (width - 1) == 0 and start % width == 0:
            return self._levels[width.bit_length() - 1][start // width]
        middle = start + _split(width)
        return node_hash(self._range_root(start, middle), self._range_root(middle, end))

    def _path(self, index: int, start: int, end: int) -> list[bytes]:
        if end - start == 1:
            return []
        middle = start + _split(end - start)
        if index < middle:
            return [*self._path(index, start, middle), self._range_root(middle, end)]
        return [*self._path(index, middle, end), self._range_root(start, middle)]

    def _subproof(self, old: int, start: int, end: int, *, whole: bool) -> list[bytes]:
        if old == end:
            return [] if whole else [self._range_root(start, end)]
        middle = start + _split(end - start)
        if old <= middle:
            return [*self._subproof(old, start, middle, whole=whole), self._range_root(middle, end)]
        return [*self._subproof(old, middle, end, whole=False), self._range_root(start, middle)]

    @staticmethod
    def _need(holds: bool) -> None:
        if not holds:
            raise ValueError("outside the tree")


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """True when `leaf` is at `index` of the tree of `size` leaves with `root` (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size or any(len(part) != 32 for part in proof):
        return False
    node, last, result = index, size - 1, leaf
    for part in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            result = node_hash(part, result)
            while node & 1 == 0 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, part)
        node, last = node >> 1, last >> 1
    return last == 0 and result == root


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """True when the tree of `old` leaves is a prefix of that of `new` leaves (RFC 9162 section 2.1.4.2)."""
    if not 0 < old <= new or any(len(part) != 32 for part in proof):
        return False
    if old == new:
        return not proof and old_root == new_root
    parts = list(proof) if old & (old - 1) else [old_root, *proof]
    if not parts:
        return False
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = parts[0]
    for part in parts[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = node_hash(part, first), node_hash(part, second)
            while node & 1 == 0 and node:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, part)
        node, last = node >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def _split(width: int) -> int:
    """The largest power of two below `width` (width >= 2)."""
    return 1 << ((width - 1).bit_length() - 1)
