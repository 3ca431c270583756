"""Content and journeys: faults with file and line, what falls due when, once for each entry, variants by the draw."""

from __future__ import annotations

import datetime as dt

import pytest
from message_brand import CONTENT, SEGMENT, START, Member, journey

from activation import log
from activation.messages.content import CONTENT_PATH
from activation.messages.journeys import JOURNEYS_PATH, load_sop
from activation.messages.placed_yaml import ContentError
from common.warehouse import connect

TODAY = START.date()


def days_ago(days):
    return TODAY - dt.timedelta(days=days)


def due(brand, journeys, members, content=None, **policy):
    """Return (touch_code, customer_id) of what a plan of now would send."""
    brand.write_rules(journeys, content, **{"caps": [], "allowance_per_month": {}, "late_days": 0, **policy})
    brand.members[SEGMENT] = members
    brand.build()
    brand.sync("wecom_messages")
    rows = log.contact_ledger(brand.settings).to_pylist()
    return sorted((row["touch_code"], row["customer_id"]) for row in rows)


def test_the_shipped_files_are_in_order_and_send_nothing():
    sop = load_sop(JOURNEYS_PATH, CONTENT_PATH)
    assert sop.journeys
    assert {each.mode for each in sop.journeys.values()} == {"rehearse"}


HEAD = "- code: a\n  name_zh: 甲\n"
JOURNEY = "- code: j\n  name_zh: 甲\n  owner: o\n  segment: s\n  destination: {}\n  steps:\n    - {}\n"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("content", HEAD + "  scene: nowhere\n  text: 好\n", r"content\.yml:3: scene: "),
        ("content", HEAD + "  scene: warmth\n", r"content\.yml:1: .*at least one"),
        ("content", HEAD + "  scene: warmth\n  text: 好\n  colour: red\n", r"content\.yml:5: colour"),
        ("content", (HEAD + "  scene: warmth\n  text: 好\n") * 2, r"content\.yml:5: .*'a' again"),
        ("journeys", JOURNEY.format("fax", "{day: 1, content: offer}"), r"journeys\.yml:5: destination"),
        (
            "journeys",
            JOURNEY.format("wecom_messages", "{day: 1, weekly: friday, content: offer}"),
            r"journeys\.yml:7: .*exactly one of",
        ),
        (
            "journeys",
            JOURNEY.format("wecom_messages", "{day: 1, content: nothing}"),
            r"journeys\.yml:1: j: expected content of content\.yml, got 'nothing'",
        ),
        (
            "journeys",
            JOURNEY.format("wecom_group_messages", "{weekly: friday, content: hello}"),
            "expected a link or mini-program",
        ),
        ("journeys", JOURNEY.format("wecom_moments", "{day: 1, content: offer}"), "go to many"),
        ("journeys", "code: j\n", r"journeys\.yml:1: expected a list"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(message_brand, name, text, told):
    message_brand.write_rules([])
    (message_brand.folder / f"{name}.yml").write_text(text)
    with pytest.raises(ContentError, match=told):
        load_sop()


def test_the_forgetting_curve_and_a_day_after_entry(message_brand):
    curve = journey("curve", steps=[{"curve": "forgetting", "content": ["offer"] * 6}])
    customers = message_brand.customers(9)
    ages = [0, 1, 2, 3, 4, 7, 15, 30, 31]
    members = [Member(each, days_ago(age)) for each, age in zip(customers, ages, strict=True)]
    expected = [(f"curve.d{age}", each.customer_id) for each, age in zip(members, ages, strict=True)]
    expected = [each for each in expected if each[0] not in ("curve.d0", "curve.d3", "curve.d31")]
    assert due(message_brand, [curve], members) == sorted(expected)


def test_the_calendar_of_a_week_and_one_day(message_brand):
    steps = [{"weekly": "monday", "content": "offer"}, {"on": TODAY.isoformat(), "content": "hello"}]
    (one,) = message_brand.customers(1)
    weekly, once = journey("weekly", steps=steps[:1]), journey("once", steps=steps[1:])
    found = due(message_brand, [weekly, once], [Member(one, days_ago(40))])
    assert found == [(f"once.{TODAY}", one), ("weekly.monday", one)]
    message_brand.later(days=7)
    message_brand.sync("wecom_messages")
    rows = log.contact_ledger(message_brand.settings).to_pylist()
    assert sorted(row["row_key"].split("|")[:2] for row in rows)[1:] == [
        ["weekly.monday", "2017-06-05"], ["weekly.monday", "2017-06-12"],
    ]  # fmt: skip


def test_only_who_carries_all_the_tags(message_brand):
    tags = {"value_level": ["高价值", "中价值"], "likes": ["茶"]}
    both, one_only, other_value = message_brand.customers(3)
    steps = [{"day": 1, "content": "offer", "tags": tags}]
    message_brand.write_rules([journey(steps=steps)], caps=[], allowance_per_month={})
    message_brand.members[SEGMENT] = [Member(each) for each in (both, one_only, other_value)]
    message_brand.build()
    rows = [(both, "value_level", "中价值"), (both, "likes", "茶"), (one_only, "likes", "茶")]
    rows += [(other_value, "value_level", "低价值"), (other_value, "likes", "茶")]
    with connect(message_brand.settings.warehouse_path) as db:
        db.executemany("insert into marts.customer_tags values (?, ?, ?)", rows)
    message_brand.sync("wecom_messages")
    assert [row["customer_id"] for row in log.contact_ledger(message_brand.settings).to_pylist()] == [both]


def test_a_step_is_said_once_for_each_entry_ever(message_brand):
    (one,) = message_brand.customers(1)
    plan = [journey()]
    assert due(message_brand, plan, [Member(one)], late_days=3) == [("welcome.d1", one)]
    for _ in range(3):
        message_brand.later(days=1)
        content = [{**each, "name_zh": each["name_zh"]} for each in CONTENT]
        content[1] = {**content[1], "text": f"改过 {message_brand.now}"}
        assert len(due(message_brand, plan, [Member(one)], content, late_days=3)) == 1
    entered_again = message_brand.now.date() - dt.timedelta(days=1)
    assert len(due(message_brand, plan, [Member(one, entered_again)], late_days=3)) == 2


def test_variants_follow_the_draw_of_the_segment(message_brand):
    customers = message_brand.customers(6)
    content = [
        {"code": "offer", "name_zh": "活动", "scene": "selling", "text": "一般",
         "variants": [{"code": "coupon", "text": "送券"}, {"code": "service", "text": "服务"}]},
    ]  # fmt: skip
    members = [Member(each, variant="coupon" if n % 2 else "service") for n, each in enumerate(customers)]
    due(message_brand, [journey()], members, content)
    rows = log.contact_ledger(message_brand.settings).to_pylist()
    assert {row["customer_id"]: row["variant_code"] for row in rows} == {
        each.customer_id: each.variant for each in members
    }
    words = {}
    for task in message_brand.desk.state.sent.tasks.values():
        for receivers in task.receivers.values():
            words |= dict.fromkeys(receivers, task.content["text"]["content"])
    assert words == {
        each.customer_id.removeprefix("c-"): {"coupon": "送券", "service": "服务"}[each.variant]
        for each in members
    }


def test_variants_that_the_segment_does_not_draw_are_refused(message_brand):
    (one,) = message_brand.customers(1)
    content = [
        {
            "code": "offer",
            "name_zh": "活动",
            "scene": "selling",
            "variants": [{"code": "coupon", "text": "送券"}],
        }
    ]
    assert due(message_brand, [journey()], [Member(one, variant="service")], content) == []
    planned = message_brand.plan("wecom_messages")
    assert "the same codes" in planned.errors["wecom_messages"]


def test_one_sender_for_each_customer_by_the_declared_choice(message_brand):
    message_brand.customers(100)
    several = [c for c, relations in message_brand.world_people.items() if len(relations) > 1][:5]
    assert several
    for choice, pick in (("newest_relation", max), ("oldest_relation", min)):
        name = choice.split("_")[0]
        message_brand.write_rules([journey(name, sender=choice)], caps=[], allowance_per_month={})
        message_brand.members[SEGMENT] = [Member(each) for each in several]
        message_brand.build()
        message_brand.sync("wecom_messages")
        rows = log.contact_ledger(message_brand.settings).to_pylist()
        used = {row["customer_id"]: row["sender"] for row in rows if row["touch_code"] == f"{name}.d1"}
        for customer in several:
            at = pick(each.created_at for each in message_brand.world_people[customer])
            senders = {e.userid for e in message_brand.world_people[customer] if e.created_at == at}
            assert used[customer] in senders
