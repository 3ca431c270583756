"""How good a prediction was, once the days after it have passed: AUC, calibration, lift, drift. Pure functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BINS = 10
# A probability of exactly 0 or 1 would make one surprise infinitely bad.
_EDGE = 1e-6


def auc(labels: npt.NDArray[Any], scores: Floats) -> float:
    """Return the chance that a random yes scores higher than a random no; ties count half. NaN without both kinds."""
    yes = labels.astype(bool)
    positives, negatives = int(yes.sum()), int((~yes).sum())
    if not positives or not negatives:
        return float("nan")
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return float((ranks[place][yes].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def auc_interval(value: float, positives: int, negatives: int) -> tuple[float, float]:
    """Return the 95% interval of an AUC (Hanley and McNeil 1982)."""
    if not positives or not negatives:
        return float("nan"), float("nan")
    both_yes, both_no = value / (2 - value), 2 * value**2 / (1 + value)
    variance = (
        value * (1 - value) + (positives - 1) * (both_yes - value**2) + (negatives - 1) * (both_no - value**2)
    ) / (positives * negatives)
    margin = 1.96 * np.sqrt(max(variance, 0.0))
    return float(max(0.0, value - margin)), float(min(1.0, value + margin))


def log_loss(labels: npt.NDArray[Any], probabilities: Floats) -> float:
    """Return the mean surprise in nats; smaller is better."""
    sure = np.clip(probabilities, _EDGE, 1 - _EDGE)
    return float(-np.mean(np.where(labels.astype(bool), np.log(sure), np.log(1 - sure))))


def tenths(labels: npt.NDArray[Any], scores: Floats) -> list[dict[str, float]]:
    """Return the customers in ten parts by score, lowest first: how many, mean score, share of yes."""
    order = np.argsort(scores, kind="stable")
    return [
        {
            "customers": len(part),
            "predicted": round(float(scores[part].mean()), 6),
            "observed": round(float(labels[part].mean()), 6),
        }
        for part in np.array_split(order, BINS)
        if len(part)
    ]


def binary(labels: npt.NDArray[Any], probabilities: Floats) -> dict[str, Any]:
    """Return all measures of a prediction of yes and no."""
    yes, total = int(labels.sum()), len(labels)
    area = auc(labels, probabilities)
    parts = tenths(labels, probabilities)
    rate = yes / total
    return {
        "auc": _short(area),
        "auc_interval": [_short(each) for each in auc_interval(area, yes, total - yes)],
        "log_loss": _short(log_loss(labels, probabilities)),
        "brier": _short(float(np.mean((probabilities - labels) ** 2))),
        "base_rate": _short(rate),
        # How far predicted and observed lie apart, over the ten parts.
        "calibration_error": _short(
            sum(part["customers"] * abs(part["predicted"] - part["observed"]) for part in parts) / total
        ),
        "lift_top_tenth": _short(parts[-1]["observed"] / rate) if rate else None,
        "tenths": parts,
    }


def amounts(actual: Floats, expected: Floats) -> dict[str, Any]:
    """Return the measures of an expected number: root mean square error, mean error, total expected ÷ actual."""
    return {
        "rmse": _short(float(np.sqrt(np.mean((expected - actual) ** 2)))),
        "mae": _short(float(np.mean(np.abs(expected - actual)))),
        "total_ratio": _short(float(expected.sum() / actual.sum())) if actual.sum() else None,
        "tenths": tenths(actual, expected),
    }


def psi(before: Floats, now: Floats) -> float:
    """Return the population stability index of a number: below 0.1 nothing moved, above 0.25 much did."""
    before, now = before[np.isfinite(before)], now[np.isfinite(now)]
    if not len(before) or not len(now):
        return 0.0 if len(before) == len(now) else float("inf")
    edges = np.unique(np.quantile(before, np.linspace(0, 1, BINS + 1)[1:-1]))
    shares = []
    for values in (before, now):
        counts = np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1)
        # Half a customer more in each part: an empty one is no infinite drift.
        shares.append((counts + 0.5) / (counts.sum() + 0.5 * len(counts)))
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


class RecencyOnly:
    """The baseline for yes and no: the share of yes among customers whose last purchase was as long ago."""

    def __init__(self, since_last: Floats, labels: npt.NDArray[Any]) -> None:
        self._edges = np.unique(np.quantile(since_last, np.linspace(0, 1, 21)[1:-1]))
        place = np.searchsorted(self._edges, since_last, side="right")
        yes = np.bincount(place, labels, len(self._edges) + 1)
        there = np.bincount(place, minlength=len(self._edges) + 1)
        # A few customers of the whole crowd in each part: none of them is sure of anything.
        self._rates = (yes + 5 * labels.mean()) / (there + 5)

    def probabilities(self, since_last: Floats) -> Floats:
        """Return the share of yes for each."""
        result: Floats = self._rates[np.searchsorted(self._edges, since_last, side="right")]
        return result


def _short(value: float) -> float:
    return round(value, 6)
