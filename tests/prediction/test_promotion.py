"""What comes into force and what does not: worse than the baseline or than before, drifting, or too little known."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import pytest

from common.lake import Lake
from common.scoring import CHURN, MODELS, NEXT_CATEGORY, ORDER_VALUE, PURCHASES, REPURCHASE
from prediction.boosted import try_category, try_yes_no
from prediction.lifetime import NotEnoughHistoryError, Trial, try_order_value, try_purchases
from prediction.train import try_models
from prediction.versions import PREDICTION_MODELS, Training, Version, arrive, in_force
from tests.prediction.worlds import AS_OF, LOOKS, TEST, TRAIN, by_recency, by_spending, world

LOAD = "20261101T000000000000Z"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Trial:
    return Trial(world(tmp_path_factory.mktemp("good"), by_spending), LOOKS, LOAD, None)


@pytest.fixture(scope="module")
def repurchase(good: Trial) -> Version:
    return try_yes_no(REPURCHASE, good)


def test_better_than_recency__is_promoted(repurchase: Version) -> None:
    assert repurchase.is_promoted, repurchase.reason
    test, baseline = repurchase.metrics["test"], repurchase.metrics["baseline"]
    assert test["auc"] > 0.9 > 0.6 > baseline["auc"]
    assert test["calibration_error"] < 0.05
    assert next(iter(repurchase.metrics["importance"])) in ("paid_90d_fen", "mean_paid_fen")
    assert (repurchase.train_days, repurchase.test_days) == ((TRAIN,), (TEST,))
    assert repurchase.name.startswith(f"repurchase_30d@{AS_OF}#")


def test_same_training__gives_the_same_version(good: Trial, repurchase: Version) -> None:
    again = try_yes_no(REPURCHASE, good)
    assert again.name == repurchase.name
    assert again == repurchase


def test_no_better_than_recency__is_not_promoted(tmp_path: Path) -> None:
    version = try_yes_no(REPURCHASE, Trial(world(tmp_path, by_recency), LOOKS, LOAD, None))
    assert not version.is_promoted
    assert "baseline" in version.reason
    assert version.metrics["test"]["auc"] > 0.7, "it is no bad model, it is only no better"


def test_worse_than_the_one_in_force__is_not_promoted(tmp_path: Path, repurchase: Version) -> None:
    """A version learned from few customers, against one learned from many of the same world."""
    few = Trial(world(tmp_path, by_spending, customers=400, seed=9), LOOKS, LOAD, None)
    alone = try_yes_no(REPURCHASE, few)
    assert alone.is_promoted, alone.reason
    version = try_yes_no(REPURCHASE, replace(few, in_force=repurchase.parameters))
    assert version.metrics["in_force"]["log_loss"] < version.metrics["test"]["log_loss"] / 1.02
    assert not version.is_promoted
    assert "version in force" in version.reason


def test_drift__is_not_promoted(tmp_path: Path) -> None:
    """The customers of now pay thirty times what those paid that it learned from."""
    version = try_yes_no(REPURCHASE, Trial(world(tmp_path, by_spending, drift=30), LOOKS, LOAD, None))
    assert not version.is_promoted
    assert "drift" in version.reason
    assert version.metrics["test"]["auc"] > version.metrics["baseline"]["auc"], "on the test day all was well"


def test_churn__speaks_of_who_does_not_come_back(good: Trial) -> None:
    version = try_yes_no(CHURN, good)
    assert version.is_promoted, version.reason
    rate = try_yes_no(REPURCHASE, good).metrics["test"]["base_rate"]
    assert version.metrics["test"]["base_rate"] == pytest.approx(1 - rate)


def test_next_category__beats_the_favourite(good: Trial) -> None:
    version = try_category(good)
    assert version.is_promoted, version.reason
    assert sorted(version.metrics["classes"]) == sorted(["茶", "咖啡", "器具"])
    assert version.metrics["test"]["accuracy"] > 0.7
    assert version.metrics["baseline"]["accuracy"] < 0.2


def test_lifetime__is_tested_on_what_followed(good: Trial) -> None:
    purchases, value = try_purchases(good), try_order_value(good)
    assert set(purchases.parameters) == {"r", "alpha", "a", "b", "log_likelihood"}
    assert value.metrics["test"]["rmse"] < value.metrics["baseline"]["rmse"], "her own amounts say something"
    beaten = replace(good, in_force={"p": 900.0, "q": 1.5, "v": 900.0, "log_likelihood": 0.0})
    assert try_order_value(beaten).metrics["in_force"] is not None
    off = try_purchases(good).metrics["test"]["total_ratio"]
    assert ("expected total" in purchases.reason) or 1 / 1.5 <= off <= 1.5


def test_too_little_history__is_told(tmp_path: Path) -> None:
    few = Trial(world(tmp_path / "few", by_spending, customers=60), LOOKS, LOAD, None)
    with pytest.raises(NotEnoughHistoryError, match="of either kind"):
        try_yes_no(REPURCHASE, few)
    young = replace(LOOKS, train=(), test_long=(), test_short=())
    lake = Lake(tmp_path / "lake")
    lake.ensure()
    training = try_models(lake, world(tmp_path / "young", by_spending, looks=young), young, LOAD)
    assert training.versions == ()
    assert set(training.not_tried) == set(MODELS)
    assert all("history" in reason or "expected" in reason for reason in training.not_tried.values())


def test_last_good_version__stays_in_force(tmp_path: Path, good: Trial, repurchase: Version) -> None:
    """The rule of the lake: the newest promoted version that has seen no later day."""
    lake = Lake(tmp_path)
    lake.ensure()
    assert in_force(lake, AS_OF, "9") == {}
    bad = replace(repurchase, is_promoted=False, trained_as_of=AS_OF + dt.timedelta(days=30))
    value = try_order_value(good)
    for training in (Training(AS_OF, LOAD, (repurchase, value)), Training(AS_OF, LOAD, (bad,))):
        arrival = arrive(lake, training)
        assert arrival is not None
        assert lake.admit(arrival).load_id
    later = AS_OF + dt.timedelta(days=60)
    assert in_force(lake, later, "9")[REPURCHASE] == (repurchase.name, json.dumps(repurchase.parameters))
    assert in_force(lake, AS_OF - dt.timedelta(days=1), "9") == {}
    assert in_force(lake, later, LOAD) == {}, "landed after that load"
    again = arrive(lake, Training(AS_OF, LOAD, (repurchase, value)))
    assert again is not None
    assert lake.admit(again).load_id is None, "the same training lands once"
    assert len(lake.loads(PREDICTION_MODELS)) == 2
    assert {PURCHASES, ORDER_VALUE, NEXT_CATEGORY} <= set(MODELS)
