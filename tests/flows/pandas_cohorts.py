"""Cohorts and repurchase worked out in pandas from the data sets' own files, without looking at the SQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd  # noqa: TID253  -- only tests that compare with pandas import this module

FREQUENCY = {"day": "D", "week": "W-SUN", "month": "M"}  # a week that ends on Sunday begins on Monday


def cdnow_orders(path: Path) -> pd.DataFrame:
    """One row per purchase: customer, order, day, net (fen)."""
    rows = pd.read_csv(path, dtype={"customer_id": str, "row_no": str, "dollar_value": str})
    return pd.DataFrame(
        {
            "customer": rows["customer_id"],
            "order": rows["row_no"],
            "at": pd.to_datetime(rows["date"]),
            "day": pd.to_datetime(rows["date"]),
            "net": [round(float(value) * 100) for value in rows["dollar_value"]],
        }
    )


def complete_journey_orders(data: Path) -> pd.DataFrame:
    """The same of the odd households' baskets, days in New York, and the category that most money went to."""
    lines = pd.read_parquet(data / "transactions.parquet").reset_index(names="line")
    lines = lines[lines["household_id"] % 2 == 1].copy()
    lines["fen"] = (lines["sales_value"] * 100).round().astype("int64")
    stamps = pd.to_datetime(lines["transaction_timestamp"], utc=True)
    lines["at"] = stamps.dt.tz_localize(None)
    products = pd.read_parquet(data / "products.parquet")[["product_id", "product_category"]]
    lines = lines.merge(products, on="product_id", how="left")
    baskets = lines.groupby("basket_id").agg(
        customer=("household_id", "min"), at=("at", "min"), net=("fen", "sum")
    )
    known = lines.dropna(subset="product_category").sort_values(
        ["fen", "line"], ascending=[False, True], kind="stable"
    )
    baskets["category"] = known.groupby("basket_id")["product_category"].first()
    baskets["category"] = baskets["category"].fillna("none")
    baskets["day"] = (
        baskets["at"]
        .dt.tz_localize("UTC")
        .dt.tz_convert("America/New_York")
        .dt.tz_localize(None)
        .dt.normalize()
    )
    baskets["customer"] = baskets["customer"].astype(str)
    return baskets.rename_axis("order").reset_index().assign(order=lambda rows: rows["order"].astype(str))


def firsts(orders: pd.DataFrame) -> pd.DataFrame:
    """Every customer's first order."""
    return orders.sort_values(["day", "at", "order"]).drop_duplicates("customer")


def retention(
    first: pd.DataFrame, orders: pd.DataFrame, as_of: str, unit: str, most: int | None
) -> dict[tuple[Any, int], tuple[int, ...]]:
    """(cohort, periods since) -> size, active customers, orders, net, net up to then; empty periods are there."""
    frequency = FREQUENCY[unit]
    first = first[["customer", "day"]].rename(columns={"day": "first_day"})
    first = first.assign(cohort=first["first_day"].dt.to_period(frequency))
    bought = orders.merge(first, on="customer")
    bought = bought[bought["day"] >= bought["first_day"]]
    bought = bought.assign(
        index=[
            period.ordinal - cohort.ordinal
            for period, cohort in zip(bought["day"].dt.to_period(frequency), bought["cohort"], strict=True)
        ]
    )
    cells = bought.groupby(["cohort", "index"]).agg(
        active=("customer", "nunique"), orders=("order", "count"), net=("net", "sum")
    )
    found = {
        key: tuple(int(value) for value in row)
        for key, row in zip(cells.index, cells.to_numpy(), strict=True)
    }
    last = pd.Period(as_of, frequency)
    result: dict[tuple[Any, int], tuple[int, ...]] = {}
    for cohort, size in first["cohort"].value_counts().items():
        sum_so_far = 0
        until = last.ordinal - cohort.ordinal
        for index in range(min(until, until if most is None else most) + 1):
            active, count, net = found.get((cohort, index), (0, 0, 0))
            sum_so_far += net
            result[cohort.start_time.date(), index] = (int(size), active, count, net, sum_so_far)
    return result


def purchase_days(orders: pd.DataFrame) -> pd.DataFrame:
    """Customer, day, and the day of her purchase before; orders of one day are one purchase."""
    days = orders[["customer", "day"]].drop_duplicates().sort_values(["customer", "day"])
    days["before"] = days.groupby("customer")["day"].shift()
    days["number"] = days.groupby("customer").cumcount() + 1
    return days


def repurchase(orders: pd.DataFrame, as_of: str, within: int) -> tuple[int, int]:
    """Customers who have had `within` days since their first purchase, and those of them who bought again in them."""
    days = purchase_days(orders)
    first = days[days["number"] == 1].set_index("customer")["day"]
    second = days[days["number"] == 2].set_index("customer")["day"]
    eligible = first[first + pd.Timedelta(days=within) <= pd.Timestamp(as_of)]
    again = (second.reindex(eligible.index) - eligible).dt.days <= within
    return len(eligible), int(again.sum())


def intervals(orders: pd.DataFrame) -> dict[int, int]:
    """Days between two purchases in a row -> how often."""
    days = purchase_days(orders).dropna()
    return {
        int(gap): int(count) for gap, count in (days["day"] - days["before"]).dt.days.value_counts().items()
    }


def new_and_returning(orders: pd.DataFrame) -> dict[Any, tuple[int, ...]]:
    """Month -> new customers, returning ones, net of the new, net of the returning."""
    month = orders["day"].dt.to_period("M")
    first_month = orders.groupby("customer")["day"].transform("min").dt.to_period("M")
    rows = orders.assign(month=month, is_new=month == first_month)
    sums = rows.groupby(["month", "is_new"]).agg(customers=("customer", "nunique"), net=("net", "sum"))
    return {
        each.start_time.date(): tuple(
            int(sums.loc[(each, is_new), column]) if (each, is_new) in sums.index else 0
            for column in ("customers", "net")
            for is_new in (True, False)
        )
        for each in sorted(set(month))
    }
