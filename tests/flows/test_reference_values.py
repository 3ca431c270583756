"""Cohorts, RFM and tiers against values worked out elsewhere, from file to mart by the product's own path."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from common.settings import PROJECT_ROOT, Settings
from ingestion import complete_journey
from ingestion.files import arrive_file
from tests.exactness.dbt_home import DbtHome
from tests.flows import pandas_cohorts

DATA = PROJECT_ROOT / "tests" / "data"


def reference(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(newline="") as file:
        return list(csv.DictReader(file))


def matrix_of(home: DbtHome) -> dict[tuple[str, str], str]:
    rows = home.query(
        "select strftime(cohort_month, '%Y-%m'), period_index, active_customers from marts.cohort_retention "
        "where channel_code = 'all' and period_unit = 'month'"
    )
    return {(month, str(index)): str(active) for month, index, active in rows}


def reference_matrix(name: str) -> dict[tuple[str, str], str]:
    return {
        (row["cohort_month"], index): value
        for row in reference(name)
        for index, value in row.items()
        if index != "cohort_month" and value != ""
    }


@pytest.fixture(scope="module")
def cdnow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DbtHome]:
    home = DbtHome(tmp_path_factory.mktemp("cdnow"))
    home.clear()
    settings = Settings(_env_file=None, home=home.home)
    mapping = PROJECT_ROOT / "ingestion" / "mappings" / "cdnow_sample.yml"
    for arrival in arrive_file(
        settings, home.lake, "miniprogram", "orders", DATA / "cdnow_sample.csv", mapping
    ):
        home.lake.admit(arrival)
    home.run("1998-06-30")
    return home


def test_cdnow__cohort_matrix(cdnow: DbtHome) -> None:
    cdnow.run("1998-06-30")
    assert matrix_of(cdnow) == reference_matrix("cdnow_sample_cohort_matrix.csv")


def test_cdnow__in_pandas(cdnow: DbtHome) -> None:
    cdnow.run("1998-06-30")
    agree_with_pandas(cdnow, pandas_cohorts.cdnow_orders(DATA / "cdnow_sample.csv"), "1998-06-30")


def agree_with_pandas(home: DbtHome, orders: Any, as_of: str) -> None:
    """Every figure of cohorts and repurchase that the data set can show."""
    first = pandas_cohorts.firsts(orders)
    for unit, most in (("day", 30), ("week", 53), ("month", None)):
        rows = home.query(
            "select cohort_date, period_index, cohort_size, active_customers, order_count, net_fen, cumulative_net_fen "
            "from marts.cohort_retention where cohort_kind = 'first_order' and split_by = 'all' "
            f"and period_unit = '{unit}'"
        )
        ours = {(row[0], row[1]): row[2:] for row in rows}
        assert len(ours) == len(rows)
        assert ours == pandas_cohorts.retention(first, orders, as_of, unit, most)
    rates = home.query(
        "select within_days, customer_count, repurchased_count from marts.agg_repurchase_rates "
        "where cohort_month is null"
    )
    assert {row[0] for row in rates} == {30, 60, 90, 180, 365}
    assert {row[0]: row[1:] for row in rates} == {
        row[0]: pandas_cohorts.repurchase(orders, as_of, row[0]) for row in rates
    }
    gaps = home.query("select interval_days, interval_count from marts.agg_repurchase_intervals")
    assert dict(gaps) == pandas_cohorts.intervals(orders)
    months = home.query(
        "select order_month, new_customer_count, returning_customer_count, new_net_fen, returning_net_fen "
        "from marts.agg_buyers_monthly"
    )
    assert {row[0]: row[1:] for row in months} == pandas_cohorts.new_and_returning(orders)


def test_cdnow__rfm(cdnow: DbtHome) -> None:
    cdnow.run("1998-07-01")
    rows = cdnow.query(
        "select identities.identifier_key, rfm.* exclude (customer_id) from marts.agg_customer_rfm as rfm "
        "inner join marts.bridge_customer_identities as identities using (customer_id)"
    )
    ours = {
        row[0].removeprefix("buyer_id:cdnow:"): {
            "frequency": row[1], "active_days": row[2], "monetary": Decimal(row[3]) / 100, "recency_days": row[4],
            "R_ntile": row[5], "F_ntile": row[6], "M_ntile": row[7],
            "R_tiesafe": row[8], "F_tiesafe": row[9], "M_tiesafe": row[10],
        }
        for row in rows
    }  # fmt: skip
    expected = {row.pop("customer_id"): row for row in reference("cdnow_sample_rfm_1998-07-01.csv")}
    assert ours.keys() == expected.keys()
    wrong = [
        (customer, field, ours[customer][field], value)
        for customer, row in expected.items()
        for field, value in row.items()
        if Decimal(ours[customer][field]) != Decimal(value)
    ]
    assert not wrong, wrong[:5]


@pytest.fixture(scope="module")
def odd_households(tmp_path_factory: pytest.TempPathFactory) -> DbtHome:
    home = DbtHome(tmp_path_factory.mktemp("cj"), zone="America/New_York")
    home.clear()
    settings = Settings(_env_file=None, home=home.home, business_timezone="America/New_York")
    for arrival in complete_journey.arrive(settings, home.lake, households="odd"):
        home.lake.admit(arrival)
    home.run("2017-12-31")
    return home


def test_complete_journey__cohort_matrix(odd_households: DbtHome) -> None:
    assert matrix_of(odd_households) == reference_matrix("cj_dev_half_cohort_matrix.csv")


def test_complete_journey__in_pandas(odd_households: DbtHome) -> None:
    orders = pandas_cohorts.complete_journey_orders(complete_journey.data_dir())
    agree_with_pandas(odd_households, orders, "2017-12-31")
    first = pandas_cohorts.firsts(orders)
    rows = odd_households.query(
        "select split_value, cohort_date, period_index, cohort_size, active_customers, order_count, net_fen, "
        "cumulative_net_fen from marts.cohort_retention where cohort_kind = 'first_order' and split_by = 'category' "
        "and period_unit = 'month'"
    )
    ours = {row[:3]: row[3:] for row in rows}
    assert len(ours) == len(rows)
    assert ours == {
        (category, *cell): figures
        for category, part in first.groupby("category")
        for cell, figures in pandas_cohorts.retention(part, orders, "2017-12-31", "month", None).items()
    }
    assert len({row[0] for row in rows}) > 20


def test_complete_journey__tiers(odd_households: DbtHome) -> None:
    rows = odd_households.query(
        "select identities.identifier_key, tiers.spend_fen, tiers.tier_code from marts.member_tiers as tiers "
        "inner join marts.bridge_customer_identities as identities using (customer_id)"
    )
    ours = {
        key.removeprefix("buyer_id:complete_journey:"): (Decimal(fen) / 100, tier) for key, fen, tier in rows
    }
    expected = {
        row["contact_id"]: (Decimal(row["spend"]), row["tier"]) for row in reference("cj_dev_half_tiers.csv")
    }
    assert ours == expected


def test_complete_journey__nothing_is_lost(odd_households: DbtHome) -> None:
    """Counts of the data set itself: baskets, lines and money come through whole."""
    data = complete_journey.data_dir() / "transactions.parquet"
    baskets, lines, fen = odd_households.query(
        "select count(distinct basket_id), count(*), "
        "cast(sum(round(cast(sales_value as decimal(18, 4)) * 100)) as bigint) "
        f"from '{Path(data)}' where household_id % 2 = 1"
    )[0]
    assert odd_households.query("select count(*), sum(amount_fen) from marts.fct_orders") == [(baskets, fen)]
    assert odd_households.query("select count(*), sum(amount_fen) from marts.fct_order_lines") == [
        (lines, fen)
    ]
