"""Cohorts that begin with an order, a livestream order, a contact or a group, against a plain count over the facts."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

import pytest

from common.clock import UTC
from tests.exactness.dbt_home import DbtHome
from tests.exactness.histories import KINDS, Step, deliver, random_history

AS_OF = dt.date(2026, 6, 10)
COHORT_KINDS = (*KINDS, *["order", "shop_order", "contact", "unionid", "join", "lines"] * 4)
FIRSTS = {
    "first_order": "select customer_id, ordered_date, ordered_at, order_key from marts.fct_orders where is_valid",
    "first_live_order": "select customer_id, ordered_date, ordered_at, order_key from marts.fct_orders "
    "where is_valid and live_id is not null",
    "first_contact": "select customer_id, added_date, added_at, userid || external_userid "
    "from marts.fct_wecom_relations",
    "first_group_join": "select customer_id, joined_date, joined_at, chat_id from marts.fct_group_memberships",
}
MOST_PERIODS = {"day": 30, "week": 53, "month": 10_000}

Figures = tuple[int, int, int, int, int]


@pytest.fixture(scope="module")
def home(home: DbtHome) -> DbtHome:
    loads = [load for step in random_history(20261124, COHORT_KINDS, events=400) for load in step.loads]
    deliver(home.lake, Step(as_of=AS_OF, loads=loads), dt.datetime(2026, 6, 1, tzinfo=UTC))
    home.run(AS_OF.isoformat())
    return home


def start_of(day: dt.date, unit: str) -> dt.date:
    return {"day": day, "week": day - dt.timedelta(days=day.weekday()), "month": day.replace(day=1)}[unit]


def periods(start: dt.date, day: dt.date, unit: str) -> int:
    if unit == "month":
        return (day.year - start.year) * 12 + day.month - start.month
    return (day - start).days // {"day": 1, "week": 7}[unit]


def counted(home: DbtHome, kind: str, unit: str, noise: set[str]) -> dict[tuple[dt.date, int], Figures]:
    first: dict[str, dt.date] = {}
    for customer, day, *_ in sorted(home.query(FIRSTS[kind]), key=lambda row: row[1:]):
        if customer not in noise:
            first.setdefault(customer, day)
    orders: dict[str, list[tuple[dt.date, int, int]]] = defaultdict(list)
    for customer, day, gross, net in home.query(
        "select customer_id, ordered_date, amount_fen, net_fen from marts.fct_orders where is_valid"
    ):
        orders[customer].append((day, gross, net))
    cohorts: dict[dt.date, list[str]] = defaultdict(list)
    for customer, day in first.items():
        cohorts[start_of(day, unit)].append(customer)
    result = {}
    for start, customers in cohorts.items():
        for index in range(min(periods(start, AS_OF, unit), MOST_PERIODS[unit]) + 1):
            bought = [
                (customer, gross, net)
                for customer in customers
                for day, gross, net in orders[customer]
                if day >= first[customer] and periods(start, day, unit) == index
            ]
            result[start, index] = (
                len(customers),
                len({customer for customer, _, _ in bought}),
                len(bought),
                sum(gross for _, gross, _ in bought),
                sum(net for _, _, net in bought),
            )
    return result


@pytest.mark.parametrize("kind", FIRSTS)
@pytest.mark.parametrize("table", ["cohort_retention", "cohort_retention_clean"])
def test_cohorts__equal_a_plain_count(home: DbtHome, kind: str, table: str) -> None:
    noise: set[str] = set()
    if table.endswith("clean"):
        noise = {who for (who,) in home.query("select customer_id from marts.customer_noise where is_noise")}
    came_back = False
    for unit in MOST_PERIODS:
        rows = home.query(
            "select cohort_date, period_index, cohort_size, active_customers, order_count, gross_fen, net_fen "
            f"from marts.{table} where cohort_kind = '{kind}' and period_unit = '{unit}' and split_by = 'all'"
        )
        ours: dict[Any, Any] = {row[:2]: row[2:] for row in rows}
        assert len(ours) == len(rows)
        assert ours == counted(home, kind, unit, noise)
        came_back |= any(figures[1] for (_, index), figures in ours.items() if index)
    assert came_back, "nobody came back: zeros were compared with zeros"


def test_parts__add_up_to_the_whole(home: DbtHome) -> None:
    """Every split of every cohort and period, and that more than one value was met in each."""
    figures = (
        "sum(cohort_size), sum(active_customers), sum(order_count), sum(net_fen), sum(cumulative_net_fen)"
    )
    keys = "cohort_kind, period_unit, cohort_date, period_index"
    for split in ("channel", "store", "live", "category", "entrance", "bait", "staff"):
        parts, whole = (
            home.query(
                f"select {keys}, {figures} from marts.cohort_retention where split_by = '{by}' group by {keys}"
            )
            for by in (split, "all")
        )
        assert parts, split
        assert set(parts) <= set(whole), split
    values = home.query(
        "select split_by, count(distinct split_value) from marts.cohort_retention group by 1 having count(*) > 0"
    )
    assert {split for split, count in values if count > 1} >= {
        "channel",
        "store",
        "live",
        "category",
        "staff",
    }


def test_first_of_all__are_left_censored(home: DbtHome) -> None:
    flags = home.query(
        "select distinct cohort_date, is_left_censored from marts.cohort_retention "
        "where cohort_kind = 'first_order' and period_unit = 'day' order by 1"
    )
    first = flags[0][0]
    assert [flag for _, flag in flags] == [(day - first).days < 31 for day, _ in flags]
    assert {flag for _, flag in flags} == {True, False}


def test_period__is_complete_when_its_last_day_has_come(home: DbtHome) -> None:
    rows = home.query(
        "select distinct period_unit, cohort_date, period_index, is_period_complete from marts.cohort_retention"
    )
    for unit, start, index, is_complete in rows:
        still_going_on = periods(start, AS_OF + dt.timedelta(days=1), unit) == index
        assert is_complete == (not still_going_on), (unit, start, index)
    assert {row[3] for row in rows} == {True, False}
