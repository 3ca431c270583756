"""Intervals of an effect: against scipy's own, and over a thousand splits that nothing was done to."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import numpy as np
import pytest
from scipy import stats

from activation.effect import SUSPECT_RATIO, Arm, lift, sample_ratio

CDNOW = Path(__file__).parents[1] / "data" / "cdnow_sample.csv"
SPLITS = 1_000
HOLDOUT_BUCKETS = 1_000  # of 10,000, as the declared segments have it
# Two standard deviations of a share of 5% in 1,000 splits.
MAY_DIFFER = 0.014


def arm(values, code="arm"):
    values = np.asarray(values, dtype=float)
    return Arm(code, len(values), float(values.sum()), float((values**2).sum()))


def test_shares_get_newcombes_interval():
    found = lift(Arm("a", 80, 56, 56), Arm("b", 70, 34, 34), is_share=True)
    # Newcombe 1998, table II, method 10, example (a): 56/70 - 48/80 = 0.2 from 0.0524 to 0.3339.
    published = lift(Arm("a", 70, 56, 56), Arm("b", 80, 48, 48), is_share=True)
    assert (round(published.low, 4), round(published.high, 4)) == (0.0524, 0.3339)
    one, other = (stats.binomtest(k, n).proportion_ci(0.95, method="wilson") for k, n in ((56, 80), (34, 70)))
    assert found.low == pytest.approx(
        found.difference - np.hypot(56 / 80 - one.low, other.high - 34 / 70), abs=1e-12
    )
    assert found.high == pytest.approx(
        found.difference + np.hypot(one.high - 56 / 80, 34 / 70 - other.low), abs=1e-12
    )


def test_amounts_get_students_interval():
    made = np.random.default_rng(7)
    one, other = made.lognormal(3, 1, 400), made.lognormal(3.1, 2, 90)
    found = lift(arm(one), arm(other), is_share=False)
    wanted = stats.ttest_ind(one, other, equal_var=True).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))
    assert found.difference == pytest.approx(one.mean() - other.mean())
    assert found.ratio == pytest.approx(one.mean() / other.mean() - 1)


def test_a_split_that_is_not_the_drawn_one_is_suspect():
    assert sample_ratio([9_000, 1_000], [0.9, 0.1]) == 1
    assert sample_ratio([8_900, 1_100], [0.9, 0.1]) == pytest.approx(
        stats.chisquare([8_900, 1_100], [9_000, 1_000]).pvalue
    )
    assert sample_ratio([8_900, 1_100], [0.9, 0.1]) < SUSPECT_RATIO
    assert sample_ratio([300, 290, 310], [0.3, 0.3, 0.3]) == pytest.approx(
        stats.chisquare([300, 290, 310]).pvalue
    )
    assert sample_ratio([10, 0], [1.0, 0.0]) is None
    assert sample_ratio([0, 0], [0.5, 0.5]) is None


def test_few_members_get_no_interval_and_no_verdict():
    few = lift(Arm("a", 29, 29, 29), Arm("b", 1_000, 0, 0), is_share=True)
    assert (few.difference, few.low, few.high, few.is_significant) == (1, None, None, False)


def test_arms_in_which_nothing_happened_do_not_differ():
    for is_share in (True, False):
        assert not lift(Arm("a", 900, 0, 0), Arm("b", 100, 0, 0), is_share=is_share).is_significant


@pytest.fixture(scope="module")
def splits():
    """Arms of 1,000 draws, each with a salt of its own, over what customers of CDNOW bought in its last year.

    The draw is the one of the models (dbt_project/macros/segments.sql, values.sql).
    """
    with CDNOW.open() as file:
        rows = [(row["customer_id"], row["date"], float(row["dollar_value"])) for row in csv.DictReader(file)]
    with duckdb.connect() as db:
        db.execute("create table bought (customer_id varchar, bought_date date, value double)")
        db.executemany("insert into bought values (?, ?, ?)", rows)
        return db.execute(
            """
            with customers as (
                select
                    customer_id,
                    cast(count(*) filter (where bought_date >= date '1997-07-01') > 0 as integer) as ordered,
                    coalesce(sum(value) filter (where bought_date >= date '1997-07-01'), 0) as spend
                from bought group by customer_id
            ),
            drawn as (
                select
                    salt, ordered, spend,
                    cast(('0x' || substr(md5('key|holdout|' || salt || '|' || customer_id), 1, 8)) as bigint) % 10000
                        < $buckets as is_holdout
                from customers, range($splits) as salts(salt)
            )
            select salt, is_holdout, count(*), sum(ordered), sum(spend), sum(spend * spend)
            from drawn group by salt, is_holdout order by salt, is_holdout
            """,
            {"buckets": HOLDOUT_BUCKETS, "splits": SPLITS},
        ).fetchall()


@pytest.mark.parametrize("metric", ["ordered", "spend"])
def test_a_thousand_splits_with_no_effect_show_one_in_twenty(splits, metric):
    found = []
    for treated, holdout in zip(splits[::2], splits[1::2], strict=True):
        arms = [
            Arm("", n, ordered, ordered) if metric == "ordered" else Arm("", n, spend, squares)
            for _, _, n, ordered, spend, squares in (treated, holdout)
        ]
        found.append(lift(*arms, is_share=metric == "ordered").is_significant)
    assert len(found) == SPLITS
    print(f"A/A {metric}: {sum(found) / SPLITS:.1%} of {SPLITS:,} splits")
    assert abs(sum(found) / SPLITS - 0.05) <= MAY_DIFFER


def test_a_thousand_splits_are_as_even_as_they_were_drawn(splits):
    share = HOLDOUT_BUCKETS / 10_000
    suspect = [
        sample_ratio([treated[2], holdout[2]], [1 - share, share]) < SUSPECT_RATIO
        for treated, holdout in zip(splits[::2], splits[1::2], strict=True)
    ]
    assert sum(suspect) <= 5


def test_an_effect_that_is_there_is_found_and_bounded(splits):
    """15 in a hundred of the treated buy besides."""
    lifts = [
        lift(
            Arm("", treated[2], treated[3] + round(0.15 * treated[2]), 0),
            Arm("", holdout[2], holdout[3], 0),
            is_share=True,
        )
        for treated, holdout in zip(splits[::2], splits[1::2], strict=True)
    ]
    assert sum(each.is_significant for each in lifts) > 0.95 * SPLITS
    assert all(each.low > 0 for each in lifts if each.is_significant)
    assert sum(each.low <= 0.15 <= each.high for each in lifts) >= 0.936 * SPLITS
