"""Coupons, compass, leads, followers and payments of the sandbox: days, paging, refusals, sums that add up."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

import sandbox.official_account_api
from ingestion.complete_journey import data_dir
from sandbox.calendar import YEAR_END, YEAR_START, end_of
from sandbox.credentials import (
    SANDBOX_MINIPROGRAM_APP_ID,
    SANDBOX_MINIPROGRAM_SECRET,
    SANDBOX_OFFICIAL_APP_ID,
    SANDBOX_OFFICIAL_SECRET,
)
from sandbox.shop import PAID
from sandbox.shop_payloads import order_payload
from sandbox.world import World

Call = Callable[..., dict[str, Any]]
SHANGHAI = ZoneInfo("Asia/Shanghai")
COUPONS, COUPON = "/channels/ec/coupon/get_list", "/channels/ec/coupon/get"
SHOP_DAY, FINDER_DAY = "/channels/ec/compass/shop/overall/get", "/channels/ec/compass/shop/finder/list/get"
COMPONENTS, REQUESTS = "/channels/leads/get_leads_component_id", "/channels/leads/get_leads_request_id"
LEADS = "/channels/leads/get_leads_info_by_request_id"
OPENIDS, FOLLOWERS = "/cgi-bin/user/get", "/cgi-bin/user/info/batchget"
PAYMENTS = "/wxa/sec/order/get_order_list"


@pytest.fixture
def call_as(http: Any, calls_with: Callable[..., Call]) -> Callable[[str, str], Call]:
    """call_as(app id, secret) -> calls with a fresh token of that app."""

    def of(app_id: str, secret: str) -> Call:
        body = {"grant_type": "client_credential", "appid": app_id, "secret": secret}
        return calls_with(http, http.post("/cgi-bin/stable_token", json=body).json()["access_token"])

    return of


@pytest.fixture
def official(call_as: Callable[[str, str], Call]) -> Call:
    return call_as(SANDBOX_OFFICIAL_APP_ID, SANDBOX_OFFICIAL_SECRET)


@pytest.fixture
def miniprogram(call_as: Callable[[str, str], Call]) -> Call:
    return call_as(SANDBOX_MINIPROGRAM_APP_ID, SANDBOX_MINIPROGRAM_SECRET)


def paged(call: Call, path: str, items: str, *, key: str, more: str, **body: Any) -> list[Any]:
    found: list[Any] = []
    position = ""
    while True:
        page = call("POST", path, **{**body, key: position})
        assert page["errcode"] == 0, page
        found += page[items]
        if not page[more]:
            return found
        position = page[key]


def paid_day(order: Any) -> str | None:
    at = next((at for at, step in order.steps if step == PAID), None)
    return dt.datetime.fromtimestamp(at, SHANGHAI).strftime("%Y%m%d") if at else None


@pytest.mark.parametrize("path", [SHOP_DAY, COUPONS, PAYMENTS, FOLLOWERS])
def test_each_app_may_call_its_own_apis_only(finder: Call, path: str) -> None:
    assert finder("POST", path)["errcode"] == 48001


# -- coupons ------------------------------------------------------------------------------------------------


def test_coupons_page_and_their_uses_are_those_of_the_orders(shop: Call, world: World) -> None:
    ids: list[str] = []
    page, context = 1, ""
    while True:
        answer = shop("POST", COUPONS, page=page, page_size=5, page_ctx=context)
        ids += [each["coupon_id"] for each in answer["coupons"]]
        if page * 5 >= answer["total_num"]:
            break
        page, context = page + 1, answer["page_ctx"]
    assert len(set(ids)) == len(ids) == answer["total_num"]
    used: Counter[str] = Counter()
    for order in world.orders:
        for line in order_payload(order, YEAR_END)["order_detail"]["product_infos"]:
            infos = line["order_product_coupon_info_list"]
            assert sum(each["discounted_price"] for each in infos) == line["merchant_discounted_price"]
            if any(step == PAID for _, step in order.steps):
                used.update(each["coupon_id"] for each in infos)
    for coupon_id in ids:
        stock = shop("POST", COUPON, coupon_id=coupon_id)["coupon"]["stock_info"]
        assert stock["used_num"] == used[coupon_id]
        assert stock["used_num"] <= stock["receive_num"]


def test_a_deleted_coupon_leaves_the_list_and_keeps_its_detail(shop: Call, http: Any) -> None:
    listed = {each["coupon_id"] for each in shop("POST", COUPONS, page=1, page_size=200)["coupons"]}
    by_status = {
        status: shop("POST", COUPONS, page=1, page_size=200, status=status)["coupons"]
        for status in (1, 2, 4, 5)
    }
    assert by_status[5]
    assert not {each["coupon_id"] for each in by_status[5]} & listed
    assert shop("POST", COUPON, coupon_id=by_status[5][0]["coupon_id"])["coupon"]["status"] == 5
    http.post("/sandbox/day", json={"day": "2017-01-20"})
    assert shop("POST", COUPONS, page=1, page_size=200)["total_num"] < len(listed)


@pytest.mark.parametrize("body", [{"page": 0}, {"page_size": 201}, {"page": 3, "page_ctx": "nonsense"}])
def test_bad_coupon_pages_are_refused(shop: Call, body: dict[str, Any]) -> None:
    assert shop("POST", COUPONS, **body)["errcode"] in (40058, 40097)
    assert shop("POST", COUPON, coupon_id="1")["errcode"] == 100002


# -- compass ------------------------------------------------------------------------------------------------


def test_the_days_of_the_compass_add_up_to_the_orders(shop: Call, world: World) -> None:
    expected: Counter[str] = Counter()
    orders: Counter[str] = Counter()
    for order in world.orders:
        if day := paid_day(order):
            expected[day] += order.order_fen
            orders[day] += 1
    for day in [*sorted(expected)[:40], "20170704"]:
        if day > "20171231":
            continue
        data = shop("POST", SHOP_DAY, ds=day)["data"]
        assert all(isinstance(value, str) for value in data.values())
        assert (int(data["pay_gmv"]), int(data["pay_order_cnt"])) == (expected[day], orders[day])
        assert int(data["live_pay_gmv"]) <= int(data["pay_gmv"])
        (seller,) = shop("POST", FINDER_DAY, ds=day)["finder_list"]
        assert int(seller["data"]["pay_gmv"]) <= expected[day]


def test_refunds_of_a_day_grow_as_days_pass(shop: Call, http: Any, world: World) -> None:
    order, sale = next(
        (order, sale)
        for order in world.orders
        for sale in order.aftersales
        if sale.gave_money_back
        and sale.settled_at - order.created_at > 4 * 86_400
        and sale.settled_at < YEAR_END - 10**6
    )

    def refunds_after(second: int) -> int:
        day = dt.datetime.fromtimestamp(second, dt.UTC).date() + dt.timedelta(days=1)
        http.post("/sandbox/day", json={"day": day.isoformat()})
        return int(shop("POST", SHOP_DAY, ds=paid_day(order))["data"]["pay_refund_gmv"])

    assert refunds_after(sale.settled_at) >= refunds_after(order.created_at) + sale.refund_fen


def test_a_day_that_is_not_over_in_shanghai_is_refused(shop: Call, http: Any) -> None:
    http.post("/sandbox/day", json={"day": "2017-03-09"})
    # The New York day ends at 13:00 on the 10th in Shanghai.
    assert shop("POST", SHOP_DAY, ds="20170309")["errcode"] == 0
    for ds in ("20170310", "20171301", "2017-03-09", 20170309, None):
        assert shop("POST", SHOP_DAY, ds=ds)["errcode"] == 10021069
        assert shop("POST", FINDER_DAY, ds=ds)["errcode"] == 10021069
    assert shop("POST", SHOP_DAY, ds="20161231")["data"] == {}


# -- leads --------------------------------------------------------------------------------------------------


def leads(finder: Call, version: int | None = 1) -> list[dict[str, Any]]:
    buffered = {"key": "last_buffer", "more": "continue_flag"}
    rows = []
    for form in paged(finder, COMPONENTS, "item", **buffered):
        ids = {"leads_component_id": form["leads_component_id"]}
        for asked in paged(finder, REQUESTS, "item", **ids, **buffered):
            about = {"request_id": asked["request_id"], **({"version": version} if version else {})}
            rows += paged(finder, LEADS, "user_data", **about, **buffered)
    return rows


def test_leads_are_left_by_persons_of_the_world_during_and_after_livestreams(
    finder: Call, world: World
) -> None:
    rows = leads(finder)
    starts = {live.started_at for live in world.lives}
    phones = {person.phone for person in world.people}
    typed = [each["value"] for row in rows for each in row["leads_data"] if each["title"] == "手机号"]
    assert len(rows) == len(typed) > 500
    assert sum(phone.replace(" ", "") in phones for phone in typed) > 0.9 * len(typed)
    assert all(row["live_start_time"] in starts and row["time"] >= row["live_start_time"] for row in rows)
    cities = [each["value"] for row in rows for each in row["leads_data"] if each["title"] == "城市"]
    assert all(isinstance(city, list) for city in cities)
    assert [set(row) for row in leads(finder, version=None)] == [{"phone"}] * len(rows)


def test_leads_come_with_the_day(finder: Call, http: Any) -> None:
    whole = len(leads(finder))
    http.post("/sandbox/day", json={"day": "2017-02-01"})
    some = leads(finder)
    assert 0 < len(some) < whole / 5
    assert max(row["time"] for row in some) < end_of(dt.date(2017, 2, 1))
    assert finder("POST", LEADS, request_id="1", version=1)["errcode"] == 40097
    assert finder("POST", REQUESTS, leads_component_id="1")["errcode"] == 40097


# -- followers ----------------------------------------------------------------------------------------------


def test_followers_share_their_unionids_with_contacts(official: Call, world: World) -> None:
    page = official("GET", OPENIDS)
    assert "errcode" not in page
    openids = page["data"]["openid"]
    assert page["total"] == page["count"] == len(openids) > 100
    assert official("GET", OPENIDS, next_openid=page["next_openid"])["count"] == 0
    asked = [{"openid": openid, "lang": "zh_CN"} for openid in openids[:100]]
    infos = official("POST", FOLLOWERS, user_list=asked)["user_info_list"]
    assert [each["openid"] for each in infos] == openids[:100]
    contacts = {relation.person.unionid for relation in world.relations}
    assert len(contacts & {each.get("unionid") for each in infos}) > 20


def test_who_leaves_shows_the_openid_and_nothing_else(official: Call, http: Any) -> None:
    http.post("/sandbox/day", json={"day": "2017-06-30"})
    before = set(official("GET", OPENIDS)["data"]["openid"])
    http.post("/sandbox/day", json={"day": None})
    gone = sorted(before - set(official("GET", OPENIDS)["data"]["openid"]))
    assert gone
    answer = official("POST", FOLLOWERS, user_list=[{"openid": gone[0]}])
    assert answer == {"user_info_list": [{"subscribe": 0, "openid": gone[0]}]}


def test_pages_of_followers_follow_next_openid(official: Call, monkeypatch: Any) -> None:
    monkeypatch.setattr(sandbox.official_account_api, "OPENIDS_A_PAGE", 40)
    whole, after = [], ""
    while "data" in (page := official("GET", OPENIDS, next_openid=after)):
        assert page["count"] <= 40
        whole += page["data"]["openid"]
        after = page["next_openid"]
    assert len(set(whole)) == len(whole) == page["total"]


def test_unknown_openids_and_long_lists_are_refused(official: Call) -> None:
    assert official("GET", OPENIDS, next_openid="oGzhNobody")["errcode"] == 40003
    assert official("POST", FOLLOWERS, user_list=[{"openid": "oGzhNobody"}])["errcode"] == 40003
    assert official("POST", FOLLOWERS, user_list=[{"openid": "o"}] * 101)["errcode"] == 40097


# -- payments -----------------------------------------------------------------------------------------------


def test_payments_are_those_of_real_baskets(miniprogram: Call, world: World) -> None:
    found = paged(miniprogram, PAYMENTS, "order_list", key="last_index", more="has_more", page_size=30)
    assert len({each["transaction_id"] for each in found}) == len(found) > 200
    openids = {openid: person for person in world.people for openid in person.openids.values()}
    rows = duckdb.execute(
        "select cast(basket_id as varchar), cast(min(household_id) as varchar), round(sum(sales_value) * 100)"
        " from read_parquet(?) group by basket_id",
        [str(data_dir() / "transactions.parquet")],
    ).fetchall()
    baskets = {basket: (household, int(fen)) for basket, household, fen in rows}
    for each in found:
        household = openids[each["openid"]].household_id
        assert baskets[each["merchant_trade_no"]] == (household, each["paid_amount"])


def test_payments_are_asked_for_by_a_closed_range_of_pay_times(miniprogram: Call, http: Any) -> None:
    begin = YEAR_START + 30 * 86_400
    asked = {"pay_time_range": {"begin_time": begin, "end_time": begin + 5 * 86_400}, "page_size": 1000}
    inside = miniprogram("POST", PAYMENTS, **asked)["order_list"]
    assert inside
    assert all(begin <= each["pay_time"] <= begin + 5 * 86_400 for each in inside)
    first = inside[0]["pay_time"]
    exact = {"pay_time_range": {"begin_time": first, "end_time": first}}
    assert miniprogram("POST", PAYMENTS, **exact)["order_list"][0] == inside[0]
    day = dt.datetime.fromtimestamp(first, dt.UTC).date() + dt.timedelta(days=1)
    http.post("/sandbox/day", json={"day": day.isoformat()})
    before = miniprogram("POST", PAYMENTS, **exact)["order_list"][0]
    assert before["order_state"] in (1, 2)
    assert before["order_state"] < inside[0]["order_state"]
    wrong = {"pay_time_range": {"begin_time": 2, "end_time": 1}}
    assert miniprogram("POST", PAYMENTS, **wrong)["errcode"] == 40097
