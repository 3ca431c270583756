"""What model versions say of customers: parameters as JSON text and rows of features in, scores out.

Used by the warehouse to score and by the training to test, so that what is tested is what is used. The features come
from the same SQL in both (``int_run__prediction_features`` and ``int_run__prediction_categories``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from common.boosting import Boosted, Reader
from common.btyd import Buying, Spending, expected_amount, expected_purchases, probability_alive

Floats = npt.NDArray[np.float64]
Columns = Mapping[str, npt.NDArray[Any]]

PURCHASES, ORDER_VALUE = "purchases", "order_value"
REPURCHASE, CHURN, NEXT_CATEGORY = "repurchase_30d", "churn_90d", "next_category"
MODELS = (PURCHASES, ORDER_VALUE, REPURCHASE, CHURN, NEXT_CATEGORY)

REPURCHASE_DAYS, CHURN_DAYS, CATEGORY_DAYS, PURCHASE_DAYS = 30, 90, 90, 90
# Who has not bought for a year has left already: nothing is to be predicted.
CHURN_AFTER_DAYS = 365

# BG/NBD looks at weeks, as in the papers; only the rates' unit depends on it.
UNIT_DAYS = 7.0
# Later digits differ between processors and say nothing.
DIGITS = 6

# What the trees see of everybody; a version keeps the list it learned with. Rates, shares and windows of at most 90
# days: totals grow with the age of the shop, so they would drift although customers stay the same.
FEATURES = (
    "since_last_days", "young_days", "few_repeats", "orders_per_30_days", "mean_paid_fen", "mean_gap_days",
    "gaps_since_last", "orders_30d_count", "paid_30d_fen", "orders_90d_count", "paid_90d_fen", "items_per_order",
    "live_share", "refund_share", "refunded_share", "channel_count", "refunds_90d_count", "coupon_uses_90d_count",
    "contact_adds_90d_count", "group_joins_90d_count", "messages_90d_count", "moment_interactions_90d_count",
    "active_contact_count", "official_follow_count",
)  # fmt: skip
_YOUNG_DAYS = 90.0
_FEW = 5.0

SCORES = pa.schema(
    [
        ("customer_id", pa.string()),
        ("scored_date", pa.date32()),
        ("expected_purchases_90d", pa.float64()),
        ("probability_alive", pa.float64()),
        ("expected_order_value", pa.float64()),
        ("repurchase_30d", pa.float64()),
        ("churn_90d", pa.float64()),
        ("next_category", pa.float64()),
        ("next_category_value", pa.string()),
    ]
)


class Scorer:
    """The versions in force, by model code; their parameters as JSON text.

    Raises:
        KeyError: parameters lack a part.
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        found = {code: json.loads(text) for code, text in parameters.items()}
        self.buying = Buying(**found[PURCHASES]) if PURCHASES in found else None
        self.spending = Spending(**found[ORDER_VALUE]) if ORDER_VALUE in found else None
        self.boosted = {
            code: Reader(Boosted.from_json(found[code]))
            for code in (REPURCHASE, CHURN, NEXT_CATEGORY)
            if code in found
        }

    @property
    def classes(self) -> tuple[str, ...]:
        """The categories that the version in force can name."""
        reader = self.boosted.get(NEXT_CATEGORY)
        return reader.model.classes if reader else ()

    def query(self) -> str:
        """Return the SQL over relations ``features`` and ``categories`` whose rows ``score`` reads."""
        return features_query(self.classes)

    def score(self, batches: Iterable[pa.RecordBatch]) -> pa.Table:
        """Return one row per customer of the batches, with the columns of ``SCORES``."""
        scored = [self._score(batch) for batch in batches if batch.num_rows]
        return pa.Table.from_batches(scored, SCORES)

    def _score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        columns = columns_of(batch, len(self.classes))
        nothing = np.full(batch.num_rows, np.nan)
        said: dict[str, Any] = {name: nothing for name in SCORES.names[2:-1]}
        said["next_category_value"] = pa.nulls(batch.num_rows, pa.string())
        if self.buying:
            bought = buying_numbers(columns)
            said["expected_purchases_90d"] = expected_purchases(
                self.buying, PURCHASE_DAYS / UNIT_DAYS, *bought
            )
            said["probability_alive"] = probability_alive(self.buying, *bought)
        if self.spending:
            said["expected_order_value"] = expected_amount(self.spending, *spending_numbers(columns))
        for code in (REPURCHASE, CHURN):
            if code in self.boosted:
                said[code] = np.where(population(code, columns), self._probabilities(code, columns), np.nan)
        if NEXT_CATEGORY in self.boosted:
            each = self._probabilities(NEXT_CATEGORY, columns)
            said["next_category"] = each.max(axis=1)
            said["next_category_value"] = pa.array(self.classes).take(pa.array(each.argmax(axis=1)))
        arrays = [batch.column("customer_id"), batch.column("scored_date")]
        arrays += [_rounded(said[name]) for name in SCORES.names[2:-1]]
        return pa.RecordBatch.from_arrays(
            [pa.array(each).cast(kind) for each, kind in zip(
                [*arrays, said["next_category_value"]], SCORES.types, strict=True
            )],
            schema=SCORES,
        )  # fmt: skip

    def _probabilities(self, code: str, columns: Columns) -> Floats:
        reader = self.boosted[code]
        return reader.probabilities(matrix(columns, reader.model.features))


def features_query(classes: tuple[str, ...] = ()) -> str:
    """Return the SQL for rows of features; of each class, how often and how long ago the customer bought it."""
    if not classes:
        return "select * from features"
    habits = ", ".join(
        f"max(case when category = {_text(name)} then order_count end) as {orders}, "
        f"max(case when category = {_text(name)} then since_last_days end) as {days}"
        for name, (orders, days) in zip(classes, habit_columns(len(classes)), strict=True)
    )
    return (
        "select features.*, habits.* exclude (customer_id) from features left join ("  # noqa: S608
        f"select customer_id, {habits} from categories group by customer_id"
        ") as habits on habits.customer_id = features.customer_id"
    )


def habit_columns(count: int) -> list[tuple[str, str]]:
    """Return the names of the two columns of each class, by its position."""
    return [(f"class_{number}_order_count", f"class_{number}_since_last_days") for number in range(count)]


def habit_features(count: int) -> list[str]:
    """Return what the trees see of each class: its share of the orders, and days since, by its position."""
    return [
        name for number in range(count) for name in (f"class_{number}_share", f"class_{number}_recent_days")
    ]


def columns_of(batch: pa.RecordBatch | pa.Table, class_count: int = 0) -> dict[str, npt.NDArray[Any]]:
    """Return the numeric columns as arrays (nulls are NaN), and the features that follow from them."""
    columns = {
        name: batch.column(name).to_numpy(zero_copy_only=False)
        if isinstance(batch, pa.RecordBatch)
        else batch.column(name).to_numpy()
        for name, kind in zip(batch.schema.names, batch.schema.types, strict=True)
        if pa.types.is_integer(kind) or pa.types.is_floating(kind)
    }
    return columns | _derived(columns, class_count)


def _derived(columns: Columns, class_count: int) -> dict[str, Floats]:
    orders, repeats = columns["order_count"].astype(float), columns["repeat_count"].astype(float)
    age, paid = columns["age_days"].astype(float), columns["paid_fen"].astype(float)
    # Who bought on one day has no gap between purchases.
    gap = np.divide(columns["recency_days"], repeats, out=np.full(len(orders), np.nan), where=repeats > 0)
    derived = {
        "young_days": np.minimum(age, _YOUNG_DAYS),
        "few_repeats": np.minimum(repeats, _FEW),
        "orders_per_30_days": orders / np.maximum(age, 30) * 30,
        "mean_paid_fen": paid / orders,
        "mean_gap_days": gap,
        "gaps_since_last": columns["since_last_days"] / gap,
        "items_per_order": columns["item_count"] / orders,
        "live_share": columns["live_order_count"] / orders,
        "refund_share": columns["refund_count"] / orders,
        "refunded_share": columns["refunded_fen"] / np.maximum(paid, 1),
    }
    for number, (count, days) in enumerate(habit_columns(class_count)):
        derived[f"class_{number}_share"] = np.nan_to_num(columns[count].astype(float)) / orders
        derived[f"class_{number}_recent_days"] = np.minimum(columns[days].astype(float), _YOUNG_DAYS)
    return derived


def matrix(columns: Columns, features: tuple[str, ...]) -> Floats:
    """Return rows of these features.

    Raises:
        ValueError: a feature is no longer there.
    """
    missing = [name for name in features if name not in columns]
    if missing:
        raise ValueError(
            f"this model version needs the features {', '.join(missing)}, which the warehouse does not have any more; "
            "train again: `siyu predict train`"
        )
    return np.column_stack([columns[name].astype(float) for name in features])


def population(code: str, columns: Columns) -> npt.NDArray[np.bool_]:
    """Return of whom a model speaks: churn of those who bought in the last year, all else of every buyer."""
    if code == CHURN:
        return np.asarray(columns["since_last_days"] < CHURN_AFTER_DAYS)
    return np.ones(len(columns["since_last_days"]), dtype=bool)


def buying_numbers(columns: Columns) -> tuple[Floats, Floats, Floats]:
    """Return frequency, recency and age as BG/NBD wants them, in weeks."""
    x, t_x, age = (columns[name].astype(float) for name in ("repeat_count", "recency_days", "age_days"))
    return x, t_x / UNIT_DAYS, age / UNIT_DAYS


def spending_numbers(columns: Columns) -> tuple[Floats, Floats]:
    """Return frequency and mean amount of repeat purchase days, fen, as Gamma-Gamma wants them."""
    x = columns["repeat_count"].astype(float)
    return x, columns["repeat_paid_fen"] / np.maximum(x, 1)


def _rounded(scores: Floats) -> pa.Array:
    return pa.array(np.round(scores, DIGITS), from_pandas=True)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
