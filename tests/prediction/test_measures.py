"""AUC, calibration, lift and drift against definitions worked out the slow way."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prediction.days import looks_for, scoring_day
from prediction.measures import RecencyOnly, auc, auc_interval, binary, log_loss, psi, tenths


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=2, max_size=40))
def test_auc__is_the_share_of_pairs_in_order(rows: list[tuple[bool, int]]) -> None:
    labels, scores = np.array([row[0] for row in rows]), np.array([row[1] for row in rows], float)
    pairs = [(yes > no) + 0.5 * (yes == no) for yes in scores[labels] for no in scores[~labels]]
    if not pairs:
        assert np.isnan(auc(labels, scores))
    else:
        assert auc(labels, scores) == pytest.approx(np.mean(pairs))


def test_auc_interval__holds_the_truth_as_often_as_it_says() -> None:
    chance, held = np.random.default_rng(5), 0
    for _ in range(300):
        labels = np.repeat([1, 0], [40, 60])
        scores = chance.normal(labels * 1.0)  # a true AUC of 0.7602
        low, high = auc_interval(auc(labels, scores), 40, 60)
        held += low <= 0.7602 <= high
    assert 0.91 <= held / 300 <= 0.99


def test_binary__of_an_honest_forecast() -> None:
    chance = np.random.default_rng(1)
    probabilities = chance.beta(1, 3, 20_000)
    labels = (chance.random(20_000) < probabilities).astype(np.int64)
    found = binary(labels, probabilities)
    assert found["calibration_error"] < 0.012
    assert found["brier"] == pytest.approx(np.mean(probabilities * (1 - probabilities)), abs=0.005)
    assert found["log_loss"] == pytest.approx(log_loss(labels, probabilities), abs=1e-6)
    assert len(found["tenths"]) == 10
    assert sum(part["customers"] for part in found["tenths"]) == 20_000
    best = labels[np.argsort(probabilities)][-2000:].mean() / labels.mean()
    assert found["lift_top_tenth"] == pytest.approx(best, rel=1e-3)
    twice = binary(labels, np.minimum(probabilities * 2, 1))
    assert twice["calibration_error"] > 0.2
    assert twice["auc"] == pytest.approx(found["auc"], abs=0.01), "ranks know nothing of calibration"


def test_psi__tells_a_shift_from_chance() -> None:
    chance = np.random.default_rng(2)
    before = chance.normal(size=5000)
    assert psi(before, chance.normal(size=5000)) < 0.02
    assert psi(before, chance.normal(1.0, 1.0, 5000)) > 0.25
    assert psi(np.zeros(100), np.zeros(100)) == pytest.approx(0)
    assert psi(np.zeros(100), np.ones(100)) > 0.25
    assert psi(before, np.full(10, np.nan)) == float("inf")


def test_recency_only__gives_the_share_of_its_time() -> None:
    since = np.repeat([3.0, 40.0, 200.0], 1000)
    labels = np.concatenate([np.repeat([1, 0], [share, 1000 - share]) for share in (600, 200, 10)])
    rates = RecencyOnly(since, labels).probabilities(np.array([3.0, 40.0, 200.0, 900.0]))
    assert rates == pytest.approx([0.6, 0.2, 0.01, 0.01], abs=0.01)


def test_tenths__of_few_customers_are_fewer() -> None:
    assert len(tenths(np.array([1, 0, 1]), np.array([0.1, 0.2, 0.3]))) == 3


@pytest.mark.parametrize("as_of", [dt.date(2026, 10, 31) + dt.timedelta(days=each) for each in range(8)])
def test_looks__never_see_what_they_are_tested_on(as_of: dt.date) -> None:
    looks = looks_for(as_of, dt.date(2024, 1, 1))
    assert len(looks.train) == 2
    assert len(looks.test_short) == 2
    assert all(day.weekday() == 6 and day == scoring_day(day) for day in looks.all)
    long, short = dt.timedelta(days=90), dt.timedelta(days=30)
    assert max(looks.train) + long <= min(looks.test_long)
    assert max(looks.test_long) + long <= as_of
    assert max(looks.test_short) + short <= as_of
    assert looks.newest <= as_of


def test_looks__of_a_young_shop_are_fewer() -> None:
    as_of = dt.date(2026, 10, 31)
    assert looks_for(as_of, as_of - dt.timedelta(days=250)).train == (dt.date(2026, 5, 3),)
    assert looks_for(as_of, as_of - dt.timedelta(days=120)).train == ()
    young = looks_for(as_of, as_of - dt.timedelta(days=20))
    assert (young.train, young.test_long, young.test_short) == ((), (), ())
    assert young.all == (dt.date(2026, 10, 25),)
