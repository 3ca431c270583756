"""BG/NBD and Gamma-Gamma against the published CDNOW figures, and against worlds whose parameters we know."""

from __future__ import annotations

import csv
import datetime as dt
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from common.btyd import (
    Buying,
    FitError,
    Spending,
    buying_log_likelihood,
    expected_amount,
    expected_purchases,
    fit_buying,
    fit_spending,
    probability_alive,
)

DATA = Path(__file__).parent.parent / "data"
CALIBRATION_END = dt.date(1997, 9, 30)


@pytest.fixture(scope="module")
def summary() -> dict[str, np.ndarray]:
    """Weekly summary of the CDNOW sample, worked out from its purchases as the papers define it."""
    days: dict[str, dict[dt.date, float]] = defaultdict(lambda: defaultdict(float))
    with (DATA / "cdnow_sample.csv").open() as file:
        for row in csv.DictReader(file):
            day = dt.date.fromisoformat(row["date"])
            days[row["customer_id"]][day] += float(row["dollar_value"])
    columns: dict[str, list[float]] = defaultdict(list)
    for customer, amounts in sorted(days.items()):
        known = sorted(day for day in amounts if day <= CALIBRATION_END)
        if not known:
            continue
        columns["customer"].append(float(customer))
        columns["frequency"].append(len(known) - 1)
        columns["recency"].append((known[-1] - known[0]).days / 7)
        columns["age"].append((CALIBRATION_END - known[0]).days / 7)
        columns["amount"].append(np.mean([amounts[day] for day in known[1:]]) if len(known) > 1 else 0.0)
        columns["later"].append(len(amounts) - len(known))
    return {name: np.array(values) for name, values in columns.items()}


@pytest.fixture(scope="module")
def fitted(summary: dict[str, np.ndarray]) -> Buying:
    return fit_buying(summary["frequency"], summary["recency"], summary["age"])


def test_summary__is_the_reference_one(summary: dict[str, np.ndarray]) -> None:
    """Same-day purchases merged, the first one not counted, T from the first purchase."""
    with (DATA / "cdnow_sample_btyd_summary_week39.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(summary["frequency"]) == 2357
    for ours, theirs in (("frequency", "frequency"), ("recency", "recency"), ("age", "T"),
                         ("amount", "monetary_value"), ("later", "holdout_frequency")):  # fmt: skip
        assert np.allclose(summary[ours], [float(row[theirs]) for row in rows], atol=1e-4), ours


def test_cdnow__gives_the_published_parameters(fitted: Buying) -> None:
    assert (fitted.r, fitted.alpha, fitted.a, fitted.b) == pytest.approx(
        (0.243, 4.414, 0.793, 2.426), abs=5e-4
    )
    assert fitted.log_likelihood == pytest.approx(-9582.4, abs=0.05)


def test_cdnow__days_and_weeks_are_the_same_world(summary: dict[str, np.ndarray], fitted: Buying) -> None:
    daily = fit_buying(summary["frequency"], summary["recency"] * 7, summary["age"] * 7)
    assert (daily.r, daily.alpha / 7, daily.a, daily.b) == pytest.approx(
        (fitted.r, fitted.alpha, fitted.a, fitted.b), rel=2e-3
    )


def test_cdnow__expected_purchases_of_the_paper(fitted: Buying) -> None:
    """Customer 1516 of the paper: x = 2, t_x = 30.43, T = 38.86; 1.226 purchases in the 39 weeks after."""
    assert expected_purchases(fitted, 39, [2], [30.43], [38.86])[0] == pytest.approx(1.226, abs=1e-3)


def test_cdnow__the_coming_39_weeks(summary: dict[str, np.ndarray], fitted: Buying) -> None:
    """Out of sample: the total 12% too low, and each customer better than her own past rate carried on."""
    x, t_x, age = summary["frequency"], summary["recency"], summary["age"]
    expected = expected_purchases(fitted, 39, x, t_x, age)
    assert expected.sum() / summary["later"].sum() == pytest.approx(0.88, abs=0.01)
    rate = x / age * 39
    assert np.mean((expected - summary["later"]) ** 2) < np.mean((rate - summary["later"]) ** 2)
    alive = probability_alive(fitted, x, t_x, age)
    assert np.all((alive > 0) & (alive <= 1))
    assert np.all(alive[x == 0] == 1)


def test_cdnow__gamma_gamma_gives_the_published_parameters(summary: dict[str, np.ndarray]) -> None:
    found = fit_spending(summary["frequency"], summary["amount"])
    assert (found.p, found.q, found.v) == pytest.approx((6.25, 3.74, 15.45), rel=2e-3)
    everybody = expected_amount(found, [0], [0])[0]
    assert everybody == pytest.approx(found.p * found.v / (found.q - 1))
    # Shrunk towards everybody's mean, less so the more she bought.
    once, often = expected_amount(found, [1, 20], [200.0, 200.0])
    assert everybody < once < often < 200
    fen = fit_spending(summary["frequency"], summary["amount"] * 100)
    assert (fen.p, fen.q, fen.v) == pytest.approx((found.p, found.q, found.v * 100), rel=1e-3)
    assert fen.log_likelihood == pytest.approx(
        found.log_likelihood
        - np.count_nonzero((summary["frequency"] > 0) & (summary["amount"] > 0)) * np.log(100)
    )


def simulate(true: Buying, customers: int, seed: int) -> tuple[np.ndarray, ...]:
    """Customers of a BG/NBD world watched for 40 to 80 weeks: x, t_x, T, and purchases in the 26 weeks after."""
    chance = np.random.default_rng(seed)
    age = chance.uniform(40, 80, customers)
    rate = chance.gamma(true.r, 1 / true.alpha, customers)
    leaves = chance.beta(true.a, true.b, customers)
    x, t_x, later = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    for number in range(customers):
        at = 0.0
        while True:
            at += chance.exponential(1 / rate[number])
            if at > age[number] + 26:
                break
            if at <= age[number]:
                x[number], t_x[number] = x[number] + 1, at
            else:
                later[number] += 1
            if chance.random() < leaves[number]:
                break
    return x, t_x, age, later


@pytest.mark.parametrize(
    "true", [Buying(0.8, 6.0, 0.9, 2.5), Buying(0.4, 2.0, 1.6, 4.0)], ids=["loyal", "fleeting"]
)
def test_known_world__is_recovered(true: Buying) -> None:
    x, t_x, age, later = simulate(true, 20_000, seed=20261122)
    found = fit_buying(x, t_x, age)
    truth = buying_log_likelihood(true, x, t_x, age).sum()
    assert found.log_likelihood >= truth, "the truth is one of the candidates"
    assert (found.r, found.alpha) == pytest.approx((true.r, true.alpha), rel=0.1)
    assert found.a / (found.a + found.b) == pytest.approx(true.a / (true.a + true.b), rel=0.1)
    assert expected_purchases(found, 26, x, t_x, age).sum() == pytest.approx(later.sum(), rel=0.05)


def test_known_spending__is_recovered() -> None:
    true, chance = Spending(5.0, 4.0, 9000.0), np.random.default_rng(7)
    x = chance.integers(1, 8, 30_000)
    own = chance.gamma(true.q, 1 / true.v, len(x))
    mean = chance.gamma(true.p * x, 1 / own) / x
    found = fit_spending(x, mean)
    assert (found.p, found.q, found.v) == pytest.approx((true.p, true.q, true.v), rel=0.05)


def test_wrong_numbers__are_told() -> None:
    with pytest.raises(ValueError, match="customer 1 has 0, 3, 9"):
        fit_buying([1, 0], [3, 3], [9, 9])
    with pytest.raises(FitError, match="bought again"):
        fit_buying([0, 0], [0, 0], [9, 9])
    with pytest.raises(FitError, match="got 0"):
        fit_spending([1, 2], [0, -5])
