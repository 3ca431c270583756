"""Bridges of a small graph: the edges without which it falls into two parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Edge = tuple[int, int]


@dataclass(frozen=True)
class Walk:
    """A depth-first walk from a root: nodes in the order of the walk, and per bridge the stretch beyond it.

    ``beyond[edge]`` is (start, end, least): nodes[start:end] come apart from the root without the edge, and
    ``least`` is the smallest of them. Edges are given as (smaller, larger).
    """

    nodes: list[int]
    beyond: dict[Edge, tuple[int, int, int]]

    def part(self, edge: Edge) -> list[int]:
        """Return the nodes beyond a bridge, ascending; empty for an edge that is none."""
        start, end, _ = self.beyond.get(edge, (0, 0, 0))
        return sorted(self.nodes[start:end])


def walk(root: int, edges: Iterable[Edge]) -> Walk:
    """Walk the part of the graph that the root is in; several edges between two nodes count as one. Linear time.

    A loop and no recursion: a chain of identifiers may be longer than Python's stack.
    """
    beside: dict[int, list[int]] = {root: []}
    for a, b in {(min(edge), max(edge)) for edge in edges if edge[0] != edge[1]}:
        beside.setdefault(a, []).append(b)
        beside.setdefault(b, []).append(a)
    entered, low, least = {root: 0}, {root: 0}, {root: root}
    nodes, beyond = [root], {}
    path: list[tuple[int, int | None, Iterator[int]]] = [(root, None, iter(beside[root]))]
    while path:
        node, parent, rest = path[-1]
        following = next(rest, None)
        if following is None:
            path.pop()
            if parent is not None:
                low[parent] = min(low[parent], low[node])
                least[parent] = min(least[parent], least[node])
                if low[node] > entered[parent]:
                    edge = (min(parent, node), max(parent, node))
                    beyond[edge] = (entered[node], len(nodes), least[node])
        elif following not in entered:
            entered[following] = low[following] = len(nodes)
            least[following] = following
            nodes.append(following)
            path.append((following, node, iter(beside[following])))
        elif following != parent:
            low[node] = min(low[node], entered[following])
    return Walk(nodes, beyond)
