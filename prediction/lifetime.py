"""Purchases (BG/NBD) and order value (Gamma-Gamma): fitted on a past day, tested on what followed, fitted again on all.

Four and three parameters cannot remember customers, so what is tested is the way of fitting; in force come the
parameters of the whole history, as the papers do it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.metadata import version as installed
from typing import Any

import numpy as np

from common.btyd import (
    LEAST,
    MOST,
    Buying,
    FitError,
    Spending,
    expected_amount,
    expected_purchases,
    fit_buying,
    fit_spending,
)
from common.scoring import (
    ORDER_VALUE,
    PURCHASE_DAYS,
    PURCHASES,
    UNIT_DAYS,
    buying_numbers,
    spending_numbers,
)
from prediction.days import Looks
from prediction.measures import Floats, amounts
from prediction.promotion import Check, beats, decide, keeps_up, measure_of, total_right
from prediction.snapshots import Look, Snapshots
from prediction.versions import Version

_SPAN = PURCHASE_DAYS / UNIT_DAYS


class NotEnoughHistoryError(ValueError):
    """A model cannot be tried yet; the message says what it needs."""


@dataclass(frozen=True)
class Trial:
    """What every trial of a model needs. ``in_force`` are the parameters of the version in force, or None."""

    snapshots: Snapshots
    looks: Looks
    known_load_id: str
    in_force: dict[str, Any] | None

    def version(
        self, code: str, checks: list[Check], metrics: dict[str, Any], parameters: dict[str, Any], **more: Any
    ) -> Version:
        """Return the version that the checks allow or not."""
        promoted, reason = decide(checks)
        return Version(
            model_code=code,
            trained_as_of=self.looks.as_of,
            known_load_id=self.known_load_id,
            is_promoted=promoted,
            reason=reason,
            metrics=metrics,
            parameters=parameters,
            **more,
        )


def try_purchases(trial: Trial) -> Version:
    """Return a BG/NBD version: expected purchase days of 90, tested against each customer's own past rate.

    Raises:
        NotEnoughHistoryError: no look has 90 days after it, or nobody bought again.
    """
    test, newest = _looks(trial)
    actual = test.days_after.astype(float)
    fitted = _fit(fit_buying, *buying_numbers(test.columns))
    final = _fit(fit_buying, *buying_numbers(newest.columns))

    def measured(model: Buying) -> dict[str, Any]:
        return amounts(actual, expected_purchases(model, _SPAN, *buying_numbers(test.columns)))

    x, _, age = buying_numbers(test.columns)
    # Whoever bought once and today is no buyer of infinite rate.
    baseline = amounts(actual, x / np.maximum(age, _SPAN) * _SPAN)
    found = measured(fitted)
    before = measured(Buying(**trial.in_force)) if trial.in_force else None
    checks = [
        beats("rmse", found["rmse"], baseline["rmse"], smaller_is_better=True),
        keeps_up("rmse", found["rmse"], measure_of(before, "rmse"), smaller_is_better=True),
        total_right(found["total_ratio"]),
        _settled(final),
    ]
    metrics = {"test": found, "baseline": baseline, "in_force": before, "baseline_is": "own past rate"}
    return trial.version(PURCHASES, checks, metrics, asdict(final), **_about(trial, test, newest))


def try_order_value(trial: Trial) -> Version:
    """Return a Gamma-Gamma version: expected fen of a purchase day, tested against everybody's mean.

    Raises:
        NotEnoughHistoryError: no look has 90 days after it, or too few bought again.
    """
    test, newest = _looks(trial)
    bought = test.days_after > 0
    if not np.any(bought):
        raise NotEnoughHistoryError(
            f"expected purchases in the {PURCHASE_DAYS} days after {test.day}, got none"
        )
    actual = (test.paid_after[bought] / test.days_after[bought]).astype(float)
    fitted = _fit(fit_spending, *spending_numbers(test.columns))
    final = _fit(fit_spending, *spending_numbers(newest.columns))

    def measured(model: Spending) -> dict[str, Any]:
        expected = expected_amount(model, *spending_numbers(test.columns))[bought]
        return amounts(actual, np.nan_to_num(expected))

    days = test.columns["repeat_count"] + 1
    everybody: Floats = np.full(len(actual), test.columns["paid_fen"].sum() / days.sum())
    found, baseline = measured(fitted), amounts(actual, everybody)
    before = measured(Spending(**trial.in_force)) if trial.in_force else None
    checks = [
        beats("rmse", found["rmse"], baseline["rmse"], smaller_is_better=True),
        keeps_up("rmse", found["rmse"], measure_of(before, "rmse"), smaller_is_better=True),
        total_right(found["total_ratio"]),
        Check(final.q > 1, f"q {final.q:.2f}, above 1 everybody's mean exists"),
        _settled(final),
    ]
    metrics = {"test": found, "baseline": baseline, "in_force": before, "baseline_is": "everybody's mean"}
    return trial.version(ORDER_VALUE, checks, metrics, asdict(final), **_about(trial, test, newest))


def _looks(trial: Trial) -> tuple[Look, Look]:
    if not trial.looks.test_long:
        raise NotEnoughHistoryError(
            f"expected orders from more than {PURCHASE_DAYS} days before {trial.looks.as_of}; wait for more history"
        )
    test = trial.snapshots.look(trial.looks.test_long[-1], PURCHASE_DAYS)
    if not len(test):
        raise NotEnoughHistoryError(f"nobody was known to have bought on {test.day}; see --history-loaded-by")
    return test, trial.snapshots.look(trial.looks.newest, 0)


def _fit(fit: Any, *numbers: Any) -> Any:
    try:
        return fit(*numbers)
    except FitError as error:
        raise NotEnoughHistoryError(str(error)) from error


def _settled(model: Buying | Spending) -> Check:
    values = {name: value for name, value in asdict(model).items() if name not in ("log_likelihood", "v")}
    at_edge = [name for name, value in values.items() if value <= LEAST * 1.01 or value >= MOST / 1.01]
    return Check(not at_edge, f"parameters at the edge: {', '.join(at_edge) or 'none'}")


def _about(trial: Trial, test: Look, newest: Look) -> dict[str, Any]:
    return {
        "train_days": (test.day, newest.day),
        "test_days": (test.day,),
        "train_count": len(newest),
        "test_count": len(test),
        "source": f"scipy {installed('scipy')}",
    }
