"""Sets of time as sorted, disjoint half-open spans of integer microseconds. Standard library only."""

from collections.abc import Iterable

Span = tuple[int, int]
"""[start, end) in microseconds since 1970."""


def union(spans: Iterable[Span]) -> list[Span]:
    """Sorted, disjoint, touching spans joined, empty ones dropped."""
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def subtract(spans: Iterable[Span], holes: Iterable[Span]) -> list[Span]:
    """What of `spans` is in none of `holes`."""
    left: list[Span] = []
    cuts = union(holes)
    first = 0
    for start, end in union(spans):
        while first < len(cuts) and cuts[first][1] <= start:
            first += 1
        at = start
        for cut_start, cut_end in cuts[first:]:
            if cut_start >= end:
                break
            if at < cut_start:
                left.append((at, cut_start))
            at = max(at, cut_end)
        if at < end:
            left.append((at, end))
    return left


def intersect(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """What is in both."""
    whole = union(spans)
    return subtract(whole, subtract(whole, others))


def total(spans: Iterable[Span]) -> int:
    """Microseconds in the union."""
    return sum(end - start for start, end in union(spans))


def longer_than(spans: Iterable[Span], limit: int) -> list[Span]:
    """Spans of more than `limit` microseconds."""
    return [span for span in union(spans) if span[1] - span[0] > limit]
