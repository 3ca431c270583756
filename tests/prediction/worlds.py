"""Made snapshots: customers with features drawn by chance, and a rule that says who buys again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from prediction.days import Looks
from prediction.snapshots import Snapshots

AS_OF = dt.date(2026, 10, 31)
# The test look, and a train look whose 90 days end before it.
TRAIN, TEST = dt.date(2026, 5, 3), dt.date(2026, 8, 2)
LOOKS = Looks(AS_OF, (TRAIN,), (TEST,), (TEST,))
CUSTOMERS = 1500

Rule = Callable[[dict[str, Any], np.random.Generator], np.ndarray]


def world(
    folder: Path,
    rule: Rule,
    *,
    looks: Looks = LOOKS,
    customers: int = CUSTOMERS,
    seed: int = 1,
    drift: int = 1,
) -> Snapshots:
    """Write snapshots in which customers buy a day after a look with the probability that ``rule`` says.

    On the newest day what customers pay is ``drift`` times as much as before.
    """
    chance = np.random.default_rng(seed)
    ids = [f"c{number:05d}" for number in range(customers)]
    bought: list[dict[str, Any]] = []
    for day in looks.all:
        columns = _features(chance, customers)
        if day == looks.newest:
            columns |= {name: values * drift for name, values in columns.items() if name.startswith("paid")}
        _write(folder, day, "features", pa.table({"customer_id": ids, **columns}))
        favourite = chance.integers(0, 3, customers)
        names = np.array(["茶", "咖啡", "器具"])
        _write(folder, day, "categories", pa.table({
            "customer_id": ids, "category": names[favourite],
            "order_count": columns["order_count"], "since_last_days": columns["since_last_days"],
        }))  # fmt: skip
        _write(folder, day, "noise", pa.table({"customer_id": pa.array([], pa.string())}))
        _write(folder, day, "anchors", pa.table({"customer_id": ids, "identifier_key": ids}))
        buys = chance.random(customers) < rule(columns, chance)
        # Mostly the next one in the list: what she bought most often so far is the wrong guess.
        following = np.where(
            chance.random(customers) < 0.8, (favourite + 1) % 3, chance.integers(0, 3, customers)
        )
        if day != looks.newest:
            bought += [
                {
                    "customer_id": ids[at], "ordered_date": day + dt.timedelta(days=1),
                    "paid_fen": int(columns["paid_fen"][at] // columns["order_count"][at]),
                    "category": str(names[following[at]]),
                }
                for at in np.flatnonzero(buys)
            ]  # fmt: skip
    empty = pa.schema([("customer_id", pa.string()), ("ordered_date", pa.date32()),
                       ("paid_fen", pa.int64()), ("category", pa.string())])  # fmt: skip
    orders = pa.Table.from_pylist(bought, schema=empty)
    _write(folder, looks.newest, "bought", orders.drop_columns(["category"]))
    _write(folder, looks.newest, "bought_categories", orders)
    _write(folder, looks.newest, "owners", pa.table({"identifier_key": ids, "customer_id": ids}))
    return Snapshots(folder, looks.newest)


def by_spending(columns: dict[str, Any], _: np.random.Generator) -> np.ndarray:
    """Who paid much lately buys again: more than recency can tell."""
    return 0.05 + 0.85 * (columns["paid_90d_fen"] > 10_000)


def by_recency(columns: dict[str, Any], _: np.random.Generator) -> np.ndarray:
    """Who bought lately buys again, and nothing else matters: recency alone says all there is to say."""
    return 0.95 - 0.9 * columns["since_last_days"] / 89


def _features(chance: np.random.Generator, customers: int) -> dict[str, Any]:
    def counts(most: int) -> np.ndarray:
        return chance.integers(0, most, customers)

    repeats, since = chance.geometric(0.4, customers) - 1, counts(89)
    recency = np.where(repeats > 0, repeats * (1 + counts(20)), 0)
    paid = (1 + counts(40)) * 500
    columns = {
        "repeat_count": repeats, "recency_days": recency, "since_last_days": since, "age_days": recency + since,
        "order_count": repeats + 1, "paid_fen": paid * (repeats + 1), "repeat_paid_fen": paid * repeats,
        "paid_30d_fen": paid * (since < 30), "paid_90d_fen": paid, "orders_30d_count": (since < 30).astype(int),
        "orders_90d_count": 1 + counts(2), "item_count": repeats + 1, "channel_count": 1 + counts(2),
    }  # fmt: skip
    others = (
        "live_order_count", "refund_count", "refunded_fen", "refunds_90d_count", "coupon_uses_90d_count",
        "contact_adds_90d_count", "group_joins_90d_count", "messages_90d_count", "moment_interactions_90d_count",
        "active_contact_count", "official_follow_count",
    )  # fmt: skip
    return columns | {name: np.minimum(counts(2), repeats + 1) for name in others}


def _write(folder: Path, day: dt.date, name: str, table: pa.Table) -> None:
    target = folder / day.isoformat()
    target.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, target / f"{name}.parquet")
