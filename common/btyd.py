"""Buy till you die: how often a customer will buy again (BG/NBD) and what an order of hers is worth (Gamma-Gamma).

Definitions as published: Fader, Hardie & Lee (2005), "Counting Your Customers the Easy Way"; Fader & Hardie (2013),
"The Gamma-Gamma Model of Monetary Value". A customer is summed up by three numbers, in one unit of time:

- ``frequency`` x: repeat purchase periods (days with a purchase, the first one not counted);
- ``recency`` t_x: from the first purchase day to the last one, 0 when x is 0;
- ``age`` T: from the first purchase day to the day of looking.

Pure functions over numpy arrays; scipy is imported where it is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Parameters are searched between these: beyond, customers are all alike and the data say nothing about how they differ.
LEAST, MOST = 1e-4, 1e5


class FitError(ValueError):
    """The parameters could not be found; the message says what the data lack."""


@dataclass(frozen=True)
class Buying:
    """Parameters of BG/NBD: purchase rates are Gamma(r, alpha), chances to drop out after a purchase Beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float = float("nan")


@dataclass(frozen=True)
class Spending:
    """Parameters of Gamma-Gamma; ``v`` is in the unit of the amounts."""

    p: float
    q: float
    v: float
    log_likelihood: float = float("nan")


def fit_buying(frequency: Any, recency: Any, age: Any) -> Buying:
    """Return the BG/NBD parameters of greatest likelihood.

    Raises:
        FitError: there are no customers or no repeat purchase, or the search does not settle.
        ValueError: the numbers contradict each other.
    """
    x, t_x, age_ = _checked(frequency, recency, age)
    if not np.any(x > 0):
        raise FitError(
            f"expected customers who bought again, got none among {len(x):,}; wait for more history"
        )
    # Customers with the same three numbers are as likely as each other: looked at once.
    summary, counts = np.unique(np.stack([x, t_x, age_]), axis=1, return_counts=True)

    def loss(logs: Floats) -> float:
        return -float(np.dot(_buying_log_likelihood(np.exp(logs), *summary), counts)) / len(x)

    # Rates have the unit 1 / time: alpha starts at the mean age so that days and weeks do equally well.
    found = _least(loss, np.log([1.0, max(float(np.mean(age_)), 1e-3), 1.0, 1.0]))
    r, alpha, a, b = (float(each) for each in np.exp(found.x))
    return Buying(r, alpha, a, b, -float(found.fun) * len(x))


def fit_spending(frequency: Any, mean_amount: Any) -> Spending:
    """Return the Gamma-Gamma parameters of greatest likelihood, of customers who bought again and paid something.

    ``mean_amount`` is the mean over the ``frequency`` repeat purchases, in any unit of money.

    Raises:
        FitError: fewer than two such customers, or the search does not settle.
    """
    x, mean = np.asarray(frequency, float), np.asarray(mean_amount, float)
    usable = (x > 0) & (mean > 0) & np.isfinite(mean)
    if np.count_nonzero(usable) < 2:
        raise FitError(f"expected two customers who bought again and paid, got {np.count_nonzero(usable)}")
    # v is a sum of money: looking for it in units of the mean keeps fen and yuan the same problem.
    unit = float(np.mean(mean[usable]))
    summary, counts = np.unique(np.stack([x[usable], mean[usable] / unit]), axis=1, return_counts=True)

    def loss(logs: Floats) -> float:
        return -float(np.dot(_spending_log_likelihood(np.exp(logs), *summary), counts)) / counts.sum()

    found = _least(loss, np.log([2.0, 3.0, 1.0]))
    p, q, v = (float(each) for each in np.exp(found.x))
    log_likelihood = -float(found.fun + np.log(unit)) * int(counts.sum())
    return Spending(p, q, v * unit, log_likelihood)


def buying_log_likelihood(model: Buying, frequency: Any, recency: Any, age: Any) -> Floats:
    """Return each customer's log-likelihood under BG/NBD."""
    return _buying_log_likelihood(
        (model.r, model.alpha, model.a, model.b), *_checked(frequency, recency, age)
    )


def probability_alive(model: Buying, frequency: Any, recency: Any, age: Any) -> Floats:
    """Return the probability that each customer still buys. Somebody without a repeat purchase has 1, by definition."""
    x, t_x, age_ = _checked(frequency, recency, age)
    return 1 / (1 + _odds_of_having_left(model, x, t_x, age_))


def expected_purchases(model: Buying, span: float, frequency: Any, recency: Any, age: Any) -> Floats:
    """Return the expected purchase periods of each customer in the coming ``span``, in the unit of her numbers."""
    from scipy.special import hyp2f1

    x, t_x, age_ = _checked(frequency, recency, age)
    r, alpha, b = model.r, model.alpha, model.b
    # The formula has a removable gap at a = 1.
    a = model.a if abs(model.a - 1) > 1e-7 else 1 + 1e-7
    gone = alpha + age_ + span
    series = hyp2f1(r + x, b + x, a + b + x - 1, span / gone)
    reached = 1 - np.exp((r + x) * np.log((alpha + age_) / gone)) * series
    return (a + b + x - 1) / (a - 1) * reached / (1 + _odds_of_having_left(model, x, t_x, age_))


def expected_amount(model: Spending, frequency: Any, mean_amount: Any) -> Floats:
    """Return the expected amount of a purchase of each customer: between her own mean and that of everybody.

    Who has not bought again gets everybody's. Below q = 1 that mean does not exist; those customers get NaN.
    """
    x, mean = np.asarray(frequency, float), np.asarray(mean_amount, float)
    x = np.where((mean > 0) & np.isfinite(mean), x, 0)
    weight = model.p * x + model.q - 1
    with np.errstate(invalid="ignore", divide="ignore"):
        amount = model.p * (model.v + x * np.where(x > 0, mean, 0)) / weight
    return np.where(weight > 0, amount, np.nan)


def _odds_of_having_left(model: Buying, x: Floats, t_x: Floats, age: Floats) -> Floats:
    ratio = np.exp((model.r + x) * np.log((model.alpha + age) / (model.alpha + t_x)))
    return np.where(x > 0, model.a / (model.b + np.maximum(x, 1) - 1) * ratio, 0.0)


def _buying_log_likelihood(parameters: Any, x: Floats, t_x: Floats, age: Floats) -> Floats:
    from scipy.special import betaln, gammaln

    r, alpha, a, b = parameters
    bought = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
    left = betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b) - (r + x) * np.log(alpha + t_x)
    result: Floats = bought + np.where(x > 0, np.logaddexp(alive, left), alive)
    return result


def _spending_log_likelihood(parameters: Any, x: Floats, mean: Floats) -> Floats:
    from scipy.special import gammaln

    p, q, v = parameters
    result: Floats = (
        gammaln(p * x + q) - gammaln(p * x) - gammaln(q)
        + q * np.log(v) + (p * x - 1) * np.log(mean) + p * x * np.log(x) - (p * x + q) * np.log(x * mean + v)
    )  # fmt: skip
    return result


def _least(loss: Any, start: Floats) -> Any:
    from scipy.optimize import minimize

    bounds = [(np.log(LEAST), np.log(MOST))] * len(start)
    near = minimize(loss, start, method="L-BFGS-B", bounds=bounds)
    # Numeric slopes end a little early; the simplex walks the rest, the same way each time.
    found = minimize(
        loss, near.x, method="Nelder-Mead", bounds=bounds,
        options={"maxiter": 4000, "xatol": 1e-6, "fatol": 1e-10},
    )  # fmt: skip
    if not found.success or not np.isfinite(found.fun):
        raise FitError(f"the fit did not settle ({found.message}); the history may be too short")
    return found


def _checked(frequency: Any, recency: Any, age: Any) -> tuple[Floats, Floats, Floats]:
    x, t_x, age_ = (np.asarray(each, float) for each in (frequency, recency, age))
    wrong = ~((x >= 0) & (t_x >= 0) & (t_x <= age_)) | ((x == 0) & (t_x > 0))
    if np.any(wrong):
        at = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"expected frequency >= 0 and 0 <= recency <= age, recency 0 without a repeat purchase; customer {at} "
            f"has {x[at]:g}, {t_x[at]:g}, {age_[at]:g}"
        )
    return x, t_x, age_
