"""Tiers under a policy with windows, reviews, protection and grants: incremental equals rebuild and a slow walk.

Most of what such a policy does happens because a day has come, not because something was heard of.
"""

from __future__ import annotations

import datetime as dt
import os
from collections import defaultdict
from itertools import pairwise
from typing import Any

import pytest

from tests.exactness.dbt_home import DbtHome
from tests.exactness.histories import DAY_ZERO, KINDS, Step, random_history
from tests.exactness.test_incremental_equals_rebuild import run_both_ways
from tests.member_walk import EPOCH, DayWalk, Lot, walk_days, walk_points

SEEDS = range(20261122, 20261122 + int(os.environ.get("SIYU_TEST_HISTORIES", "1")))
THRESHOLDS = (0, 50_000, 150_000, 300_000)
GRANT_FROM, GRANT_TO = DAY_ZERO + dt.timedelta(days=20), DAY_ZERO + dt.timedelta(days=70)
BIRTHDAY = {"tiers_up": 1, "days": 10}
GRANTS = [
    {
        "identifier_key": "buyer_id:test:b3",
        "tier_code": "gold",
        "from_date": GRANT_FROM.isoformat(),
        "to_date": GRANT_TO.isoformat(),
        "reason": "friend of the house",
    }
]
# None of these lengths is one of vars.windows: nobody is touched for another reason on those days.
POLICIES: dict[str, dict[str, Any]] = {
    "rolling": {
        "window": {"kind": "rolling", "days": 41},
        "downgrade": {"kind": "after_days", "days": 17},
        "protection_days": 11,
        "birthday_grant": BIRTHDAY,
        "grants": GRANTS,
    },
    "calendar": {
        "window": {"kind": "calendar_year"},
        "downgrade": {"kind": "at_once"},
        "protection_days": 13,
        "birthday_grant": {},
        "grants": GRANTS,
    },
}
REACHED = {
    "rolling": {"entered", "upgrade", "downgrade_at_review", "kept_at_review", "granted", "grant_ended"},
    "calendar": {"entered", "upgrade", "downgrade"},
}
EXPIRY: dict[str, dict[str, Any]] = {
    "rolling": {"kind": "after_days", "days": 37},
    "calendar": {"kind": "end_of_year", "years": 0},
}
PERCENT = {"bronze": 100, "silver": 110, "gold": 125, "platinum": 153}
FEN_PER_POINT, FEN_PER_POINT_SPENT = 30, 4
# Enough of what makes and unmakes a tier.
MEMBER_KINDS = (*KINDS, *["order", "shop_order", "refund", "member", "decision"] * 4)


@pytest.fixture(scope="module", params=POLICIES)
def policy(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def home(policy: str, tmp_path_factory: pytest.TempPathFactory) -> DbtHome:
    variables = {"member_tier_rules": POLICIES[policy], "points_rules": points_rules(policy)}
    return DbtHome(tmp_path_factory.mktemp("home"), variables=variables)


def test_policy__equals_rebuild_and_slow_walk(home: DbtHome, policy: str) -> None:
    kinds: set[str] = set()
    reasons: set[str] = set()
    for seed in SEEDS:
        steps = random_history(seed, MEMBER_KINDS)
        if policy == "calendar":
            # The last run lies in the next year, and nobody hears of anything then.
            steps.append(Step(as_of=dt.date(2027, 1, 2)))
        differences = run_both_ways(home, steps)
        assert not {table: count for table, count in differences.items() if count}, seed
        told = tiers_told(home)
        assert told == tiers_walked(home, policy, steps[-1].as_of)
        reasons.update(reason for stretches in told.values() for _, _, reason in stretches)
        kinds.update(check_points(home, policy, steps[-1].as_of))
    assert reasons >= REACHED[policy], "the histories do not reach every rule"
    assert kinds == {"earn", "grant", "claw_back", "spend", "expire"}


def points_rules(policy: str) -> dict[str, Any]:
    return {
        "fen_per_point": FEN_PER_POINT,
        "percent_by_tier": PERCENT,
        "expiry": EXPIRY[policy],
        "fen_per_point_spent": FEN_PER_POINT_SPENT,
    }


def check_points(home: DbtHome, policy: str, as_of: dt.date) -> set[str]:
    """The ledger against lots walked one by one, and dbt's own test that everything balances; the kinds met."""
    tested = home.invoke(["test", "--select", "assert_points_balance_to_zero"], as_of=as_of.isoformat())
    assert tested.success, tested.exception or [each.message for each in tested.result]
    assert [each.node.name for each in tested.result if each.node.resource_type == "test"]
    told: dict[str, dict[tuple[dt.date, str], int]] = defaultdict(dict)
    for customer, day, kind, points in home.query(
        "select customer_id, entry_date, entry_kind, sum(points) from marts.points_ledger "
        "where account_code = 'member' group by 1, 2, 3"
    ):
        told[customer][day, kind] = int(points)
    assert told == points_walked(home, policy, as_of)
    balances = home.query("select customer_id, balance_points, is_negative from marts.points_balance")
    summed = {customer: sum(entries.values()) for customer, entries in told.items()}
    assert {row[0]: row[1:] for row in balances} == {
        customer: (points, points < 0) for customer, points in summed.items()
    }
    return {kind for entries in told.values() for _, kind in entries}


def points_walked(home: DbtHome, policy: str, as_of: dt.date) -> dict[str, dict[tuple[dt.date, str], int]]:
    """(day, kind) -> points of every customer; the warehouse is a rebuild, so int_run__orders has everybody's."""
    tiers = defaultdict(list)
    for customer, start, tier in home.query(
        "select customer_id, valid_from, tier_code from marts.tier_history order by valid_from"
    ):
        tiers[customer].append((start, tier))
    refunds = defaultdict(list)
    for order, day, fen in home.query(
        "select order_key, refunded_date, refund_fen from marts.fct_refunds order by refunded_date, refund_key"
    ):
        refunds[order].append((day, fen))
    lots, grants, spends = defaultdict(list), defaultdict(list), defaultdict(list)
    for customer, order, day, amount, deduction in home.query(
        "select customer_id, order_key, ordered_date, amount_fen, deduction_fen "
        "from intermediate.int_run__orders where is_valid"
    ):
        evening_before = [tier for start, tier in tiers[customer] if start < day]
        percent = PERCENT[evening_before[-1] if evening_before else "bronze"]
        lots[customer].append(Lot(day, expiry(policy, day), amount, percent, refunds[order]))
        if deduction:
            spends[customer].append((day, -(-deduction // FEN_PER_POINT_SPENT)))
    for customer, day, points in home.query(
        "select customer_id, changed_date, points from marts.fct_points_changes"
    ):
        if points > 0:
            grants[customer].append((day, expiry(policy, day), points))
        else:
            spends[customer].append((day, -points))
    walked = {
        customer: walk_points(lots[customer], grants[customer], spends[customer], as_of, FEN_PER_POINT)
        for customer in {*lots, *grants, *spends}
    }
    return {customer: entries for customer, entries in walked.items() if entries}


def expiry(policy: str, day: dt.date) -> dt.date:
    if EXPIRY[policy]["kind"] == "after_days":
        return day + dt.timedelta(days=EXPIRY[policy]["days"])
    return dt.date(day.year + 1, 1, 1)


def tiers_told(home: DbtHome) -> dict[str, list[tuple[int, int, str]]]:
    """(first day, tier, why) of every stretch, and that stretches meet without gaps."""
    told = defaultdict(list)
    for customer, start, end, rank, reason in home.query(
        "select customer_id, valid_from, valid_to, tier_rank, reason_code from marts.tier_history order by 1, 2"
    ):
        told[customer].append(((start - EPOCH).days, rank, reason, end))
    for stretches in told.values():
        assert [(each[3] - EPOCH).days for each in stretches[:-1]] == [each[0] for each in stretches[1:]]
        assert stretches[-1][3] is None
    return {customer: [each[:3] for each in stretches] for customer, stretches in told.items()}


def tiers_walked(home: DbtHome, policy: str, as_of: dt.date) -> dict[str, list[tuple[int, int, str]]]:
    """The same from orders and refunds, day by day."""
    moves: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for customer, day, fen in home.query(
        "select customer_id, ordered_date, amount_fen from marts.fct_orders where is_valid "
        "union all select customer_id, refunded_date, -refund_fen from marts.fct_refunds"
    ):
        moves[customer][(day - EPOCH).days] += fen
    owner = dict(home.query("select identifier_key, customer_id from marts.bridge_customer_identities"))
    rules = POLICIES[policy]
    walk = DayWalk(rules["downgrade"]["kind"], rules["protection_days"], rules["downgrade"].get("days", 0))
    walked = {}
    for customer, first_seen, birthday in home.query(
        "select customer_id, first_seen_date, birthday from marts.dim_customers"
    ):
        first, last = (first_seen - EPOCH).days, (as_of - EPOCH).days
        ranks = {day: qualified(moves[customer], day, rules["window"]) for day in range(first, last + 1)}
        decisions = walk_days(walk, ranks, last)
        by_hand = owner.get(GRANTS[0]["identifier_key"]) == customer
        born = birthday if rules["birthday_grant"] else None
        walked[customer] = lay_over(decisions, range(first, last + 1), by_hand, born)
    return walked


def qualified(moves: dict[int, int], day: int, window: dict[str, Any]) -> int:
    if window["kind"] == "rolling":
        counted = range(day - window["days"] + 1, day + 1)
    else:
        new_year = dt.date((EPOCH + dt.timedelta(days=day)).year, 1, 1)
        counted = range((new_year - EPOCH).days, day + 1)
    spend = sum(fen for each, fen in moves.items() if each in counted)
    return max([1] + [rank for rank, least in enumerate(THRESHOLDS, start=1) if spend >= least])


def lay_over(
    decisions: list[tuple[int, int, str]], days: range, by_hand: bool, birthday: dt.date | None
) -> list[tuple[int, int, str]]:
    """Grants on top of what was earned, told whenever the tier or the reason for it is another."""
    stretches: list[tuple[int, int, str]] = []
    earned, grant_before = 0, None
    decided = {day: (rank, reason) for day, rank, reason in decisions}
    for day in days:
        earned, reason = decided.get(day, (earned, None))
        date = EPOCH + dt.timedelta(days=day)
        granted = earned
        if by_hand and GRANT_FROM <= date <= GRANT_TO:
            granted = max(granted, 3)
        if birthday and has_birthday(date, birthday):
            granted = max(granted, min(earned + 1, len(THRESHOLDS)))
        if granted > earned:
            why = (granted, grant_of(by_hand and GRANT_FROM <= date <= GRANT_TO, birthday, date))
            if why != grant_before:
                stretches.append((day, granted, "granted"))
            grant_before = why
        else:
            if reason:
                stretches.append((day, earned, reason))
            elif grant_before:
                stretches.append((day, earned, "grant_ended"))
            grant_before = None
    return stretches


def grant_of(by_hand: bool, birthday: dt.date | None, date: dt.date) -> str:
    """The reason told: the first in the alphabet when two grants hold at once."""
    reasons = ["birthday"] if birthday and has_birthday(date, birthday) else []
    return min([*reasons, GRANTS[0]["reason"]] if by_hand else reasons)


def has_birthday(date: dt.date, birthday: dt.date) -> bool:
    days = (date - dt.timedelta(days=back) for back in range(BIRTHDAY["days"]))
    return any((day.month, day.day) == (birthday.month, birthday.day) for day in days)


def test_stretches__are_ordered() -> None:
    """The walk itself, on a case that can be read: a grant between two decisions."""
    days = range((GRANT_FROM - EPOCH).days - 5, (GRANT_TO - EPOCH).days + 5)
    told = lay_over([(days[0], 1, "entered"), (days[10], 2, "upgrade")], days, True, None)
    assert [(rank, reason) for _, rank, reason in told] == [
        (1, "entered"),
        (3, "granted"),
        (2, "grant_ended"),
    ]
    assert all(left[0] < right[0] for left, right in pairwise(told))
