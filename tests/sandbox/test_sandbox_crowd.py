"""A world of any size: the crowd is made when looked at, the same each time, and shows in every API."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.calendar import YEAR_END, YEAR_START
from sandbox.shop_payloads import updated_at, was_paid
from sandbox.truth import truth
from sandbox.view import View
from sandbox.world import World, WorldOptions, build_world, options_for
from tests.sandbox.test_sandbox_wecom import BASE, scan

Call = Callable[..., dict[str, Any]]
SIZE = 3000


@pytest.fixture(scope="module")
def world() -> World:
    """Stands in for the small world of the other tests."""
    return build_world(WorldOptions(seed=7, buyers=50, extra_people=20, shop_orders=60, crowd=SIZE))


def test_options_add_up() -> None:
    for customers in (2_000, 3_069, 3_070, 50_000, 1_000_000):
        options = options_for(customers)
        households = 2469 if options.buyers is None else options.buyers
        assert households + options.extra_people + options.crowd == customers
    with pytest.raises(ValueError, match="expected 2,000 to 1,000,000, got 1,999"):
        options_for(1999)


def test_the_same_person_whatever_the_size(world: World) -> None:
    larger = build_world(WorldOptions(seed=7, buyers=50, extra_people=20, shop_orders=60, crowd=2 * SIZE))
    assert world.crowd.person(SIZE - 1) == larger.crowd.person(SIZE - 1)
    assert world.crowd.person(5) != build_world(WorldOptions(seed=8, buyers=1, crowd=SIZE)).crowd.person(5)


def test_ids_name_one_person_each_and_lead_back(world: World) -> None:
    people = [world.crowd.person(index) for index in range(SIZE)]
    for ids in (
        [p.unionid for p in (*people, *world.people)],
        [p.external_userid for p in (*people, *world.people)],
        [p.phone for p in (*people, *world.people)] + [p.new_phone for p in people if p.new_phone],
        [openid for p in (*people, *world.people) for openid in p.openids.values()],
    ):
        assert len(set(ids)) == len(ids)
    assert [world.crowd.index_of(p.external_userid) for p in people] == list(range(SIZE))
    for stranger in (
        "",
        "wm",
        "wmNobody",
        people[0].external_userid[:-1] + "?",
        world.people[0].external_userid,
    ):
        assert world.crowd.index_of(stranger) is None


def test_lookups_agree_with_lists(world: World) -> None:
    view = View(world, dt.date(2017, 9, 1))
    listed = [relation for relations in view.of_staff.values() for relation in relations]
    assert len(listed) == len(view.relation) == len(set(view.relation))
    for relation in listed[-200:]:
        external = relation.person.external_userid
        assert view.relation[relation.userid, external] == relation
        assert relation in view.of_contact[external]
        assert YEAR_START <= relation.created_at < view.until
    ids = view.orders_by_creation.between(0, YEAR_END)
    assert sorted(ids) == sorted(view.orders)
    for order_id in ids[-200:]:
        order = view.orders[order_id]
        assert order.order_id == order_id
        at = updated_at(order, view.until)
        assert order_id in view.orders_by_update.between(at, at)
    sales = view.aftersales_by_creation.between(0, view.until)
    assert sales
    assert all(view.aftersales[sale][1].after_sale_id == sale for sale in sales)
    assert "no such order" not in view.orders
    assert view.orders.get("3724561098000000001") is None


def test_shares_are_as_in_the_core_world(world: World) -> None:
    crowd = world.crowd
    assert 0.57 < crowd.is_contact.mean() < 0.63
    orders = [world.crowd_orders.order(place) for place in range(SIZE)]
    assert 0.9 < sum(map(was_paid, orders)) / SIZE < 0.97
    assert 0.4 < sum(bool(order.live) for order in orders) / SIZE < 0.5
    for order in orders:
        if order.live:
            assert order.live.started_at <= order.created_at < order.live.ended_at
        assert list(order.steps) == sorted(order.steps)
        if order.steps[-1][1] != 200:
            assert sum(sale.refund_fen for sale in order.aftersales) < order.order_fen


def test_apis_show_the_crowd(wecom: Call, world: World) -> None:
    rows, _ = scan(wecom)
    view = View(world)
    pairs = {(r["follow_info"]["userid"], r["external_contact"]["external_userid"]) for r in rows}
    assert pairs == set(view.relation)
    relation = view.of_staff[world.crowd.staff[0].userid][0]
    found = wecom("GET", BASE + "get", external_userid=relation.person.external_userid)
    assert found["external_contact"]["name"] == relation.person.nickname
    groups = wecom("POST", BASE + "groupchat/list", limit=1000)["group_chat_list"]
    assert len(groups) == len(view.groups) > 11


def test_the_truth_tells_of_the_crowd(serve: Callable[..., Any], world: World) -> None:
    desk = serve("truth", day=dt.date(2017, 3, 1)).app.state.desk
    told = list(truth(desk))
    assert len({(stream, key) for stream, key, _ in told}) == len(told)
    counts = {name: sum(stream == name for stream, _, _ in told) for name in {each[0] for each in told}}
    assert counts["wecom/contacts"] == len(desk.view.relation)
    assert counts["video_account/shop_orders"] == len(desk.view.orders) > 300


def test_a_million_customers_start_in_bounded_time_and_memory() -> None:
    code = (
        "import time; from pathlib import Path\n"
        "from sandbox.world import build_world, options_for; from sandbox.view import View\n"
        "began = time.process_time(); world = build_world(options_for(1_000_000)); view = View(world)\n"
        "view.of_staff[view.staff[-1]][:100]; view.orders_by_update.between(view.until - 86400, view.until)\n"
        # The peak of this process: what getrusage() tells begins with the peak of the test that started it.
        "peak = Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]\n"
        "print(time.process_time() - began, int(peak) // 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, megabytes = map(float, done.stdout.split())
    assert seconds < 30
    assert megabytes < 1000
