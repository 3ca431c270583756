"""Who may be reached at this moment: quiet hours, caps, priority, the month's allowance, what the platform adds."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest
from message_brand import SEGMENT, START, Member, journey

from activation import log, plans
from activation.apply import apply_plan
from activation.contracts import (
    ApplierBusyError,
    PlanDriftError,
    PlanExpiredError,
    PlanTamperedError,
)
from activation.ledger import Ledger
from activation.messages.policy import Cap, QuietHours
from activation.messages.ration import QuietHoursError
from activation.tables import plan_parts
from common.clock import UTC

OTHER = "regulars"
ONE_A_MONTH = [{"destinations": ["wecom_messages"], "most": 1, "period": "month"}]
NEW_YORK_22 = START.replace(hour=2) + dt.timedelta(days=1)


def ready(brand, count=6, journeys=None, segments=(SEGMENT,), **policy):
    brand.write_rules(journeys or [journey()], **{"caps": [], "allowance_per_month": {}, **policy})
    customers = brand.customers(count)
    for segment in segments:
        brand.members[segment] = [Member(each, value_fen=100 * n) for n, each in enumerate(customers)]
    brand.build()
    return customers


def reached(brand):
    rows = log.contact_ledger(brand.settings).to_pylist()
    return Counter(row["customer_id"] for row in rows if row["state"] in ("waiting", "sent"))


@pytest.mark.parametrize(
    ("hours", "at", "is_quiet"),
    [
        (("21:00", "09:00"), (20, 59), False),
        (("21:00", "09:00"), (21, 0), True),
        (("21:00", "09:00"), (8, 59), True),
        (("21:00", "09:00"), (9, 0), False),
        (("12:00", "14:00"), (13, 59), True),
        (("12:00", "14:00"), (14, 0), False),
    ],
)
def test_quiet_hours_may_pass_midnight(hours, at, is_quiet):
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("Asia/Shanghai")
    quiet = QuietHours.model_validate({"from": hours[0], "until": hours[1]})
    assert quiet.hold(dt.datetime(2026, 3, 1, *at, tzinfo=zone).astimezone(UTC), zone) is is_quiet


def test_a_cap_of_a_month_begins_on_the_first_in_the_business_zone():
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("Asia/Shanghai")
    since = Cap(destinations=["x"], most=1).since(dt.datetime(2026, 2, 28, 17, tzinfo=UTC), zone)
    assert since == dt.datetime(2026, 3, 1, tzinfo=zone)


def test_nobody_is_planned_in_quiet_hours(message_brand):
    ready(message_brand)
    message_brand.move(NEW_YORK_22)
    plan = message_brand.sync("wecom_messages").plan
    assert (plan.rows, plan.held) == (0, {"quiet_hours": 6})
    message_brand.move(NEW_YORK_22 + dt.timedelta(hours=12))
    assert message_brand.sync("wecom_messages").outcomes == {"waiting": 6}


def test_a_plan_of_the_evening_is_not_applied_in_quiet_hours(message_brand):
    ready(message_brand)
    message_brand.move(NEW_YORK_22 - dt.timedelta(hours=2))
    (plan,) = message_brand.plan("wecom_messages").plans
    assert plan.rows == 6
    message_brand.move(NEW_YORK_22)
    with pytest.raises(QuietHoursError, match=r"until 09:00 \(America/New_York\); nothing was sent"):
        apply_plan(message_brand.settings, plan.plan_id, mode="live")
    assert not message_brand.desk.state.sent.tasks
    message_brand.move(NEW_YORK_22 + dt.timedelta(hours=12))
    assert apply_plan(message_brand.settings, plan.plan_id, mode="live").outcomes == {"waiting": 6}


def test_sending_stops_when_quiet_hours_begin(message_brand, monkeypatch):
    ready(message_brand, 30)
    message_brand.move(NEW_YORK_22 - dt.timedelta(hours=2))
    (plan,) = message_brand.plan("wecom_messages").plans
    from activation.destinations.wecom_messages import WecomMessages

    post = WecomMessages.post

    def slowly(self, batch, words):
        message_brand.move(NEW_YORK_22)
        return post(self, batch, words)

    monkeypatch.setattr(WecomMessages, "post", slowly)
    report = apply_plan(message_brand.settings, plan.plan_id, mode="live")
    assert "quiet hours" in report.reason
    assert len(message_brand.desk.state.sent.tasks) == 1
    assert 0 < report.outcomes["waiting"] < 30


def test_of_two_messages_the_smaller_priority_takes_the_last_place(message_brand):
    second = journey("second", priority=5)
    customers = ready(message_brand, journeys=[journey(), second], caps=ONE_A_MONTH)
    report = message_brand.sync("wecom_messages")
    assert (report.plan.adds, report.plan.held) == (6, {"cap": 6})
    rows = log.contact_ledger(message_brand.settings).to_pylist()
    assert {row["touch_code"] for row in rows} == {"second.d1"}
    assert reached(message_brand) == Counter(customers)


def test_a_segment_leaves_the_last_place_to_one_that_goes_before_it(message_brand):
    before = journey("before", segment=OTHER, priority=5)
    customers = ready(
        message_brand, journeys=[journey(), before], segments=(SEGMENT, OTHER), caps=ONE_A_MONTH
    )
    assert message_brand.sync("wecom_messages").plan.held == {"cap": 6}
    assert message_brand.sync("wecom_messages", OTHER).outcomes == {"waiting": 6}
    assert message_brand.sync("wecom_messages").plan.held == {"cap": 6}
    assert reached(message_brand) == Counter(customers)


def test_the_next_month_begins_anew_and_what_is_under_way_counts_for_it(message_brand):
    steps = [{"day": 1, "content": "offer"}, {"on": "2017-06-30", "content": "offer"}]
    steps += [{"on": "2017-07-01", "content": "offer"}]
    ready(message_brand, 4, journeys=[journey(steps=steps)], caps=ONE_A_MONTH)
    message_brand.sync("wecom_messages")
    message_brand.move(START.replace(day=30))
    assert message_brand.sync("wecom_messages").plan.held["cap"] > 0
    message_brand.move(START.replace(month=7, day=1))
    plan = message_brand.sync("wecom_messages").plan
    sent = {
        row["customer_id"] for row in log.contact_ledger(message_brand.settings).to_pylist() if row["sent_at"]
    }
    assert plan.adds >= len(sent) > 0


def test_the_count_in_the_transaction_of_the_intents_keeps_the_cap_alone(message_brand, monkeypatch):
    """Whatever plans were made side by side: the last look is where nobody else can write."""
    monkeypatch.setattr("activation.messages.planning.withhold", lambda db, book, ration: None)
    second = journey("second", segment=OTHER)
    ready(message_brand, journeys=[journey(), second], segments=(SEGMENT, OTHER), caps=ONE_A_MONTH)
    one = message_brand.plan("wecom_messages").plans[0]
    two = message_brand.plan("wecom_messages", OTHER).plans[0]
    assert (one.rows, two.rows) == (6, 6)
    settings = message_brand.settings
    assert apply_plan(settings, one.plan_id, mode="live").outcomes == {"waiting": 6}
    report = apply_plan(settings, two.plan_id, mode="live")
    assert (report.outcomes, report.refusals) == ({"not_sent": 6}, {"cap": 6})
    assert max(reached(message_brand).values()) == 1


def test_the_allowance_goes_to_the_most_valuable(message_brand):
    customers = ready(message_brand, 10, allowance_per_month={"wecom_messages": 4})
    report = message_brand.sync("wecom_messages")
    assert (report.outcomes, report.plan.held) == ({"waiting": 4}, {"allowance": 6})
    assert set(reached(message_brand)) == set(customers[-4:])
    held = plans.sample(message_brand.settings, report.plan.plan_id, limit=20, held=True)
    assert {(each.customer_id, each.reason) for each in held} == {(c, "allowance") for c in customers[:-4]}
    told = log.public_tables(message_brand.settings)["held_messages"].to_pylist()
    assert {(row["customer_id"], row["reason"], row["touch_code"]) for row in told} == {
        (each, "allowance", "welcome.d1") for each in customers[:-4]
    }
    again = message_brand.sync("wecom_messages").plan
    assert (again.rows, again.held) == (0, {"allowance": 6, "waiting_for_staff": 4})


def test_a_segment_keeps_its_own_caps(message_brand):
    message_brand.caps[SEGMENT] = (3, 1, 7)
    ready(message_brand, 8, journeys=[journey(), journey("second")])
    report = message_brand.sync("wecom_messages")
    assert report.outcomes == {"waiting": 3}
    assert report.plan.held == {"cap": 8, "allowance": 5}


def test_what_the_platform_refuses_for_its_own_cap_is_final_and_told(message_brand):
    message_brand.desk.messages_per_month = 1
    ready(message_brand, 25, journeys=[journey(), journey("second")])
    message_brand.sync("wecom_messages")
    message_brand.until_settled("wecom_messages")
    rows = log.contact_ledger(message_brand.settings).to_pylist()
    told = Counter(row["code_class"] for row in rows)
    assert told["cap_reached"] > 0
    sent = Counter(row["customer_id"] for row in rows if row["state"] == "sent")
    assert max(sent.values()) == 1
    assert len(message_brand.arrived()) == sent.total()


@pytest.mark.parametrize("name", ["subscribe_messages", "miniprogram_messages"])
def test_a_subscription_that_is_used_up_is_told_and_not_tried_again(message_brand, name):
    steps = [{"day": 1, "content": "reminder"}]
    ready(message_brand, 60, journeys=[journey(destination=name, steps=steps)])
    report = message_brand.sync(name)
    assert report.refusals["no_quota"] > 0
    assert report.outcomes["sent"] == len(message_brand.desk.state.sent.subscription_uses) > 0
    again = message_brand.sync(name).plan
    assert (again.rows, again.held["no_quota"]) == (0, report.refusals["no_quota"])


def test_a_plan_that_was_altered_or_grew_old_or_is_being_sent_is_refused(message_brand, monkeypatch):
    ready(message_brand)
    (plan,) = message_brand.plan("wecom_messages").plans
    settings = message_brand.settings
    with (
        Ledger(settings) as ledger,
        ledger.exclusive(SEGMENT, "wecom_messages"),
        pytest.raises(ApplierBusyError),
    ):
        apply_plan(settings, plan.plan_id, mode="live")
    with Ledger(settings) as ledger, ledger.writing() as db:
        other = db.execute(plan_parts.select()).mappings().first()["content"]
        db.execute(plan_parts.update().values(content=other[:-8] + b"tampered"))
    with pytest.raises(PlanTamperedError):
        apply_plan(settings, plan.plan_id, mode="live")
    (plan,) = message_brand.plan("wecom_messages").plans
    monkeypatch.setattr("activation.apply.utc_now", lambda: plan.expires_at)
    with pytest.raises(PlanExpiredError):
        apply_plan(settings, plan.plan_id, mode="live")
    assert not message_brand.desk.state.sent.tasks


def test_other_words_than_planned_are_another_plan(message_brand):
    ready(message_brand)
    (plan,) = message_brand.plan("wecom_messages").plans
    content = [{"code": "offer", "name_zh": "活动", "scene": "selling", "text": "换了一句"}]
    message_brand.write_rules([journey()], content, caps=[], allowance_per_month={})
    with pytest.raises(PlanDriftError):
        apply_plan(message_brand.settings, plan.plan_id, mode="live")
    assert not message_brand.desk.state.sent.tasks
