"""Training as Dagster and the command line see it: a job of its own, metadata with plots, refusals that help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from common.lake import Lake
from common.settings import Settings
from orchestration.assets import prediction
from orchestration.assets.checks import CRITICAL
from orchestration.assets.prediction import MODELS_KEY, TRAIN_JOB, prediction_asset, training_automation
from orchestration.daily import JOB_NAME
from orchestration.definitions import build_definitions
from orchestration.landing import land_arrivals
from orchestration.training import Trained, train_models
from prediction.train import try_models
from prediction.versions import PREDICTION_MODELS, arrive
from sandbox.generate.plan import Mix, Plan
from sandbox.generate.writer import Writer
from tests.prediction.worlds import AS_OF, LOOKS, by_spending, world


def test_training__is_no_part_of_the_daily_job(tmp_path: Path) -> None:
    definitions = build_definitions(Settings(_env_file=None, home=tmp_path))
    daily, training = (definitions.resolve_job_def(name) for name in (JOB_NAME, TRAIN_JOB))
    assert MODELS_KEY not in daily.asset_layer.executable_asset_keys
    assert training.asset_layer.executable_asset_keys == {MODELS_KEY}
    children = definitions.resolve_asset_graph().get(MODELS_KEY).child_keys
    assert children == {dg.AssetKey(["staging", "stg_siyu__prediction_models"])}


def test_schedule__is_off_unless_asked_for(tmp_path: Path) -> None:
    for switched_on, status in (
        (False, dg.DefaultScheduleStatus.STOPPED),
        (True, dg.DefaultScheduleStatus.RUNNING),
    ):
        _, schedule = training_automation(Settings(_env_file=None, home=tmp_path, schedules=switched_on))
        assert schedule.default_status == status
        assert schedule.execution_timezone == "Asia/Shanghai"


def test_asset__shows_verdicts_measures_and_plots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(_env_file=None, home=tmp_path / "home")
    lake = Lake(settings.lake_dir)
    lake.ensure()
    training = try_models(lake, world(tmp_path / "world", by_spending), LOOKS, "20261101T000000000000Z")
    arrival = arrive(lake, training)
    assert arrival is not None
    landed = land_arrivals(settings, lake, PREDICTION_MODELS, [arrival])
    assert [result.held_reasons for result in landed] == [[]]
    monkeypatch.setattr(prediction, "train_models", lambda *_, **__: Trained(training, landed))
    result = dg.materialize([prediction_asset(settings)])
    (event,) = result.asset_materializations_for_node(TRAIN_JOB)
    assert event.metadata["as_of"].value == AS_OF.isoformat()
    assert "repurchase_30d" in event.metadata["verdicts"].value
    assert event.metadata["repurchase_30d/plots"].value.count("data:image/png;base64,") == 2
    assert event.metadata["repurchase_30d/measures"].value["test"]["auc"] > 0.9
    checks = {each.check_name: each.passed for each in result.get_asset_check_evaluations()}
    assert checks[CRITICAL]


def test_empty_lake__is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIYU_HOME", str(tmp_path / "home"))
    code = "from orchestration.cli import app; app()"
    done = subprocess.run(
        [sys.executable, "-c", code, "predict", "train"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "the lake is empty" in done.stderr
    listed = subprocess.run(
        [sys.executable, "-c", code, "predict", "models"], capture_output=True, text=True, check=True
    )
    assert "siyu predict train" in listed.stdout


@pytest.mark.long
def test_replays__leave_nothing_behind(tmp_path: Path) -> None:
    """The real thing: dbt children in a scratch home with this home's lake."""
    settings = Settings(_env_file=None, home=tmp_path)
    mix = Mix(members=0, phones=0, orders=4, most_lines=0, identified_orders=0, coupon_uses=0, points_changes=0,
              shop_orders=0, contacts=0, groups=0, lives=False)  # fmt: skip
    plan = Plan(400, history=130, mix=mix, last_day=AS_OF)
    Writer(Lake(settings.lake_dir), plan, lambda text: None).write_days()
    before = sorted(path.name for path in tmp_path.iterdir())
    trained = train_models(settings, as_of=AS_OF)
    assert {"purchases", "order_value"} <= {version.model_code for version in trained.training.versions}
    assert "history" in trained.training.not_tried["churn_90d"]
    assert not settings.warehouse_path.exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith((".replay", ".training"))]
    assert set(before) <= {path.name for path in tmp_path.iterdir()}
