"""The other side of P13: the same cohorts and RFM in polars, lazily and with its streaming engine."""

from __future__ import annotations

from pathlib import Path

import polars as pl

# As vars.retention of dbt_project.yml asks: unit, most periods, splits.
UNITS: list[tuple[str, int | None, list[str]]] = [
    ("day", 30, ["channel"]),
    ("week", 53, ["channel"]),
    ("month", None, ["channel", "store", "live", "category", "entrance", "bait", "staff"]),
]
SPLITS = {
    "channel": "channel_code", "store": "order_source", "live": "live_id", "category": "category",
    "entrance": "entrance_code", "bait": "bait_code", "staff": "userid",
}  # fmt: skip
KEYS = ["cohort_date", "split_value"]


def run_polars(inputs: Path) -> None:
    """Read the exported relations and write the three answers to ``inputs/polars``."""
    out = inputs / "polars"
    out.mkdir(exist_ok=True)

    def read(relation: str) -> pl.LazyFrame:
        return pl.scan_parquet(inputs / f"{relation}.parquet")

    as_of = read("intermediate.int_run__clock").select("as_of").collect().item()
    refunds = (
        read("intermediate.int_run__refunds").group_by("order_key").agg(refunded=pl.col("refund_fen").sum())
    )
    orders = (
        read("intermediate.int_run__orders")
        .filter("is_valid")
        .join(refunds, on="order_key", how="left")
        .with_columns(net_fen=pl.col("amount_fen") - pl.col("refunded").fill_null(0))
        .select(
            "customer_id", "order_key", "ordered_date", "ordered_at", "channel_code", "order_source", "live_id",
            "amount_fen", "net_fen",
        )
        .collect(engine="streaming")
    )  # fmt: skip
    days = orders.group_by("customer_id", "ordered_date").agg(
        order_count=pl.len(), gross_fen=pl.col("amount_fen").sum(), net_fen=pl.col("net_fen").sum()
    )
    members = _members(orders, read)
    activity = {unit: _activity(days, members, unit, most) for unit, most, _ in UNITS}
    for table, of in (
        ("cohort_retention", members),
        ("cohort_retention_clean", members.filter(~pl.col("is_noise"))),
    ):
        views = [
            _view(of, activity[unit], unit, most, split, as_of)
            for unit, most, splits in UNITS
            for split in ["all", *splits]
        ]
        pl.concat(views).write_parquet(out / f"{table}.parquet")
    _rfm(orders, read, as_of).write_parquet(out / "agg_customer_rfm.parquet")


def _members(orders: pl.DataFrame, read) -> pl.DataFrame:  # type: ignore[no-untyped-def]
    """One row per buyer: her first order and what was known of her."""
    firsts = orders.sort("ordered_date", "ordered_at", "order_key").unique(
        "customer_id", keep="first", maintain_order=True
    )
    lines = (
        read("marts.fct_order_lines")
        .filter(pl.col("category").is_not_null())
        .select("order_key", "category", "amount_fen", "line_no")
        .join(firsts.lazy().select("order_key"), on="order_key", how="semi")
        .sort(["amount_fen", "line_no"], descending=[True, False])
        .unique("order_key", keep="first", maintain_order=True)
        .select("order_key", "category")
        .collect(engine="streaming")
    )
    noise = read("marts.customer_noise").filter("is_noise").select("customer_id").unique().collect()
    return (
        firsts.join(lines, on="order_key", how="left")
        .with_columns(
            pl.col("channel_code", "order_source", "live_id", "category").fill_null("none"),
            entrance_code=pl.lit("none"),
            bait_code=pl.lit("none"),
            userid=pl.lit("none"),
            is_noise=pl.col("customer_id").is_in(noise["customer_id"].implode()),
        )
        .rename({"ordered_date": "first_date"})
        .select("customer_id", "first_date", *SPLITS.values(), "is_noise")
    )


def _start(unit: str, column: str) -> pl.Expr:
    return pl.col(column).dt.truncate({"day": "1d", "week": "1w", "month": "1mo"}[unit])


def _index(unit: str, start: str, column: str) -> pl.Expr:
    """Periods from the one that begins on ``start`` to the one of ``column``."""
    first, date = pl.col(start), pl.col(column)
    if unit == "month":
        return (date.dt.year() - first.dt.year()) * 12 + date.dt.month().cast(pl.Int32) - first.dt.month()
    return (date - first).dt.total_days() // (7 if unit == "week" else 1)


def _activity(days: pl.DataFrame, members: pl.DataFrame, unit: str, most: int | None) -> pl.DataFrame:
    """One row per buyer and period with an order."""
    joined = (
        days.lazy()
        .join(members.lazy().select("customer_id", "first_date"), on="customer_id")
        .with_columns(cohort_date=_start(unit, "first_date"))
        .with_columns(period_index=_index(unit, "cohort_date", "ordered_date").cast(pl.Int64))
    )
    if most is not None:
        joined = joined.filter(pl.col("period_index") <= most)
    return (
        joined.group_by("customer_id", "period_index")
        .agg(pl.col("order_count").sum(), pl.col("gross_fen").sum(), pl.col("net_fen").sum())
        .collect(engine="streaming")
    )


def _view(
    members: pl.DataFrame, activity: pl.DataFrame, unit: str, most: int | None, split: str, as_of: object
) -> pl.DataFrame:
    """One row per cohort, value of the split and observed period."""
    value = pl.lit("all") if split == "all" else pl.col(SPLITS[split])
    keyed = members.lazy().select("customer_id", cohort_date=_start(unit, "first_date"), split_value=value)
    sizes = keyed.group_by(KEYS).agg(cohort_size=pl.len()).with_columns(as_of=pl.lit(as_of))
    active = (
        activity.lazy()
        .join(keyed, on="customer_id")
        .group_by(*KEYS, "period_index")
        .agg(
            active_customers=pl.len(), order_count=pl.col("order_count").sum(),
            gross_fen=pl.col("gross_fen").sum(), net_fen=pl.col("net_fen").sum(),
        )
    )  # fmt: skip
    last = _index(unit, "cohort_date", "as_of").cast(pl.Int64)
    observed = sizes.with_columns(
        period_index=pl.int_ranges(0, (last if most is None else pl.min_horizontal(last, most)) + 1)
    ).explode("period_index")
    return (
        observed.join(active, on=[*KEYS, "period_index"], how="left")
        .with_columns(pl.col("active_customers", "order_count", "gross_fen", "net_fen").fill_null(0).cast(pl.Int64))
        .sort(*KEYS, "period_index")
        .with_columns(cumulative_net_fen=pl.col("net_fen").cum_sum().over(KEYS))
        .select(
            period_unit=pl.lit(unit), split_by=pl.lit(split), split_value="split_value", cohort_date="cohort_date",
            period_index="period_index", cohort_size=pl.col("cohort_size").cast(pl.Int64),
            active_customers="active_customers", order_count="order_count", gross_fen="gross_fen", net_fen="net_fen",
            cumulative_net_fen="cumulative_net_fen",
        )
        .collect(engine="streaming")
    )  # fmt: skip


def _rfm(orders: pl.DataFrame, read, as_of: object) -> pl.DataFrame:  # type: ignore[no-untyped-def]
    anchors = read("intermediate.int_identity__identifiers").select(
        "identifier_no", "first_load_no", "identifier_key"
    )
    customers = (
        read("marts.dim_customers")
        .select("customer_id", "customer_no")
        .join(anchors, left_on="customer_no", right_on="identifier_no")
        .select("customer_id", "first_load_no", "identifier_key")
    )
    buyers = (
        orders.lazy()
        .group_by("customer_id")
        .agg(
            frequency=pl.len().cast(pl.Int64), active_days=pl.col("ordered_date").n_unique().cast(pl.Int64),
            monetary_fen=pl.col("net_fen").sum(),
            recency_days=(pl.lit(as_of) - pl.col("ordered_date").max()).dt.total_days(),
        )
        .join(customers, on="customer_id")
        .collect(engine="streaming")
        .sort("first_load_no", "identifier_key")
    )  # fmt: skip
    count = len(buyers)
    scored = buyers
    for letter, column, falls in (
        ("r", "recency_days", True), ("f", "frequency", False), ("m", "monetary_fen", False),
    ):  # fmt: skip
        place = (
            pl.col(column).rank("ordinal", descending=falls).cast(pl.Int64) - 1
        )  # ties in the order of rows
        upto = pl.col(column).rank("max", descending=falls)
        scored = scored.with_columns(
            _ntile(place, count).alias(f"{letter}_ntile"), _fifth(upto, count).alias(f"{letter}_tiesafe")
        )
    return scored.drop("first_load_no", "identifier_key")


def _ntile(place: pl.Expr, count: int) -> pl.Expr:
    """SQL's ntile(5) of a row's place from 0: the first ``count % 5`` fifths have a row more."""
    small, more = divmod(count, 5)
    edge = more * (small + 1)
    return (
        pl.when(place < edge)
        .then(place // (small + 1) + 1)
        .otherwise(more + (place - edge) // max(small, 1) + 1)
    )


def _fifth(upto: pl.Expr, count: int) -> pl.Expr:
    return (5 * (upto / count)).ceil().cast(pl.Int64)
