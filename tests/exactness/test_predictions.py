"""Predictions equal their rebuild, whatever model versions arrive in between; a replay uses the version of its day."""

from __future__ import annotations

import datetime as dt
import json
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from common.boosting import learn
from common.clock import UTC
from common.lake import Lake, LoadReport, load_id_of
from common.scoring import FEATURES, habit_features
from common.settings import DBT_PROJECT_DIR, Settings
from common.streams import STREAMS
from orchestration.project import public_tables
from orchestration.publish import publish
from orchestration.rules.load import load_rules
from orchestration.verdict_chain import FILE, verdict_chain
from orchestration.why_prediction import explain_prediction, is_prediction
from tests.exactness.dbt_home import DbtHome, differing_rows
from tests.exactness.histories import Step, deliver, histories, one_of_everything

START = dt.datetime(2026, 6, 1, tzinfo=UTC)
CLASSES = ("类目", "O'Neill 茶")
SCORES = (
    "select customer_id, prediction_code, score, predicted_value, model_version, as_of::varchar "
    "from marts.customer_predictions order by all"
)


@pytest.fixture(scope="module")
def boosters() -> dict[str, str]:
    """Learned from noise: what they say does not matter here, only that it depends on every feature."""
    chance = np.random.default_rng(1)
    rows = np.round(chance.exponential(50, (600, len(FEATURES) + 4)))
    labels = (rows.sum(axis=1) > np.median(rows.sum(axis=1))).astype(np.int64)
    yes_no = learn(rows[:, :-4], labels, FEATURES, rounds=20)
    names = (*FEATURES, *habit_features(2))
    category = learn(rows, labels, names, CLASSES, rounds=20)
    return {
        "repurchase_30d": json.dumps(yes_no.as_json()),
        "churn_90d": json.dumps(yes_no.as_json()),
        "next_category": json.dumps(category.as_json()),
    }


def versions(
    boosters: dict[str, str], trained: dt.date, number: int, *codes: str, promoted: bool = True
) -> list[dict]:
    """Rows of a training, as it would land them; the number makes their parameters differ."""
    parameters = {
        "purchases": json.dumps({"r": 0.3 + number / 10, "alpha": 4.4, "a": 0.8, "b": 2.4, "log_likelihood": -1.0}),
        "order_value": json.dumps({"p": 6.0, "q": 3.7, "v": 1500.0 + number, "log_likelihood": -1.0}),
        **boosters,
    }  # fmt: skip
    empty = dict.fromkeys(STREAMS["siyu/prediction_models"].columns.names)
    return [
        empty
        | {
            "model_version": f"{code}@{trained}#{number}",
            "model_code": code,
            "trained_as_of": trained,
            "is_promoted": promoted,
            "parameters": parameters[code],
            "metrics": "{}",
        }
        for code in codes or parameters
    ]


def land(lake: Lake, rows: list[dict], at: dt.datetime) -> dt.datetime:
    stream = STREAMS["siyu/prediction_models"]
    lake.admit(lake.arrive_rows(stream, rows, LoadReport(stream.key, "test", len(rows))), at=at)
    return at + dt.timedelta(microseconds=1)


def test_incremental_runs__equal_one_rebuild(home: DbtHome, boosters: dict[str, str]) -> None:
    scored = []

    @seed(20261122)
    @settings(
        max_examples=3, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(histories(fewest=30), st.data())
    def compare(steps: list[Step], data: st.DataObject) -> None:
        home.clear()
        at = START
        for number, step in enumerate(steps):
            at = deliver(home.lake, step, at)
            # Also versions that have seen a later day, and ones that were not good enough.
            offset = data.draw(st.sampled_from([None, 0, -3, 4]))
            if offset is not None:
                trained = step.as_of + dt.timedelta(days=offset)
                codes = data.draw(st.sampled_from([(), (), ("purchases",), ("next_category", "churn_90d")]))
                promoted = data.draw(st.sampled_from([True, True, True, False]))
                rows = versions(boosters, trained, number, *codes, promoted=promoted)
                at = land(home.lake, rows, at)
            home.run(step.as_of.isoformat())
        kinds = home.query("select is_rebuild from meta.run_log order by run_no")
        assert kinds == [(True,)] + [(False,)] * (len(steps) - 1)
        step_by_step = home.put_warehouse_aside("step_by_step")
        home.run(steps[-1].as_of.isoformat())
        differences = differing_rows(step_by_step, home.warehouse)
        assert not {table: count for table, count in differences.items() if count}
        scored.append(len(home.query(SCORES)))

    compare()
    assert sum(1 for count in scored if count) >= 2, "nothing was scored: nothing was compared"


def test_replay__uses_the_version_of_its_day(home: DbtHome, boosters: dict[str, str]) -> None:
    home.clear()
    step = one_of_everything(seed=5)
    at = deliver(home.lake, step, START)
    first, later = step.as_of - dt.timedelta(days=1), step.as_of + dt.timedelta(days=5)
    at = land(home.lake, versions(boosters, first, 1), at)
    knew_one = load_id_of(at - dt.timedelta(microseconds=1))
    home.run(step.as_of.isoformat())
    then = home.query(SCORES)
    assert {row[1] for row in then} == {
        "expected_purchases_90d", "probability_alive", "expected_order_value", "expected_spend_90d", "repurchase_30d",
        "churn_90d", "next_category",
    }  # fmt: skip
    assert {row[3] for row in then if row[1] == "next_category"} <= set(CLASSES)
    at = land(home.lake, versions(boosters, later, 2), at)
    at = land(home.lake, versions(boosters, later, 3, promoted=False), at)
    home.run(step.as_of.isoformat())
    assert home.query(SCORES) == then, "a version that has seen later days says nothing of this one"
    home.run(later.isoformat())
    assert home.query("select is_rebuild from meta.run_log order by run_no desc limit 1") == [(False,)]
    now = home.query("select distinct split_part(model_version, '@', 2) from marts.customer_predictions")
    assert now == [(f"{later}#2",)], "the newest promoted one; what was not good enough changes nothing"
    states = "select model_version, is_promoted, is_in_force from marts.prediction_models order by all"
    assert home.query(states) == sorted(
        (f"{code}@{day}#{number}", number != 3, number == 2)
        for code in ("purchases", "order_value", "repurchase_30d", "churn_90d", "next_category")
        for day, number in ((first, 1), (later, 2), (later, 3))
    )
    home.run(step.as_of.isoformat(), known_at=knew_one)
    assert home.query(SCORES) == then


def test_scores__are_those_of_the_scoring_day(home: DbtHome, boosters: dict[str, str]) -> None:
    """Between two Sundays nothing that happens in the new week counts, and only whose past changed is looked at."""
    home.clear()
    step = one_of_everything(seed=6)
    sunday = step.as_of + dt.timedelta(days=6 - step.as_of.weekday())
    at = deliver(home.lake, step, START)
    at = land(home.lake, versions(boosters, step.as_of, 1), at)
    home.run(sunday.isoformat())
    before = home.query(SCORES)
    assert {row[5] for row in before} == {sunday.isoformat()}
    home.run((sunday + dt.timedelta(days=6)).isoformat())
    assert home.query(SCORES) == before
    assert home.query("select count(*) from intermediate.int_run__scores") < [
        (len({row[0] for row in before}),)
    ]
    home.run((sunday + dt.timedelta(days=7)).isoformat())
    assert {row[5] for row in home.query(SCORES)} == {(sunday + dt.timedelta(days=7)).isoformat()}


def test_why__says_the_version_and_what_it_saw(home: DbtHome) -> None:
    """The inputs are computed anew from published facts: they are those of the view that was scored."""
    home.clear()
    step = one_of_everything(seed=6)
    at = deliver(home.lake, step, START)
    land(home.lake, versions({}, step.as_of, 1, "purchases", "order_value"), at)
    home.run(step.as_of.isoformat())
    settings_ = Settings(_env_file=None, home=home.home)
    tables = public_tables(home.home / "target" / "manifest.json")
    chain = verdict_chain(home.home / "target" / "compiled", tables, load_rules(DBT_PROJECT_DIR))
    publish(settings_, tables, run_id="test", notes={FILE: chain.dumped()})
    features = home.query("select to_json(f)::varchar from intermediate.int_run__prediction_features as f")
    seen = {row["customer_id"]: row for row in (json.loads(text) for (text,) in features)}
    scores = {(row[0], row[1]): row for row in home.query(SCORES)}
    assert len(seen) >= 3
    for customer, row in seen.items():
        found = explain_prediction(settings_, customer, "probability_alive")
        assert {**found.inputs, "scored_date": str(found.scored_date)} == {
            name: value for name, value in row.items() if name != "customer_id"
        }
        assert (found.score, found.model_version) == (
            scores[customer, "probability_alive"][2], f"purchases@{step.as_of}#1"
        )  # fmt: skip
    other = home.query(
        "select min(customer_id) from marts.dim_customers where customer_id not in "
        "(select customer_id from intermediate.int_run__prediction_features)"
    )[0][0]
    nobody = explain_prediction(settings_, other, "probability_alive")
    assert (nobody.score, nobody.inputs) == (None, {})
    assert explain_prediction(settings_, other, "churn_90d").model_version is None
    assert not is_prediction(settings_, "lifecycle_stage")
    assert home.query(
        "select name_zh, made, model_version, customer_count from marts.tag_catalog "
        "where tag_code = 'probability_alive'"
    ) == [("仍在购买的概率", "prediction", f"purchases@{step.as_of}#1", len(seen))]
    shutil.rmtree(settings_.published_dir)


def test_home_without_a_model__scores_nobody(home: DbtHome) -> None:
    home.clear()
    deliver(home.lake, one_of_everything(seed=7), START)
    home.run("2026-05-01")
    assert home.query("select count(*) from marts.customer_predictions") == [(0,)]
    assert home.query(
        "select count(*), count(model_version), count(name_zh) from marts.prediction_catalog"
    ) == [(7, 0, 7)]
    assert home.query("select count(*) > 0 from intermediate.int_run__prediction_features") == [(True,)]
