"""A month of journeys at every hour of the day: no cap is breached, quiet hours are kept, the holdout is untouched."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter, defaultdict

from message_brand import SEGMENT, START, Member, journey

from activation import log
from activation.messages.policy import QuietHours
from activation.reconcile import reconcile

OTHER = "regulars"
CUSTOMERS, MOST_A_MONTH, MOST_A_WEEK = 60, 4, 2
QUIET = {"from": "21:00", "until": "09:00"}
JOURNEYS = [
    journey("curve", steps=[{"curve": "forgetting", "content": ["offer"] * 6}], priority=10),
    journey("weekly", segment=OTHER, steps=[{"weekly": "friday", "content": "offer"}], priority=20),
    journey("midweek", segment=OTHER, steps=[{"weekly": "wednesday", "content": "hello"}], priority=30),
]


def test_a_month_of_journeys(message_brand, capsys):
    dice, brand = random.Random(11), message_brand
    brand.write_rules(
        JOURNEYS,
        quiet_hours=QUIET,
        caps=[
            {"destinations": ["wecom_messages"], "most": MOST_A_MONTH, "period": "month"},
            {"destinations": ["wecom_messages"], "most": MOST_A_WEEK, "period": 7},
        ],
        allowance_per_month={"wecom_messages": 180},
    )
    customers = brand.customers(CUSTOMERS)
    holdout = set(dice.sample(customers, 6))
    held: Counter[str] = Counter()
    for day in range(30):
        date = START.date() + dt.timedelta(days=day)
        for segment in (SEGMENT, OTHER):
            arriving = customers[2 * day : 2 * day + 2] if segment == SEGMENT else customers[:30] * (day == 0)
            brand.members.setdefault(segment, []).extend(
                Member(each, date, is_holdout=each in holdout, value_fen=dice.randrange(10**6))
                for each in arriving
            )
        hours = (
            13 + dice.randrange(8),
            dice.choice([1, 7]),
        )  # a waking hour in New York, and one of the night
        for hour in hours[: 1 + day % 2]:
            brand.move(
                dt.datetime(date.year, date.month, date.day, hour, tzinfo=dt.UTC)
                + dt.timedelta(days=hour < 10)
            )
            brand.build()
            for segment in (OTHER, SEGMENT):
                report = brand.sync("wecom_messages", segment)
                if report.plan:
                    held.update(report.plan.held)
    for segment in (SEGMENT, OTHER):
        for _ in range(12):
            brand.later(hours=12)
            reconcile(brand.settings, segment, "wecom_messages")
    rows = log.contact_ledger(brand.settings).to_pylist()
    assert {row["state"] for row in rows} <= {"sent", "refused", "not_sent"}
    zone, quiet = brand.settings.zone, QuietHours.model_validate(QUIET)
    by_month: dict[str, Counter[tuple[int, int]]] = defaultdict(Counter)
    by_customer: dict[str, list[int]] = defaultdict(list)
    for receiver, _, at, _ in brand.arrived():
        day_then = dt.datetime.fromtimestamp(at, zone)
        by_month[receiver][day_then.year, day_then.month] += 1
        by_customer[receiver].append(at)
    in_a_week = max(
        sum(start <= at < start + 7 * 86400 for at in times)
        for times in by_customer.values()
        for start in times
    )
    most = max(max(months.values()) for months in by_month.values())
    created = [
        dt.datetime.fromtimestamp(each.created_at, dt.UTC) for each in brand.desk.state.sent.tasks.values()
    ]
    in_quiet_hours = sum(quiet.hold(each, zone) for each in created)
    arrived = len(brand.arrived())
    assert most <= MOST_A_MONTH, "a cap was breached"
    assert in_a_week <= MOST_A_WEEK, "the cap of a week was breached"
    assert in_quiet_hours == 0
    assert not {receiver for receiver in by_customer if f"c-{receiver}" in holdout}
    assert not {row["customer_id"] for row in rows} & holdout
    assert arrived == sum(row["state"] == "sent" for row in rows)
    assert held["cap"] > 0, "the cap never bound: the test shows nothing"
    assert held["quiet_hours"] > 0
    with capsys.disabled():
        print(
            f"\n  30 days, {CUSTOMERS} customers: {len(created)} tasks, {arrived} arrived, most in a month {most} of "
            f"{MOST_A_MONTH}, in seven days {in_a_week} of {MOST_A_WEEK}, in quiet hours {in_quiet_hours}, "
            f"held {dict(held)}, holdout 0"
        )
