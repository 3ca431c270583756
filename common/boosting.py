"""Gradient-boosted trees over the feature table: learned, kept as text, loaded and asked again with the same answer.

LightGBM is imported where it is needed. Learning is seeded and single-minded: the same rows in the same order give the
same trees on the same machine; a loaded model gives each customer the same score whoever else is asked about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SEED = 20261122


@dataclass(frozen=True)
class Boosted:
    """A learned model. ``classes`` are the values of a model of several; a model of yes and no has none."""

    features: tuple[str, ...]
    booster: str
    classes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what ``from_json`` reads."""
        return {"features": list(self.features), "classes": list(self.classes), "booster": self.booster}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Boosted:
        """Return the model that ``as_json`` wrote.

        Raises:
            KeyError: a part is missing.
        """
        return cls(tuple(value["features"]), value["booster"], tuple(value["classes"]))


def learn(
    rows: Floats,
    labels: npt.NDArray[np.int64],
    features: tuple[str, ...],
    classes: tuple[str, ...] = (),
    *,
    rounds: int,
) -> Boosted:
    """Return a model that tells labels (0 and 1, or positions in ``classes``) from rows of features."""
    import lightgbm

    settings: dict[str, Any] = {
        "objective": "multiclass" if classes else "binary",
        "learning_rate": 0.1,
        "num_leaves": 15,
        # Small leaves remember customers instead of learning from them.
        "min_data_in_leaf": max(20, len(rows) // 2000),
        "feature_fraction": 0.8,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "seed": SEED,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    if classes:
        settings["num_class"] = len(classes)
    data = lightgbm.Dataset(rows, labels, feature_name=list(features), free_raw_data=True)
    booster = lightgbm.train(settings, data, num_boost_round=rounds)
    return Boosted(features, booster.model_to_string(), classes)


class Reader:
    """A learned model ready to be asked."""

    def __init__(self, model: Boosted) -> None:
        import lightgbm

        self.model = model
        self._booster = lightgbm.Booster(model_str=model.booster)

    def probabilities(self, rows: Floats) -> Floats:
        """Return the probability of yes per row, or one column per class."""
        if not len(rows):
            return np.empty((0, len(self.model.classes)) if self.model.classes else 0)
        return np.asarray(self._booster.predict(rows), float)

    def importance(self) -> dict[str, float]:
        """Return each feature's share of what the trees gained, adding up to 1."""
        gains = self._booster.feature_importance("gain")
        total = float(gains.sum()) or 1.0
        return {
            name: float(gain) / total for name, gain in zip(self._booster.feature_name(), gains, strict=True)
        }
