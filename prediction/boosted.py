"""Repurchase, churn and next category: trees learned from past looks, tested on later ones, and used as tested."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version as installed
from typing import Any

import numpy as np
import numpy.typing as npt

from common.boosting import Boosted, Reader, learn
from common.scoring import (
    CATEGORY_DAYS,
    CHURN,
    CHURN_DAYS,
    FEATURES,
    NEXT_CATEGORY,
    REPURCHASE,
    REPURCHASE_DAYS,
    habit_features,
    matrix,
    population,
)
from prediction.lifetime import NotEnoughHistoryError, Trial
from prediction.measures import Floats, RecencyOnly, binary, psi
from prediction.promotion import beats, keeps_up, measure_of, steady
from prediction.snapshots import Look
from prediction.versions import Version

HORIZONS = {REPURCHASE: REPURCHASE_DAYS, CHURN: CHURN_DAYS}
# Twice the trees at half the rate gain 0.004 of AUC (Complete Journey, 2026-11-22) and take twice as long to score.
ROUNDS, CATEGORY_ROUNDS = 60, 25
# Fewer of either kind than this teach nothing and test nothing.
FEWEST = 50
MOST_CLASSES = 12

Labels = npt.NDArray[np.int64]


def try_yes_no(code: str, trial: Trial) -> Version:
    """Return a version of repurchase_30d or churn_90d, tested against what recency alone says.

    Raises:
        NotEnoughHistoryError: no train or test look, or too few customers of either kind.
    """
    tests = trial.looks.test_short if code == REPURCHASE else trial.looks.test_long
    train = [_of(code, trial.snapshots.look(day, HORIZONS[code])) for day in trial.looks.train]
    test = [_of(code, trial.snapshots.look(day, HORIZONS[code])) for day in tests]
    _need_looks(trial, train, test)
    columns, labels = _together(train), _labels(code, train)
    test_columns, test_labels = _together(test), _labels(code, test)
    for what, there in (("learn from", labels), ("test on", test_labels)):
        few = min(int(there.sum()), int((1 - there).sum()))
        if few < FEWEST:
            raise NotEnoughHistoryError(f"expected {FEWEST} customers of either kind to {what}, got {few}")
    model = learn(matrix(columns, FEATURES), labels, FEATURES, rounds=ROUNDS)
    reader = Reader(model)
    found = binary(test_labels, reader.probabilities(matrix(test_columns, FEATURES)))
    recency = RecencyOnly(columns["since_last_days"].astype(float), labels)
    baseline = binary(test_labels, recency.probabilities(test_columns["since_last_days"].astype(float)))
    before: dict[str, Any] | None = None
    if (other := _in_force(trial, test_columns)) is not None:
        before = binary(test_labels, other.probabilities(matrix(test_columns, other.model.features)))
    newest = _of(code, trial.snapshots.look(trial.looks.newest, 0))
    drift = _drift(reader, columns, newest.columns)
    checks = [
        beats("auc", found["auc"], baseline["auc"], smaller_is_better=False),
        beats("log loss", found["log_loss"], baseline["log_loss"], smaller_is_better=True),
        keeps_up("log loss", found["log_loss"], measure_of(before, "log_loss"), smaller_is_better=True),
        steady("scores", drift["scores"]),
        steady("features", drift["features"]),
    ]
    metrics = {
        "test": found, "baseline": baseline, "baseline_is": "recency only", "in_force": before,
        "drift": drift, "importance": _top(reader.importance()),
    }  # fmt: skip
    return trial.version(code, checks, metrics, model.as_json(), **_about(train, test))


def try_category(trial: Trial) -> Version:
    """Return a version of next_category, tested against the category each customer bought most often so far.

    Raises:
        NotEnoughHistoryError: no train or test look, or too few purchases of two categories.
    """
    trained_on, tested_on = trial.looks.train, trial.looks.test_long
    counts = trial.snapshots.class_counts(trained_on, CATEGORY_DAYS)
    classes = tuple(name for name, count in list(counts.items())[:MOST_CLASSES] if count >= FEWEST)
    if len(classes) < 2:
        raise NotEnoughHistoryError(
            f"expected two categories that {FEWEST} customers bought next, got {len(classes)}; "
            "order lines bring categories"
        )
    train = [_with_class(trial.snapshots.look(day, CATEGORY_DAYS, classes), classes) for day in trained_on]
    test = [_with_class(trial.snapshots.look(day, CATEGORY_DAYS, classes), classes) for day in tested_on]
    _need_looks(trial, train, test)
    features = (*FEATURES, *habit_features(len(classes)))
    columns, test_columns = _together(train), _together(test)
    labels, test_labels = _class_labels(train, classes), _class_labels(test, classes)
    if len(test_labels) < FEWEST:
        raise NotEnoughHistoryError(
            f"expected {FEWEST} customers who bought again to test on, got {len(test_labels)}"
        )
    model = learn(matrix(columns, features), labels, features, classes, rounds=CATEGORY_ROUNDS)
    reader = Reader(model)
    found = _named_right(test_labels, reader.probabilities(matrix(test_columns, features)))
    usual = int(np.bincount(labels, minlength=len(classes)).argmax())
    guesses = np.concatenate([trial.snapshots.favourites(look, classes) for look in test])
    baseline = {"accuracy": round(float(np.mean(np.where(guesses < 0, usual, guesses) == test_labels)), 6)}
    before = None
    other = _in_force(trial, test_columns)
    # One with other categories answers another question.
    if other is not None and other.model.classes == classes:
        before = _named_right(test_labels, other.probabilities(matrix(test_columns, other.model.features)))
    newest = trial.snapshots.look(trial.looks.newest, 0, classes)
    drift = _drift(reader, columns, newest.columns)
    checks = [
        beats("accuracy", found["accuracy"], baseline["accuracy"], smaller_is_better=False),
        keeps_up("accuracy", found["accuracy"], measure_of(before, "accuracy"), smaller_is_better=False),
        steady("features", drift["features"]),
    ]
    metrics = {
        "test": found, "baseline": baseline, "baseline_is": "the category bought most often so far",
        "in_force": before, "drift": drift, "importance": _top(reader.importance()), "classes": list(classes),
    }  # fmt: skip
    return trial.version(NEXT_CATEGORY, checks, metrics, model.as_json(), **_about(train, test))


def _need_looks(trial: Trial, train: Sequence[Look], test: Sequence[Look]) -> None:
    if not any(len(look) for look in train) or not any(len(look) for look in test):
        raise NotEnoughHistoryError(
            f"expected customers to learn from on {_listed(trial.looks.train) or 'a day 180 days ago'} and to test on "
            f"{_listed(trial.looks.test_long) or 'a day 90 days ago'}; wait for more history (or --history-loaded-by)"
        )


def _of(code: str, look: Look) -> Look:
    """Return the customers of a look that the model speaks of."""
    return _where(look, population(code, look.columns))


def _with_class(look: Look, classes: Sequence[str]) -> Look:
    """Return the customers of a look who then bought one of the classes."""
    return _where(look, np.isin(look.category_after.astype(str), classes))


def _where(look: Look, kept: npt.NDArray[np.bool_]) -> Look:
    return Look(
        look.day,
        {name: values[kept] for name, values in look.columns.items()},
        look.days_after[kept],
        look.paid_after[kept],
        look.category_after[kept],
    )


def _together(looks: Sequence[Look]) -> dict[str, Floats]:
    return {name: np.concatenate([look.columns[name] for look in looks]) for name in looks[0].columns}


def _labels(code: str, looks: Sequence[Look]) -> Labels:
    bought = np.concatenate([look.days_after for look in looks]) > 0
    return (~bought if code == CHURN else bought).astype(np.int64)


def _class_labels(looks: Sequence[Look], classes: Sequence[str]) -> Labels:
    names = np.concatenate([look.category_after for look in looks]).tolist()
    position = {name: number for number, name in enumerate(classes)}
    return np.array([position[name] for name in names], dtype=np.int64)


def _in_force(trial: Trial, columns: dict[str, Floats]) -> Reader | None:
    """Return the version in force if it can still be asked with the features of now."""
    if trial.in_force is None:
        return None
    model = Boosted.from_json(trial.in_force)
    return Reader(model) if all(name in columns for name in model.features) else None


def _named_right(labels: Labels, probabilities: Floats) -> dict[str, Any]:
    order = np.argsort(-probabilities, axis=1, kind="stable")
    sure = np.clip(probabilities[np.arange(len(labels)), labels], 1e-6, 1)
    best = probabilities.max(axis=1)
    right = (order[:, 0] == labels).astype(np.int64)
    return {
        "accuracy": round(float(right.mean()), 6),
        "accuracy_top_3": round(float(np.mean((order[:, :3] == labels[:, None]).any(axis=1))), 6),
        "log_loss": round(float(-np.log(sure).mean()), 6),
        "tenths": binary(right, best)["tenths"] if 0 < right.sum() < len(right) else [],
    }


def _drift(reader: Reader, before: dict[str, Floats], now: dict[str, Floats]) -> dict[str, float]:
    """Return the drift of the scores, and of the features by how much each matters."""
    features = reader.model.features
    then_, now_ = matrix(before, features), matrix(now, features)
    shares = reader.importance()
    moved = {
        name: psi(then_[:, at], now_[:, at]) if shares[name] > 0 else 0.0 for at, name in enumerate(features)
    }
    scores = 0.0
    if not reader.model.classes:
        scores = psi(reader.probabilities(then_), reader.probabilities(now_))
    return {
        "scores": round(scores, 6),
        "features": round(sum(shares[name] * moved[name] for name in features), 6),
        **{f"feature {name}": round(moved[name], 6) for name in _top(shares) if np.isfinite(moved[name])},
    }


def _top(shares: dict[str, float], most: int = 10) -> dict[str, float]:
    ordered = sorted(shares.items(), key=lambda each: (-each[1], each[0]))[:most]
    return {name: round(share, 6) for name, share in ordered if share > 0}


def _about(train: Sequence[Look], test: Sequence[Look]) -> dict[str, Any]:
    return {
        "train_days": tuple(look.day for look in train),
        "test_days": tuple(look.day for look in test),
        "train_count": sum(len(look) for look in train),
        "test_count": sum(len(look) for look in test),
        "source": f"lightgbm {installed('lightgbm')}",
    }


def _listed(days: Sequence[Any]) -> str:
    return ", ".join(str(day) for day in days)
