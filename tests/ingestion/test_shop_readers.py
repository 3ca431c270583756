"""视频号 and 微信小店 readers against a platform that answers oddly: orders, livestreams, compass."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from common.streams import STREAMS
from ingestion.api_errors import ScopeError
from ingestion.channels.video_account import SNAPSHOT_DAYS
from ingestion.details import TooManyRefusedError
from ingestion.fetch import fetch
from ingestion.known import REFUSED_TRIES
from ingestion.windows import Window
from tests.ingestion.conftest import DAY, NOON, Answer, admitted, landed, payloads, rows_of, window

pytestmark = pytest.mark.usefixtures("no_waiting")
ORDERS, LIVES = "video_account/shop_orders", "video_account/lives"
AFTERSALES = "video_account/aftersales"
SHOP_DAYS, FINDER_DAYS = "video_account/shop_days", "video_account/finder_days"
NO_SUCH_ORDER = {"errcode": 100002, "errmsg": "order not exist rid: 1"}


# -- details that are refused ---------------------------------------------------------------------------------


def orders_where(refused: set[str], ids: list[str]) -> Answer:
    def answer(name: str, body: dict[str, Any]) -> dict[str, Any]:
        if "order_id" not in body:
            return {"order_id_list": ids, "has_more": False}
        return NO_SUCH_ORDER if body["order_id"] in refused else {"order": {"order_id": body["order_id"]}}

    return answer


def test_a_refused_order_goes_to_quarantine_and_the_others_land(wechat, apps, lake):
    wechat(orders_where({"2"}, ["1", "2", "3"]))
    arrival, quarantine = fetch(apps, lake, ORDERS, window=window())
    assert [row["record_key"] for row in rows_of(arrival)] == ["1", "3"]
    assert (arrival.report.rows, arrival.report.quarantined) == (3, 1)
    (row,) = rows_of(quarantine)
    assert (row["stream"], row["reason"]) == ("shop_orders", "errcode 100002 (order not exist)")
    assert json.loads(row["record"]) == {"order_id": "2"}


def test_an_answer_without_the_order_is_refused_too(wechat, apps, lake):
    wechat(lambda name, body: {} if "order_id" in body else {"order_id_list": ["1"], "has_more": False})
    arrival, quarantine = fetch(apps, lake, ORDERS, window=window())
    assert rows_of(arrival) == []
    assert rows_of(quarantine)[0]["reason"] == "expected an object 'order' in the answer, got NoneType"


def test_what_was_refused_is_asked_for_again_until_it_lands(wechat, apps, lake):
    refused, ids = {"2"}, ["1", "2"]
    asked = wechat(orders_where(refused, ids))
    admitted(lake, fetch(apps, lake, ORDERS, window=window()))
    ids.clear()  # in no later window: only the memory of the refusal knows of it
    admitted(lake, fetch(apps, lake, ORDERS, window=window(NOON + DAY)))
    refused.clear()
    (arrival,) = fetch(apps, lake, ORDERS, window=window(NOON + 2 * DAY))
    assert [row["record_key"] for row in rows_of(arrival)] == ["2"]
    lake.admit(arrival)
    asked.clear()
    fetch(apps, lake, ORDERS, window=window(NOON + 3 * DAY))
    assert [body for name, body in asked if "order_id" in body] == []


def test_what_stays_refused_is_given_up_at_last(wechat, apps, lake):
    ids = ["2"]
    asked = wechat(orders_where({"2"}, ids))
    for number in range(REFUSED_TRIES + 2):
        admitted(lake, fetch(apps, lake, ORDERS, window=window(NOON + number * DAY)))
        ids.clear()
    assert sum("order_id" in body for _, body in asked) == REFUSED_TRIES


def test_open_aftersales_that_are_gone_do_not_stop_the_new_ones_for_ever(wechat, apps, lake):
    opened, gone = [str(number) for number in range(30)], set[str]()

    def answer(name, body):
        if "after_sale_order_id" not in body:
            return {"after_sale_order_id_list": opened, "has_more": False}
        if body["after_sale_order_id"] in gone:
            return NO_SUCH_ORDER
        return {"after_sale_order": {"after_sale_order_id": body["after_sale_order_id"], "status": "OPEN"}}

    asked = wechat(answer)
    admitted(lake, fetch(apps, lake, AFTERSALES, window=window()))
    gone |= set(opened[:25])
    opened[:] = ["new"]
    for number in range(1, REFUSED_TRIES + 2):
        arrivals = fetch(apps, lake, AFTERSALES, window=window(NOON + number * DAY))
        assert "new" in {row["record_key"] for row in rows_of(arrivals[0])}
        admitted(lake, arrivals)
    assert sum(body.get("after_sale_order_id") == "0" for _, body in asked) == 1 + REFUSED_TRIES


def test_many_refused_orders_fail_the_stream(wechat, apps, lake):
    ids = [str(number) for number in range(400)]
    wechat(orders_where(set(ids[100:121]), ids))  # 21 of 400 are more than 5 %
    with pytest.raises(TooManyRefusedError, match=r"got 21 of 400, the last one with errcode 100002"):
        fetch(apps, lake, ORDERS, window=window())
    assert list((apps.lake_dir / "_arrivals").rglob("*.parquet")) == []
    wechat(orders_where(set(ids[100:120]), ids))
    assert fetch(apps, lake, ORDERS, window=window())[0].report.quarantined == 20


def test_nothing_but_refusals_is_noticed_early(wechat, apps, lake):
    ids = [str(number) for number in range(5000)]
    asked = wechat(orders_where(set(ids), ids))
    with pytest.raises(TooManyRefusedError):
        fetch(apps, lake, ORDERS, window=window())
    assert len(asked) < 1000


def test_a_missing_right_is_no_matter_of_one_order(wechat, apps, lake):
    def answer(name, body):
        return (
            {"errcode": 48001, "errmsg": "api unauthorized"}
            if "order_id" in body
            else {"order_id_list": ["1"]}
        )

    wechat(answer)
    with pytest.raises(ScopeError, match="48001"):
        fetch(apps, lake, ORDERS, window=window())


# -- livestreams ----------------------------------------------------------------------------------------------


class OneLive:
    """A livestream that began an hour into the first window; its figures grow with every reading."""

    began = int(NOON.timestamp()) + 3600

    def __init__(self) -> None:
        self.read = 0

    def __call__(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        if name == "getlivelist":
            items = (
                [{"export_id": "export/a", "create_time": str(self.began)}] if body["ds"] == 20170301 else []
            )
            return {"live_items": items, "has_more": False}
        self.read += 1
        as_text = json.dumps({"total_gmv": self.read})
        blob = as_text if self.read % 2 else {"total_gmv": self.read}
        return {"trace_id": "x", "live_ec_data_summary": blob, "live_ec_profile": ""}


def snapshots(wechat, apps, lake, ends: list[int]) -> list[int]:
    """Fetch windows that end on these days after the first noon; return on which the livestream was read."""
    live, start, days = OneLive(), NOON, []
    wechat(live)
    for end in ends:
        before = live.read
        admitted(lake, fetch(apps, lake, LIVES, window=Window(start, NOON + end * DAY)))
        start = NOON + end * DAY - dt.timedelta(minutes=10)
        days += [end - 1] * (live.read - before)
    return days


def test_a_livestream_is_read_again_on_the_set_days_and_every_version_is_kept(wechat, apps, lake):
    assert snapshots(wechat, apps, lake, list(range(1, 20))) == list(SNAPSHOT_DAYS) == [0, 1, 3, 7, 15]
    assert [load.changed for load in lake.loads(STREAMS[LIVES])] == [1] * 5


def test_a_snapshot_whose_day_was_missed_is_taken_in_the_next_run(wechat, apps, lake):
    # No runs on days 2-4 and 7-10: what was due meanwhile is read once in the run after.
    assert snapshots(wechat, apps, lake, [1, 2, 6, 7, 12, 13, 14, 15, 16, 17]) == [0, 1, 5, 11, 15]


def test_a_window_that_was_not_admitted_asks_the_same_again(wechat, apps, lake):
    live = OneLive()
    asked = wechat(live)
    admitted(lake, fetch(apps, lake, LIVES, window=window()))
    asked.clear()
    fetch(apps, lake, LIVES, window=window(NOON + DAY))  # judged, and held: the cursor stays
    first = list(asked)
    asked.clear()
    fetch(apps, lake, LIVES, window=window(NOON + DAY))
    assert asked == first
    assert [body for name, body in asked if name == "getlivedata"] == [{"export_id": "export/a"}]


def test_odd_livestreams_do_not_cost_the_others(wechat, apps, lake):
    began = int(NOON.timestamp()) + 60

    def answer(name, body):
        if name == "getlivelist":
            ids = ["export/gone", "export/text", "export/good"]
            items = [{"export_id": each, "create_time": began} for each in ids] + [{"export_id": "export/x"}]
            return {"live_items": items if body["ds"] == 20170301 else [], "has_more": False}
        if body["export_id"] == "export/gone":
            return {"errcode": 40097, "errmsg": "invalid args"}
        return {"live_ec_profile": "<html>" if body["export_id"] == "export/text" else "{}"}

    wechat(answer)
    arrivals = landed(fetch(apps, lake, LIVES, window=window()))
    assert [row["record_key"] for row in arrivals[LIVES]] == ["export/good"]
    assert {row["reason"] for row in arrivals["quarantine/rows"]} == {
        "errcode 40097 (invalid args)",
        "expected JSON in the text of a blob, got something else",
        "expected an export_id and a create_time in seconds",
    }


# -- compass --------------------------------------------------------------------------------------------------


def test_the_compass_is_asked_for_days_that_are_over_and_the_week_before(wechat, apps, lake):
    figures = {"20170228": {}, "20170227": None}
    asked = wechat(lambda name, body: {"data": figures.get(body["ds"], {"pay_gmv": "5"})})
    # Noon UTC is 20:00 in Shanghai: the 1st of March is over when the window ends, the 2nd is not.
    (arrival,) = fetch(apps, lake, SHOP_DAYS, window=window())
    assert sorted(body["ds"] for _, body in asked) == [f"201702{day}" for day in range(22, 29)] + ["20170301"]
    found = payloads(arrival)
    assert {"ds": "20170301", "data": {"pay_gmv": "5"}} in found
    assert {each["ds"] for each in found} == {f"201702{day}" for day in range(22, 27)} | {"20170301"}


def test_a_backfill_of_the_compass_ends_where_the_platform_ends(wechat, apps, lake):
    def answer(name, body):
        if body["ds"] < "20170210":
            return {"errcode": 10021069, "errmsg": "invalid ds"}
        return {"data": {"pay_gmv": "1"}}

    wechat(answer)
    arrival, quarantine = fetch(apps, lake, SHOP_DAYS, window=window(NOON - 40 * DAY, 40))
    assert [each["ds"] for each in payloads(arrival)][-1] == "20170210"
    assert len(rows_of(quarantine)) == 7
    wechat(lambda name, body: {"errcode": 10021069, "errmsg": "invalid ds"})
    with pytest.raises(TooManyRefusedError, match="10021069"):
        fetch(apps, lake, SHOP_DAYS, window=window())


def test_sellers_have_the_id_of_their_kind(wechat, apps, lake):
    sellers = [{"finder_id": "sph1", "data": {}}, {"talent_id": "t1", "data": {}}, {"data": {}}]
    wechat(lambda name, body: {"finder_list": sellers if body["ds"] == "20170301" else []})
    arrival, quarantine = fetch(apps, lake, FINDER_DAYS, window=window())
    keys = [row["record_key"] for row in rows_of(arrival)]
    assert keys == ["20170301|finder_id:sph1", "20170301|talent_id:t1"]
    assert rows_of(quarantine)[0]["reason"] == "expected the key seller_id, got NoneType"
