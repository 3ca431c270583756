"""What was said of past tiers, evening by evening, against copies that the test keeps of every run."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

from common.clock import UTC
from tests.exactness.dbt_home import DbtHome
from tests.exactness.histories import deliver, random_history

MEMBER_KINDS = (*["order"] * 6, *["shop_order", "refund", "decision", "unionid", "contact", "member"])
Tiers = dict[str, dict[dt.date, str]]  # customer -> business day -> tier
DAY = dt.timedelta(days=1)


def test_restatements__are_what_evenings_said_differently(home: DbtHome) -> None:
    home.clear()
    steps = random_history(20261123, MEMBER_KINDS, runs=5)
    steps[2].as_of = steps[1].as_of  # a second run on one day corrects the first and leaves no trace
    steps[4].as_of = steps[3].as_of + 9 * DAY
    evenings: dict[dt.date, Tiers] = {}
    at = dt.datetime(2026, 6, 1, tzinfo=UTC)
    for number, step in enumerate(steps):
        at = deliver(home.lake, step, at)
        if number == 4:  # a run that does not come to its end says nothing
            home.run((step.as_of - 3 * DAY).isoformat(), select="+tier_restatements")
        home.run(step.as_of.isoformat(), full_refresh=number == 3)  # even a rebuild forgets nothing
        evenings[step.as_of] = tiers_said(home, step.as_of)
    expected = restated(evenings)
    assert expected, "nothing was ever restated: nothing was compared"
    assert any(now is None for *_, now in expected), "nobody ceased to be a customer of her own"
    assert listed(home) == expected
    # A look back says nothing and takes nothing back.
    home.run(steps[0].as_of.isoformat())
    assert listed(home) == expected


def tiers_said(home: DbtHome, as_of: dt.date) -> Tiers:
    tiers: Tiers = {}
    for customer, start, end, tier in home.query(
        "select customer_id, valid_from, valid_to, tier_code from marts.tier_history"
    ):
        days = ((end or as_of + DAY) - start).days
        tiers.setdefault(customer, {}).update({start + DAY * day: tier for day in range(days)})
    return tiers


def restated(evenings: dict[dt.date, Tiers]) -> set[tuple[str, dt.date, dt.date, str, str | None]]:
    """(customer, evening, day, tier before, tier now), from the copies."""
    told = sorted(evenings.items())
    return {
        (customer, evening, day, tier, now.get(customer, {}).get(day))
        for (_, before), (evening, now) in pairwise(told)
        for customer, days in before.items()
        for day, tier in days.items()
        if now.get(customer, {}).get(day) != tier
    }


def listed(home: DbtHome) -> set[tuple[str, dt.date, dt.date, str, str | None]]:
    rows = home.query(
        "select customer_id, restated_date, from_date, until_date, tier_code_before, tier_code_now "
        "from marts.tier_restatements"
    )
    days = [
        (customer, evening, start + DAY * day, before, now)
        for customer, evening, start, end, before, now in rows
        for day in range((end - start).days)
    ]
    assert len(days) == len(set(days)), "a day is listed twice"
    assert all((end - start).days > 0 for _, _, start, end, _, _ in rows)
    return set(days)
