"""The video-account side of the sandbox: windows, paging, blobs as text, amounts that add up."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.calendar import YEAR_END, YEAR_START
from sandbox.world import World

Call = Callable[..., dict[str, Any]]
DAY = 86_400
LIST, GET = "/channels/ec/order/list/get", "/channels/ec/order/get"


def order_ids(shop: Call, page_size: int, **extra: Any) -> list[str]:
    found: list[str] = []
    for start in range(YEAR_START, YEAR_END, 7 * DAY):
        window = {"start_time": start, "end_time": start + 7 * DAY - 1}
        key = ""
        while True:
            page = shop("POST", LIST, update_time_range=window, page_size=page_size, next_key=key, **extra)
            found += page["order_id_list"]
            key = page["next_key"]
            if not page["has_more"]:
                break
    return found


def aftersales(shop: Call) -> list[dict[str, Any]]:
    ids: list[str] = []
    for start in range(YEAR_START, YEAR_END, DAY):
        window = {"begin_create_time": start, "end_create_time": start + DAY - 1}
        page = shop("POST", "/channels/ec/aftersale/getaftersalelist", **window)
        assert not page["has_more"]
        ids += page["after_sale_order_id_list"]
    path = "/channels/ec/aftersale/getaftersaleorder"
    return [shop("POST", path, after_sale_order_id=i)["after_sale_order"] for i in ids]


def test_seven_day_windows_find_every_order_once(shop: Call, world: World) -> None:
    for size in (100, 7):
        assert sorted(order_ids(shop, size)) == sorted(order.order_id for order in world.orders)


def test_status_filter(shop: Call) -> None:
    unpaid = order_ids(shop, 100, status=250)
    assert unpaid
    for order_id in unpaid[:20]:
        order = shop("POST", GET, order_id=order_id)["order"]
        assert order["status"] == 250
        assert "pay_time" not in order["order_detail"]["pay_info"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"update_time_range": {"start_time": YEAR_START, "end_time": YEAR_START + 7 * DAY + 1}},
        {"update_time_range": {"start_time": YEAR_START, "end_time": YEAR_START - 1}},
        {"update_time_range": {"start_time": YEAR_START, "end_time": YEAR_START + DAY}, "page_size": 101},
    ],
)
def test_bad_windows_are_refused(shop: Call, body: dict[str, Any]) -> None:
    assert shop("POST", LIST, **body)["errcode"] == 40097


def test_aftersale_window_is_one_day(shop: Call) -> None:
    path = "/channels/ec/aftersale/getaftersalelist"
    window = {"begin_create_time": YEAR_START, "end_create_time": YEAR_START + DAY + 1}
    assert shop("POST", path, **window)["errcode"] == 40097


def test_orders_add_up(shop: Call) -> None:
    live_ids = set()
    for order_id in order_ids(shop, 100):
        order = shop("POST", GET, order_id=order_id)["order"]
        detail = order["order_detail"]
        price = detail["price_info"]
        lines = detail["product_infos"]
        assert price["order_price"] == sum(line["real_price"] for line in lines) + price["freight"]
        assert price["product_price"] == sum(line["sale_price"] * line["sku_cnt"] for line in lines)
        assert price["order_price"] == price["original_order_price"] - price["discounted_price"]
        assert (detail["ext_info"]["order_scene"] == 2) == ("live_id" in detail["ext_info"])
        assert order["is_present"] == ("present_giver_openid" in order)
        assert int(order["order_id"]) > 2**53
        live_ids.add(detail["ext_info"].get("live_id"))
    assert len(live_ids) > 40


def test_aftersales_belong_to_their_orders(shop: Call) -> None:
    sales = aftersales(shop)
    assert {"REFUND", "RETURN"} == {sale["type"] for sale in sales}
    for sale in sales:
        order = shop("POST", GET, order_id=sale["order_id"])["order"]
        line = next(
            line
            for line in order["order_detail"]["product_infos"]
            if line["sku_id"] == sale["product_info"]["sku_id"]
        )
        assert 0 < sale["refund_info"]["amount"] <= line["real_price"]
        assert order["update_time"] >= sale["update_time"]


def test_an_order_changes_as_the_day_moves(shop: Call, http: Any, world: World) -> None:
    order = next(o for o in world.orders if [status for _, status in o.steps] == [10, 20, 30, 100])
    shipped = dt.datetime.fromtimestamp(order.steps[2][0], dt.UTC).date()

    def status_on(day: dt.date) -> int:
        http.post("/sandbox/day", json={"day": day.isoformat()})
        return shop("POST", GET, order_id=order.order_id)["order"]["status"]

    assert [status_on(shipped + dt.timedelta(days=days)) for days in (1, 20)] == [30, 100]
    http.post("/sandbox/day", json={"day": (shipped - dt.timedelta(days=9)).isoformat()})
    assert shop("POST", GET, order_id=order.order_id)["errcode"] == 100002


def test_livestreams_by_day_with_text_blobs_that_reconcile(finder: Call, shop: Call, world: World) -> None:
    items = []
    for offset in range(366):
        day = dt.date(2017, 1, 1) + dt.timedelta(days=offset)
        items += finder("POST", "/channels/livedashboard/getlivelist", ds=int(f"{day:%Y%m%d}"))["live_items"]
    assert len({item["export_id"] for item in items}) == len(items) == 52
    paid: dict[str, int] = {}
    for order_id in order_ids(shop, 100):
        detail = shop("POST", GET, order_id=order_id)["order"]["order_detail"]
        if "live_id" in detail["ext_info"] and "pay_time" in detail["pay_info"]:
            live_id = detail["ext_info"]["live_id"]
            paid[live_id] = paid.get(live_id, 0) + detail["price_info"]["order_price"]
    for item in items:
        data = finder("POST", "/channels/livedashboard/getlivedata", export_id=item["export_id"])
        assert isinstance(data["live_dashboard_data"], str)
        assert json.loads(data["live_dashboard_data"])["start_time"] == item["create_time"]
        assert json.loads(data["live_ec_data_summary"])["total_gmv"] == paid.get(item["export_id"], 0)


def test_bad_day_of_livestreams(finder: Call) -> None:
    assert finder("POST", "/channels/livedashboard/getlivelist", ds=20171399)["errcode"] == 10021069
