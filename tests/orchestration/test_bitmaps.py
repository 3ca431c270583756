"""Sets of customers as bits: the same answers as Python's sets give, whatever is asked."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.bitmaps import Bitmaps

MOST = 200
CONDITIONS = st.recursive(
    st.sampled_from("abc").map(lambda name: {"set": name}),
    lambda inner: st.one_of(
        inner.map(lambda each: {"not": each}),
        st.lists(inner, min_size=1, max_size=4).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=4).map(lambda parts: {"any": parts}),
    ),
    max_leaves=8,
)


def by_sets(condition: dict[str, Any], sets: dict[str, set[int]], everybody: set[int]) -> set[int]:
    if "set" in condition:
        return sets[condition["set"]]
    if "not" in condition:
        return everybody - by_sets(condition["not"], sets, everybody)
    parts = [by_sets(each, sets, everybody) for each in condition.get("all") or condition["any"]]
    return set.intersection(*parts) if "all" in condition else set.union(*parts)


@settings(max_examples=200, deadline=None)
@given(
    count=st.integers(1, MOST),
    sets=st.fixed_dictionaries({name: st.sets(st.integers(0, MOST - 1)) for name in "abc"}),
    condition=CONDITIONS,
)
def test_size__is_that_of_the_set(count: int, sets: dict[str, set[int]], condition: dict[str, Any]) -> None:
    within = {name: {each for each in members if each < count} for name, members in sets.items()}
    bitmaps = Bitmaps(count)
    for name, members in within.items():
        bitmaps.put(name, np.array(sorted(members), dtype=np.int64))
    expected = len(by_sets(condition, within, set(range(count))))
    for _ in range(2):  # asking changes nothing
        assert bitmaps.size(condition, lambda leaf: [leaf["set"]]) == expected


def test_several_sets_of_a_leaf__are_joined() -> None:
    bitmaps = Bitmaps(70)
    bitmaps.put("low", np.array([0, 1, 63]))
    bitmaps.put("high", np.array([63, 64, 69]))
    assert bitmaps.size({"values": ["low", "high"]}, lambda leaf: leaf["values"]) == 5
    assert bitmaps.size({"not": {"values": ["low", "high"]}}, lambda leaf: leaf["values"]) == 65
    assert bitmaps.size({"values": []}, lambda leaf: leaf["values"]) == 0
