"""P13s: customers scored by all five models in a CPU second, through the code that the warehouse runs.

From rows of features in Parquet, read by DuckDB, to an Arrow table of scores. The features are drawn by chance and the
trees learned from them: what they say means nothing, how long it takes does.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

import numpy as np

from bench.measure import ROUNDS, Measure
from common.boosting import learn
from common.scoring import (
    CHURN,
    FEATURES,
    NEXT_CATEGORY,
    ORDER_VALUE,
    PURCHASES,
    REPURCHASE,
    Scorer,
    habit_features,
)
from common.warehouse import connect
from prediction.boosted import CATEGORY_ROUNDS
from prediction.boosted import ROUNDS as ROUNDS_OF_YES_NO

CUSTOMERS = 1_000_000
# Ten million in a minute on two cores.
GOAL = 10_000_000 / 60 / 2
CLASSES = tuple(f"category {number}" for number in range(12))


def p13s(asked: int | None, folder: Path) -> Measure:
    """Score all customers with everything in force, and with BG/NBD and Gamma-Gamma alone."""
    customers = asked or CUSTOMERS
    _write_features(folder, customers)
    parameters = _parameters()
    lifetime = {code: parameters[code] for code in (PURCHASES, ORDER_VALUE)}
    seconds: dict[str, list[float]] = {"all": [], "lifetime": []}
    for round_no in range(ROUNDS):
        for name, chosen in (("all", parameters), ("lifetime", lifetime)):
            seconds[name].append(_score(folder, chosen))
        print(
            f"  round {round_no + 1}: all models {seconds['all'][-1]:.1f} CPU seconds, BG/NBD and Gamma-Gamma "
            f"{seconds['lifetime'][-1]:.1f}",
            flush=True,
        )
    rates = {name: customers / statistics.median(each) for name, each in seconds.items()}
    details = {f"{name}_rows_per_cpu_second": rate for name, rate in rates.items()}
    return Measure(
        "P13s", rates["all"], "rows per CPU second", GOAL, "ten_million_in_a_minute", customers, details
    )


def _score(folder: Path, parameters: dict[str, str]) -> float:
    start = time.process_time()
    scorer = Scorer(parameters)
    with connect() as db:
        for name in ("features", "categories"):
            db.execute(f"create view {name} as from read_parquet('{folder / name}.parquet')")
        scored = scorer.score(db.execute(scorer.query()).to_arrow_reader(200_000))
    assert scored.num_rows > 0
    return time.process_time() - start


def _write_features(folder: Path, customers: int) -> None:
    with connect() as db:
        db.execute("select setseed(0.5)")
        whole = ", ".join(
            f"(random() * {most})::bigint as {name}"
            for name, most in {
                "item_count": 20, "live_order_count": 2, "channel_count": 3, "refund_count": 2, "refunded_fen": 9000,
                "orders_30d_count": 3, "paid_30d_fen": 30000, "orders_90d_count": 6, "paid_90d_fen": 90000,
                "refunds_90d_count": 2, "coupon_uses_90d_count": 3, "contact_adds_90d_count": 2,
                "group_joins_90d_count": 2, "messages_90d_count": 9, "moment_interactions_90d_count": 4,
                "active_contact_count": 2, "official_follow_count": 1,
            }.items()
        )  # fmt: skip
        db.execute(
            f"""
            copy (
                with drawn as (
                    select
                        i, floor(-ln(random()) * 3)::bigint as repeat_count, (random() * 500)::bigint as since,
                        {whole}
                    from range({customers}) as numbers(i)
                )
                select
                    md5(i::varchar) as customer_id, date '2026-10-25' as scored_date,
                    repeat_count, case when repeat_count > 0 then repeat_count * 30 else 0 end as recency_days,
                    recency_days + since as age_days, since as since_last_days, repeat_count + 1 as order_count,
                    (repeat_count + 1) * 12000 as paid_fen, repeat_count * 12000 as repeat_paid_fen,
                    * exclude (i, repeat_count, since)
                from drawn
            ) to '{folder}/features.parquet'
            """
        )
        db.execute(
            f"""
            copy (
                select customer_id, 'category ' || (random() * 11)::int as category, 1::bigint as order_count,
                    since_last_days
                from read_parquet('{folder}/features.parquet'), range(3)
                group by all
            ) to '{folder}/categories.parquet'
            """
        )


def _parameters() -> dict[str, str]:
    chance = np.random.default_rng(1)
    names = (*FEATURES, *habit_features(len(CLASSES)))
    rows = chance.exponential(30, (20_000, len(names)))
    yes = (rows[:, : len(FEATURES)].sum(axis=1) > 30 * len(FEATURES)).astype(np.int64)
    boosted = json.dumps(learn(rows[:, : len(FEATURES)], yes, FEATURES, rounds=ROUNDS_OF_YES_NO).as_json())
    classes = rows[:, -2 * len(CLASSES) :: 2].argmax(axis=1).astype(np.int64)
    category = json.dumps(learn(rows, classes, names, CLASSES, rounds=CATEGORY_ROUNDS).as_json())
    return {
        PURCHASES: json.dumps({"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}),
        ORDER_VALUE: json.dumps({"p": 6.25, "q": 3.74, "v": 15447.0}),
        REPURCHASE: boosted,
        CHURN: boosted,
        NEXT_CATEGORY: category,
    }
