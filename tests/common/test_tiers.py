"""Holding tiers: the vectorised walk against one that goes day by day and customer by customer."""

from __future__ import annotations

import datetime as dt

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from common.tiers import NEVER, REASONS, HoldingRules, hold_tiers
from tests.member_walk import DayWalk, walk_days

AS_OF_DAY = 1200
RULES = st.one_of(
    st.builds(HoldingRules, downgrade=st.just("at_once"), protection_days=st.integers(0, 90)),
    st.builds(
        HoldingRules,
        downgrade=st.just("after_days"),
        protection_days=st.integers(0, 90),
        review_days=st.integers(1, 400),
    ),
    st.builds(
        HoldingRules,
        downgrade=st.just("yearly"),
        protection_days=st.integers(0, 90),
        review_month=st.integers(1, 12),
        review_day=st.integers(1, 28),
    ),
)
# Per customer: the rank that she qualifies for from a day on.
QUALIFIED = st.lists(
    st.dictionaries(st.integers(0, AS_OF_DAY + 100), st.integers(1, 4), min_size=1, max_size=8),
    min_size=1,
    max_size=5,
)


def told_by(rules: HoldingRules, qualified: list[dict[int, int]]) -> list[tuple[int, ...]]:
    rows = [(who, day, rank) for who, ranks in enumerate(qualified) for day, rank in sorted(ranks.items())]
    columns = np.array([row for row in rows if row[1] <= AS_OF_DAY], dtype=np.int64).reshape(-1, 3).T
    told = hold_tiers(*columns, rules, AS_OF_DAY)
    reasons = [REASONS[number] for number in told.reasons]
    return list(zip(told.customers.tolist(), told.days.tolist(), told.ranks.tolist(), reasons, strict=True))


@settings(max_examples=150, deadline=None)
@given(RULES, QUALIFIED)
def test_walk__equals_day_by_day(rules: HoldingRules, qualified: list[dict[int, int]]) -> None:
    expected = [
        (who, *decision)
        for who, ranks in enumerate(qualified)
        for decision in walk_days(DayWalk(**vars(rules)), ranks, AS_OF_DAY)
    ]
    assert told_by(rules, qualified) == expected


def test_protection__delays_the_fall_and_says_so() -> None:
    told = told_by(HoldingRules("at_once", protection_days=30), [{0: 1, 10: 3, 15: 2, 60: 1}])
    assert told == [
        (0, 0, 1, "entered"),
        (0, 10, 3, "upgrade"),
        (0, 15, 3, "protected"),
        (0, 40, 2, "downgrade"),
        (0, 60, 1, "downgrade"),
    ]


def test_yearly_review__falls_on_the_day_named() -> None:
    review = (dt.date(1971, 1, 1) - dt.date(1970, 1, 1)).days
    told = told_by(HoldingRules("yearly", review_month=1, review_day=1), [{5: 1, 20: 2, 40: 1}])
    assert told == [(0, 5, 1, "entered"), (0, 20, 2, "upgrade"), (0, review, 1, "downgrade_at_review")]


def test_lowest_tier__is_never_reviewed() -> None:
    told = hold_tiers(
        np.array([7]), np.array([3]), np.array([1]), HoldingRules("after_days", review_days=10), AS_OF_DAY
    )
    assert told.review_days.tolist() == [NEVER]
    assert told.days.tolist() == [3]


def test_nobody__gives_nothing() -> None:
    nobody = np.array([], dtype=np.int64)
    assert not len(hold_tiers(nobody, nobody, nobody, HoldingRules("at_once"), AS_OF_DAY).days)
