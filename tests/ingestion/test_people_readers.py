"""Readers of coupons, leads, followers (公众号) and payments (小程序) against a platform that answers oddly."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from common.pii import phone_hmac, pii_key
from ingestion.fetch import fetch
from ingestion.paging import PagingError
from tests.ingestion.conftest import DAY, NOON, Answer, admitted, payloads, rows_of, window

pytestmark = pytest.mark.usefixtures("no_waiting")
COUPONS, LEADS = "video_account/coupons", "video_account/leads"
FOLLOWERS, PAYMENTS = "official_account/followers", "miniprogram/payments"


# -- coupons --------------------------------------------------------------------------------------------------


def test_coupons_page_by_number_and_known_ones_are_read_when_no_longer_listed(wechat, apps, lake):
    listed = [str(number) for number in range(401)]
    status: dict[str, int] = {}

    def answer(name, body):
        if name == "get":
            return {
                "coupon": {"coupon_id": int(body["coupon_id"]), "status": status.get(body["coupon_id"], 2)}
            }
        start = (body["page"] - 1) * body["page_size"]
        assert body["page_ctx"] == ("" if start == 0 else f"after {start}")
        ids = [] if body["page"] == 2 else listed[start : start + body["page_size"]]
        context = f"after {start + body['page_size']}"
        coupons = [{"coupon_id": each} for each in ids]
        return {"coupons": coupons, "total_num": len(listed), "page_ctx": context}

    asked = wechat(answer)
    (arrival,) = fetch(apps, lake, COUPONS, window=None)
    assert [body["page"] for name, body in asked if name == "get_list"] == [
        1,
        2,
        3,
    ]  # an empty page is no end
    assert len(rows_of(arrival)) == 201
    assert payloads(arrival)[0]["coupon_id"] == "0"
    lake.admit(arrival)
    del listed[1:]
    status |= {"400": 5, "7": 4}
    (second,) = fetch(apps, lake, COUPONS, window=None)
    assert lake.admit(second).changed == 2
    asked.clear()
    fetch(apps, lake, COUPONS, window=None)
    again = {body["coupon_id"] for name, body in asked if name == "get"}
    assert len(again) == 199
    assert not again & {"400", "7"}


# -- leads ----------------------------------------------------------------------------------------------------

PHONE = "13912345678"


def lead(time: int, phone: str, **more: Any) -> dict[str, Any]:
    answers = [{"title": "您的电话", "value": phone}, {"title": "城市", "value": ["浙江省", "杭州市"]}]
    return {"time": time, "leads_data": answers, **more}


def leads_of(rows: dict[str, list[Any]]) -> Answer:
    """Rows by request id, one a page."""

    def answer(name: str, body: dict[str, Any]) -> dict[str, Any]:
        if name == "get_leads_component_id":
            more = body["last_buffer"] == ""
            item = {"leads_component_id": 1 if more else 2}
            return {"item": [item], "last_buffer": "b1", "continue_flag": more}
        if name == "get_leads_request_id":
            ids = list(rows) if body["leads_component_id"] == "1" else []
            return {"item": [{"request_id": each} for each in ids], "continue_flag": False}
        assert body["version"] == 1
        mine, place = rows[body["request_id"]], int(body["last_buffer"] or 0)
        return {
            "user_data": mine[place : place + 1],
            "last_buffer": str(place + 1),
            "continue_flag": place + 1 < len(mine),
        }

    return answer


def test_leads_keep_their_key_and_show_no_phone_in_it(wechat, apps, lake):
    rows = {"r1": [lead(10, PHONE), lead(10, "+86 139 1234 5679"), lead(11, PHONE)], "r2": [lead(10, PHONE)]}
    wechat(leads_of(rows))
    (arrival,) = fetch(apps, lake, LEADS, window=None)
    found = rows_of(arrival)
    assert len({row["record_key"] for row in found}) == 4
    assert all(len(row["record_key"]) == 64 for row in found)
    assert json.loads(found[0]["phone_hmacs"]) == [phone_hmac(PHONE, pii_key(apps))]
    first = json.loads(found[0]["payload"])
    assert first["leads_data"] == lead(10, PHONE)["leads_data"]
    assert (first["leads_component_id"], first["request_id"]) == ("1", "r1")
    assert lake.admit(arrival).changed == 4
    for each in rows.values():
        each.reverse()
    rows["r1"].append(rows["r1"][0])  # reordered and doubled
    (again,) = fetch(apps, lake, LEADS, window=None)
    assert again.report.rows == 4
    assert lake.admit(again).load_id is None


def test_leads_of_the_same_second_without_a_phone_are_told_apart(wechat, apps, lake):
    wechat(leads_of({"r1": [lead(10, "微信号 a"), lead(10, "微信号 b"), lead(10, "微信号 a")]}))
    (arrival,) = fetch(apps, lake, LEADS, window=None)
    assert lake.admit(arrival).changed == 2
    assert {row["phone_hmacs"] for row in rows_of(arrival)} <= {"[]"}


def test_a_livestream_whose_leads_are_refused_does_not_cost_the_others(wechat, apps, lake):
    whole = leads_of({"r1": [lead(10, PHONE)], "r2": []})

    def answer(name, body):
        if body.get("request_id") == "r2":
            return {"errcode": 40097, "errmsg": "invalid args"}
        return whole(name, body)

    wechat(answer)
    arrival, quarantine = fetch(apps, lake, LEADS, window=None)
    assert arrival.report.rows == 2
    assert json.loads(rows_of(quarantine)[0]["record"]) == {"leads_component_id": "1", "request_id": "r2"}


def test_leads_paging_that_stands_still_is_an_error(wechat, apps, lake):
    wechat(lambda name, body: {"item": [], "last_buffer": "same", "continue_flag": True})
    with pytest.raises(PagingError, match="got an old one"):
        fetch(apps, lake, LEADS, window=None)


# -- followers ------------------------------------------------------------------------------------------------


class Account:
    """An official account whose list comes in pages of ``page``; ``bad`` openids spoil a call for all."""

    def __init__(self, count: int, page: int) -> None:
        self.openids = [f"oGzh{number:05}" for number in range(count)]
        self.page, self.total = page, count
        self.left: set[str] = set()
        self.bad: set[str] = set()
        self.silent: set[str] = set()

    def __call__(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        if name == "get":
            after = body.get("next_openid")
            start = self.openids.index(after) + 1 if after else 0
            ids = self.openids[start : start + self.page]
            answer = {"total": self.total, "count": len(ids), "next_openid": ids[-1] if ids else ""}
            return {**answer, "data": {"openid": ids}} if ids else answer
        asked = [each["openid"] for each in body["user_list"]]
        assert len(asked) <= 100
        if self.bad & set(asked):
            return {"errcode": 40003, "errmsg": "invalid openid"}
        return {"user_info_list": [self.info(each) for each in asked if each not in self.silent]}

    def info(self, openid: str) -> dict[str, Any]:
        if openid in self.left:
            return {"subscribe": 0, "openid": openid}
        return {"subscribe": 1, "openid": openid, "unionid": f"o6_{openid}", "subscribe_time": 1}


def test_followers_come_in_short_pages_too_and_leavers_are_deleted(wechat, apps, lake):
    account = Account(count=950, page=300)
    asked = wechat(account)
    (first,) = fetch(apps, lake, FOLLOWERS, window=None)
    assert sum(name == "get" for name, _ in asked) == 4
    assert lake.admit(first).changed == 950
    account.left = {"oGzh00007"}  # left between the list and the details
    del account.openids[-1]  # left before
    account.total -= 1
    (second,) = fetch(apps, lake, FOLLOWERS, window=None)
    report = lake.admit(second)
    assert (report.rows, report.changed, report.deleted) == (948, 0, 2)


def test_an_openid_that_spoils_its_call_deletes_nobody(wechat, apps, lake):
    account = Account(count=250, page=10_000)
    wechat(account)
    admitted(lake, fetch(apps, lake, FOLLOWERS, window=None))
    account.bad, account.silent = {"oGzh00003"}, {"oGzh00200"}
    arrival, quarantine = fetch(apps, lake, FOLLOWERS, window=None)
    reasons = {json.loads(row["record"])["openid"]: row["reason"] for row in rows_of(quarantine)}
    assert reasons == {
        "oGzh00003": "errcode 40003 (invalid openid)",
        "oGzh00200": "expected the follower in the answer",
    }
    report = lake.admit(arrival)
    assert (report.rows, report.quarantined, report.deleted) == (250, 2, 0)


def test_a_list_of_followers_that_is_cut_short_is_an_error(wechat, apps, lake):
    account = Account(count=900, page=300)
    account.total = 1000
    wechat(account)
    with pytest.raises(PagingError, match=r"expected 1,000 followers, the list ended after 900"):
        fetch(apps, lake, FOLLOWERS, window=None)


# -- payments -------------------------------------------------------------------------------------------------


def test_payments_are_read_again_for_weeks_in_windows_and_pages_of_the_settings(wechat, apps, lake):
    apps.payments_rescan_days, apps.payments_window_days, apps.payments_page_size = 9, 3, 2
    paid_at = int((NOON - 8 * DAY).timestamp())
    found = [{"transaction_id": 4200002512202501081234500001 + n, "pay_time": paid_at + n} for n in range(3)]
    state = {"order_state": 1}

    def answer(name, body):
        asked_range, place = body["pay_time_range"], int(body["last_index"] or 0)
        inside = [
            {**each, **state}
            for each in found
            if asked_range["begin_time"] <= each["pay_time"] <= asked_range["end_time"]
        ]
        page = inside[place : place + body["page_size"]]
        place += len(page)
        return {"order_list": page, "last_index": str(place), "has_more": place < len(inside)}

    asked = wechat(answer)
    (arrival,) = fetch(apps, lake, PAYMENTS, window=window())
    ranges = [body["pay_time_range"] for _, body in asked if not body["last_index"]]
    assert len(ranges) == 4
    assert ranges[0]["begin_time"] == int((NOON - 9 * DAY).timestamp())
    assert ranges[-1]["end_time"] == int((NOON + DAY).timestamp()) - 1
    # Closed ranges that follow each other: no second is asked for twice, none is left out.
    assert [b["begin_time"] - a["end_time"] for a, b in pairwise(ranges)] == [1, 1, 1]
    assert [row["record_key"] for row in rows_of(arrival)] == [str(each["transaction_id"]) for each in found]
    assert lake.admit(arrival).changed == 3
    state["order_state"] = 5
    (second,) = fetch(apps, lake, PAYMENTS, window=window(NOON + DAY))
    assert lake.admit(second).changed == 3  # refunded a week after, found by the second look
    (third,) = fetch(apps, lake, PAYMENTS, window=window(NOON + 3 * DAY))
    assert third.report.rows == 0
