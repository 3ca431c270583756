"""The world moves: contacts come and go both ways, phones change, groups end, and the brand sits in its groups."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from sandbox.calendar import YEAR_END, YEAR_START, end_of
from sandbox.callback_events import events_of
from sandbox.contacts import DAY
from sandbox.moves import BRAND_PEOPLE
from sandbox.outbound import Outbound
from sandbox.shop_payloads import order_payload
from sandbox.view import View
from sandbox.wecom_days import WecomDays, midnight_of
from sandbox.wecom_payloads import follow_info, group_chat
from sandbox.world import World


@pytest.fixture(scope="module")
def days(world: World) -> list[View]:
    return [View(world, dt.date(2017, month, 28)) for month in range(1, 13)]


def test_contacts_come_and_go(days: list[View]) -> None:
    seen = [set(view.relation) for view in days]
    assert all(later - earlier for earlier, later in pairwise(seen))
    assert any(earlier - later for earlier, later in pairwise(seen))


def test_a_customer_who_deletes_staff_stays_in_the_apis(world: World) -> None:
    left = [relation for relation in world.relations if relation.left_at]
    assert left
    shown = View(world).relation
    assert all((relation.userid, relation.person.external_userid) in shown for relation in left)


def test_the_event_tells_when_a_customer_deleted_staff(world: World) -> None:
    told = {
        (each.message["UserID"], each.message["ExternalUserID"], each.at)
        for each in events_of(world, YEAR_START, YEAR_END)
        if each.message.get("ChangeType") == "del_follow_user"
    }
    assert told == {(r.userid, r.person.external_userid, r.left_at) for r in world.relations if r.left_at}


def test_a_changed_phone_shows_in_the_remark_and_on_later_orders(world: World) -> None:
    typed = [r for r in world.relations if r.mobiles_changed_at and r.ended_at is None]
    assert typed
    for relation in typed:
        before = relation.at(relation.mobiles_changed_at or 0)
        after = relation.at((relation.mobiles_changed_at or 0) + 1)
        assert relation.person.new_phone not in follow_info(before, [])["remark_mobiles"]
        assert relation.person.new_phone in follow_info(after, [])["remark_mobiles"]
    order = next(o for o in world.orders if o.person.new_phone)

    def tail(changed_at: int) -> str:
        moved = replace(order, person=replace(order.person, phone_changed_at=changed_at))
        address = order_payload(moved, order.created_at + 1)["order_detail"]["delivery_info"]["address_info"]
        return str(address["tel_number"])[-4:]

    assert tail(order.created_at + 1) == order.person.phone[-4:]
    assert tail(order.created_at) == order.person.new_phone[-4:]


def test_several_staff_follow_one_customer(world: World) -> None:
    followers = Counter(len(them) for them in View(world).of_contact.values())
    assert followers[1] > followers[2] > 0


def test_orders_change_status_from_day_to_day(days: list[View]) -> None:
    earlier, later = days[5], days[6]
    both = earlier.orders.keys() & later.orders.keys()
    statuses = [
        {o: order_payload(view.orders[o], view.until)["status"] for o in both} for view in (earlier, later)
    ]
    assert statuses[0] != statuses[1]
    assert any(order.giver for order in later.orders.values()), "gift orders (送礼)"


def test_the_brand_and_its_staff_sit_in_groups(world: World) -> None:
    view = View(world)
    brand = {person.external_userid for person in world.brand_people}
    assert len(brand) == BRAND_PEOPLE
    inside = [
        {member["userid"] for member in group_chat(group, view.until, view.unionids_bound)["member_list"]}
        for group in view.groups.values()
    ]
    assert sum(bool(members & brand) for members in inside) >= 8
    assert all(members & set(view.staff) for members in inside)
    assert not {person.person_no for person in world.people} & {p.person_no for p in world.brand_people}


def test_a_group_is_dismissed(world: World) -> None:
    (flash,) = [group for group in world.groups if group.dismissed_at]
    day = dt.datetime.fromtimestamp(flash.dismissed_at or 0, dt.UTC).date()
    assert flash.chat_id in View(world, day - dt.timedelta(days=2)).groups
    after = View(world, day + dt.timedelta(days=1))
    assert flash.chat_id not in after.groups
    assert after.until == end_of(day + dt.timedelta(days=1))


def test_a_dismissed_group_is_over_in_figures_messages_and_events(world: World) -> None:
    (flash,) = [group for group in world.groups if group.dismissed_at]
    over = flash.dismissed_at or 0
    assert all(m.joined_at < over and (m.left_at is None or m.left_at < over) for m in flash.members)
    figures, day = WecomDays(world), midnight_of(over)

    def chats(day: int) -> int:
        return int(figures.groups([flash.owner], day, day)["chat_total"])

    assert chats(day - DAY) - chats(day) == 1
    assert figures.owns_groups(flash.owner, day, day + DAY), "its last day is still asked for"
    outbound = Outbound(world)
    sent = [each for each in outbound.messages.values() if each.kind == "group"]
    told = [each.created_at <= over for each in sent if flash.chat_id in outbound.chats(each, flash.owner)]
    assert told
    assert all(told)
    events = [e for e in events_of(world, YEAR_START, YEAR_END) if e.message.get("ChatId") == flash.chat_id]
    assert (events[-1].at, events[-1].message["ChangeType"]) == (over, "dismiss")
