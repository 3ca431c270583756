"""Closure against a union-find oracle, on random graphs."""

from __future__ import annotations

import numpy as np
import pytest

from common.closure import connected, over_limit, split

EMPTY = np.empty(0, dtype=np.int64)


def oracle(nodes: list[int], edges: list[tuple[int, int]]) -> dict[int, int]:
    parent = {node: node for node in nodes}

    def root(node: int) -> int:
        while parent[node] != node:
            node = parent[node]
        return node

    for a, b in edges:
        older, newer = sorted((root(a), root(b)))
        parent[newer] = older
    return {node: root(node) for node in nodes}


@pytest.mark.parametrize("seed", range(20))
def test_connected__equals_union_find(seed: int) -> None:
    random = np.random.default_rng(seed)
    nodes = np.sort(random.choice(np.arange(1, 3000), size=1000, replace=False))
    a, b = random.choice(nodes, 700), random.choice(nodes, 700)
    expected = oracle(nodes.tolist(), list(zip(a.tolist(), b.tolist(), strict=True)))
    assert dict(zip(nodes.tolist(), connected(nodes, a, b).tolist(), strict=True)) == expected


def test_connected__closes_a_chain_of_a_thousand_hops() -> None:
    nodes = np.arange(5, 1006)
    assert set(connected(nodes, nodes[:-1], nodes[1:]).tolist()) == {5}
    shuffled = np.random.default_rng(1).permutation(nodes)
    assert set(connected(nodes, shuffled[:-1], shuffled[1:]).tolist()) == {5}


def test_connected__of_nothing_is_nothing() -> None:
    assert len(connected(EMPTY, EMPTY, EMPTY)) == 0


def capped(numbers: list[int], most: int = 1) -> dict[str, np.ndarray]:
    return {
        "identifier_no": np.array(numbers, dtype=np.int64),
        "type_rank": np.ones(len(numbers), dtype=np.int64),
        "most_per_customer": np.full(len(numbers), most, dtype=np.int64),
    }


def edges(*pairs: tuple[int, int]) -> dict[str, np.ndarray]:
    found = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return {"a": found[:, 0], "b": found[:, 1]}


def test_split__leaves_the_edge_out_that_breaks_the_limit() -> None:
    """Two unionids (1 and 4) share a phone (3): the phone stays with the one whose edge comes first."""
    nodes = np.array([1, 2, 3, 4, 5])
    ranked = edges((1, 2), (1, 3), (4, 3), (4, 5))
    components = connected(nodes, ranked["a"], ranked["b"])
    crowded = over_limit(nodes, components, capped([1, 4]))
    assert crowded.tolist() == [1, 2, 3, 4, 5]
    assert split(nodes, components, crowded, ranked, capped([1, 4])).tolist() == [1, 1, 1, 4, 4]


def test_over_limit__is_silent_where_the_limit_holds() -> None:
    nodes = np.array([1, 2, 3, 4])
    components = np.array([1, 1, 3, 3])
    assert over_limit(nodes, components, capped([1, 3])).tolist() == []
    assert over_limit(nodes, components, capped([1, 2], most=2)).tolist() == []
    assert over_limit(nodes, components, capped([])).tolist() == []


@pytest.mark.parametrize("seed", range(10))
def test_split__of_a_part_equals_split_of_the_whole(seed: int) -> None:
    """A component looked at alone comes apart as it does among the others."""
    random = np.random.default_rng(seed)
    nodes = np.arange(1, 301)
    pairs = sorted({tuple(sorted(map(int, random.choice(nodes, 2, replace=False)))) for _ in range(220)})
    ranked = edges(*random.permutation(np.array(pairs)).tolist())
    people = random.choice(nodes, 90, replace=False).tolist()
    components = connected(nodes, ranked["a"], ranked["b"])
    crowded = over_limit(nodes, components, capped(sorted(people)))
    assert len(crowded)
    inside = np.isin(ranked["a"], crowded)
    order = {"a": ranked["a"][inside], "b": ranked["b"][inside]}
    whole = split(nodes, components, crowded, order, capped(sorted(people)))
    for part in np.unique(components[np.isin(nodes, crowded)]):
        mine = nodes[components == part]
        alone = np.isin(order["a"], mine)
        again = split(
            mine,
            components[components == part],
            mine,
            {"a": order["a"][alone], "b": order["b"][alone]},
            capped([each for each in sorted(people) if each in mine]),
        )
        assert again.tolist() == whole[components == part].tolist()
    anchors, counts = np.unique(whole[np.isin(nodes, people)], return_counts=True)
    assert len(anchors)
    assert counts.max() == 1
