"""Bridges against brute force: an edge is one when the root reaches less without it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.bridges import walk

nodes = st.integers(0, 11)


def reached(root: int, edges: set[tuple[int, int]]) -> set[int]:
    seen, waiting = {root}, [root]
    while waiting:
        node = waiting.pop()
        for a, b in edges:
            for other in [b] if a == node else [a] if b == node else []:
                if other not in seen:
                    seen.add(other)
                    waiting.append(other)
    return seen


@settings(max_examples=300, deadline=None)
@given(root=nodes, edges=st.lists(st.tuples(nodes, nodes), max_size=22))
def test_bridges__are_what_brute_force_finds(root: int, edges: list[tuple[int, int]]) -> None:
    walked = walk(root, edges)
    simple = {(min(edge), max(edge)) for edge in edges if edge[0] != edge[1]}
    whole = reached(root, simple)
    assert sorted(walked.nodes) == sorted(whole)
    for edge in simple:
        lost = sorted(whole - reached(root, simple - {edge})) if edge[0] in whole else []
        assert walked.part(edge) == lost
        if lost:
            assert walked.beyond[edge][2] == lost[0]
    assert len(walked.beyond) == sum(bool(walked.part(edge)) for edge in simple)


def test_long_chain__needs_no_deep_stack() -> None:
    length = 100_000
    walked = walk(0, [(n, n + 1) for n in range(length)])
    assert len(walked.beyond) == length
    assert walked.beyond[(length - 1, length)] == (length, length + 1, length)
