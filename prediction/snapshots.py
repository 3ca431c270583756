"""What a replay of a day showed, kept as Parquet in a scratch folder, and what then happened.

A snapshot is taken from a warehouse that dbt built as of the day, knowing only loads of that time. So features cannot
know what came later: it is not there. What then happened is read from the snapshot of the newest day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from common.scoring import columns_of, features_query
from common.warehouse import connect

# Learning from more customers of a day changes nothing any more.
MOST_CUSTOMERS = 200_000

_TABLES = {
    "features": "from intermediate.int_run__prediction_features",
    "categories": "from intermediate.int_run__prediction_categories",
    # The identifier that a customer's id is made of: finds her again after a merge.
    "anchors": """
        select identities.customer_id, identities.identifier_key
        from marts.bridge_customer_identities as identities
        inner join intermediate.int_identity__identifiers as identifiers
            on identifiers.identifier_no = identities.customer_no
            and identifiers.identifier_key = identities.identifier_key
    """,
    # As the day itself saw it: who turns out to be noise later is a thing of the future.
    "noise": "select distinct customer_id from marts.customer_noise where is_noise",
}
_TABLES_OF_THE_NEWEST = {
    "owners": "select identifier_key, customer_id from marts.bridge_customer_identities",
    "bought": """
        select customer_id, ordered_date, sum(amount_fen)::bigint as paid_fen
        from marts.fct_orders
        where is_valid
        group by all
    """,
    "bought_categories": """
        select lines.customer_id, orders.ordered_date, lines.category, sum(lines.amount_fen)::bigint as paid_fen
        from marts.fct_order_lines as lines
        inner join marts.fct_orders as orders on orders.order_key = lines.order_key
        where orders.is_valid and lines.category is not null
        group by all
    """,
}


@dataclass(frozen=True)
class Look:
    """Customers as one day saw them: rows of features in the order of their ids, and what followed.

    ``days_after`` is the number of days with a purchase in the horizon, ``paid_after`` their total in fen,
    ``category_after`` what was bought most on the first of them, empty when nothing was.
    """

    day: dt.date
    columns: dict[str, npt.NDArray[np.float64]]
    days_after: npt.NDArray[np.int64]
    paid_after: npt.NDArray[np.int64]
    category_after: npt.NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.days_after)


def take(warehouse: Path, folder: Path, day: dt.date, *, newest: bool) -> None:
    """Keep what a replayed warehouse shows of a day; of the newest one also what happened so far.

    Raises:
        duckdb.Error: the warehouse lacks a table.
    """
    target = folder / day.isoformat()
    target.mkdir(parents=True, exist_ok=True)
    tables = _TABLES | (_TABLES_OF_THE_NEWEST if newest else {})
    with connect(warehouse, read_only=True) as db:
        for name, query in tables.items():
            db.execute(f"copy ({query}) to {_text(target / name)} (format parquet)")


class Snapshots:
    """The snapshots of one training."""

    def __init__(self, folder: Path, newest: dt.date) -> None:
        self.folder = folder
        self.newest = newest

    def look(self, day: dt.date, horizon_days: int, classes: Sequence[str] = ()) -> Look:
        """Return the customers of a day with what they did in the horizon; without noise identities.

        Of many customers a sample is taken, the same one each time.
        """
        known, now = self.folder / day.isoformat(), self.folder / self.newest.isoformat()
        with connect() as db:
            for name in _TABLES:
                db.execute(f"create view {name} as from read_parquet({_text(known / name)})")
            for name in _TABLES_OF_THE_NEWEST:
                db.execute(f"create view {name} as from read_parquet({_text(now / name)})")
            rows = db.execute(
                _LOOK.format(
                    features=features_query(tuple(classes)),
                    day=day.isoformat(),
                    end=(day + dt.timedelta(days=horizon_days)).isoformat(),
                    most=MOST_CUSTOMERS,
                )
            ).to_arrow_table()
        return _look_of(day, rows, len(classes))

    def class_counts(self, days: Sequence[dt.date], horizon_days: int) -> dict[str, int]:
        """Return how often each category came next, over looks from these days, most often first."""
        counts: dict[str, int] = {}
        for day in days:
            names, found = np.unique(
                self.look(day, horizon_days).category_after.astype(str), return_counts=True
            )
            for name, count in zip(names.tolist(), found.tolist(), strict=True):
                if name:
                    counts[name] = counts.get(name, 0) + count
        return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))

    def favourites(self, look: Look, classes: Sequence[str]) -> npt.NDArray[np.int64]:
        """Return the position of the class each customer has bought most often so far, -1 when none."""
        from common.scoring import habit_columns

        counts = np.column_stack([look.columns[orders] for orders, _ in habit_columns(len(classes))])
        counts = np.nan_to_num(counts)
        return np.where(counts.max(axis=1) > 0, counts.argmax(axis=1), -1)


def _look_of(day: dt.date, rows: pa.Table, class_count: int) -> Look:
    after = {name: rows.column(name) for name in ("days_after", "paid_after", "category_after")}
    columns = columns_of(rows.drop_columns(list(after)), class_count)
    return Look(
        day,
        columns,
        after["days_after"].to_numpy().astype(np.int64),
        after["paid_after"].to_numpy().astype(np.int64),
        np.array(after["category_after"].to_pylist(), dtype=object),
    )


def _text(path: Path) -> str:
    return "'" + str(path.with_suffix(".parquet")).replace("'", "''") + "'"


_LOOK = """
with chosen as (
    select features.customer_id, any_value(owners.customer_id) as now_id
    from features
    inner join anchors on anchors.customer_id = features.customer_id
    inner join owners on owners.identifier_key = anchors.identifier_key
    where features.customer_id not in (select customer_id from noise)
    group by features.customer_id
    order by md5(features.customer_id)
    limit {most}
),
after as (
    select customer_id, count(*) as days_after, sum(paid_fen)::bigint as paid_after, min(ordered_date) as next_date
    from bought
    where ordered_date > date '{day}' and ordered_date <= date '{end}'
    group by customer_id
),
next_categories as (
    select bought_categories.customer_id, bought_categories.category
    from bought_categories
    inner join after
        on after.customer_id = bought_categories.customer_id and after.next_date = bought_categories.ordered_date
    qualify row_number() over (
        partition by bought_categories.customer_id
        order by bought_categories.paid_fen desc, bought_categories.category
    ) = 1
)
select
    seen.*,
    coalesce(after.days_after, 0) as days_after,
    coalesce(after.paid_after, 0) as paid_after,
    coalesce(next_categories.category, '') as category_after
from ({features}) as seen
inner join chosen on chosen.customer_id = seen.customer_id
left join after on after.customer_id = chosen.now_id
left join next_categories on next_categories.customer_id = chosen.now_id
order by seen.customer_id
"""
