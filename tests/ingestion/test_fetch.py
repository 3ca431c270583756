from __future__ import annotations

import datetime as dt
import json

import httpx
import pytest

from common.lake import LoadReport
from common.streams import STREAMS
from ingestion.api_errors import ScopeError
from ingestion.fetch import FetchSetupError, configured_streams, fetch
from ingestion.http import wechat_transport, wecom_transport
from ingestion.readers import App
from ingestion.windows import Window, default_window
from tests.ingestion.conftest import rows_of

pytestmark = pytest.mark.usefixtures("no_waiting")
OK = {"errcode": 0, "errmsg": "ok"}
NOON = dt.datetime(2017, 3, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def serve(monkeypatch):
    """Let ``fetch`` talk to a handler of (path's last part, body) that returns the answer."""
    asked = []

    def serve_(handler):
        def respond(request: httpx.Request) -> httpx.Response:
            name = request.url.path.rsplit("/", 1)[-1]
            if name in ("gettoken", "stable_token"):
                return httpx.Response(200, json={**OK, "access_token": "t", "expires_in": 7200})
            body = json.loads(request.content) if request.content else {}
            asked.append((request.url.path, body))
            # ASCII escapes, as the servers send them: a lone surrogate then is valid JSON.
            return httpx.Response(200, content=json.dumps({**OK, **handler(request.url.path, body)}))

        def transport(app, settings):
            make = wecom_transport if app.name == "wecom" else wechat_transport
            return make(
                "https://api.invalid",
                app.name,
                settings.wecom_secret,
                calls_per_minute=1_000_000,
                http_transport=httpx.MockTransport(respond),
            )

        monkeypatch.setattr(App, "transport", transport)
        return asked

    return serve_


def contact(userid, person, name="某人", **info):
    return {
        "external_contact": {"external_userid": person, "name": name, "type": 1},
        "follow_info": {"userid": userid, "createtime": 1488326400, **info},
    }


def staff_and(contacts):
    def handler(path, body):
        if path.endswith("get_follow_user_list"):
            return {"follow_user": ["liwei", "zhouyan"]}
        page = int(body["cursor"] or 0)
        return {
            "external_contact_list": contacts[page : page + 2],
            "next_cursor": str(page + 2) if page + 2 < len(contacts) else "",
        }

    return handler


def test_contacts_land_with_keys_payloads_and_phone_hmacs(serve, settings, lake):
    contacts = [
        contact("liwei", "wm1", "小鹿🦌", remark_mobiles=["13812345678", "138****0000"]),
        contact("zhouyan", "wm1"),
        contact("liwei", "wm2"),
    ]
    serve(staff_and(contacts))
    (arrival,) = fetch(settings, lake, "wecom/contacts", window=None)
    rows = rows_of(arrival)
    assert [row["record_key"] for row in rows] == ["liwei|wm1", "zhouyan|wm1", "liwei|wm2"]
    assert [json.loads(row["payload"]) for row in rows] == contacts
    assert [len(json.loads(row["phone_hmacs"])) for row in rows] == [1, 0, 0]
    assert {row["op"] for row in rows} == {"upsert"}
    assert (arrival.report.rows, arrival.report.quarantined, arrival.report.window_end) == (3, 0, None)
    assert lake.admit(arrival).changed == 3
    leftovers = [
        path for path in (settings.home / "dlt").rglob("*") if path.is_file() and path.suffix != ".lock"
    ]
    assert leftovers == []


def test_the_same_scan_twice_changes_nothing_and_a_missing_record_is_deleted(serve, settings, lake):
    contacts = [contact("liwei", f"wm{n}") for n in range(5)]
    serve(staff_and(contacts))
    (first,) = fetch(settings, lake, "wecom/contacts", window=None)
    assert lake.admit(first).changed == 5
    (again,) = fetch(settings, lake, "wecom/contacts", window=None)
    assert lake.admit(again).load_id is None
    contacts.pop()
    (less,) = fetch(settings, lake, "wecom/contacts", window=None)
    report = lake.admit(less)
    assert (report.changed, report.deleted) == (0, 1)


def test_unreadable_records_go_to_quarantine_and_delete_nothing(serve, settings, lake):
    contacts = [contact("liwei", f"wm{n}") for n in range(4)]
    serve(staff_and(contacts))
    (first,) = fetch(settings, lake, "wecom/contacts", window=None)
    lake.admit(first)
    contacts[1] = contact("liwei", "wm1", name="broken \ud83d emoji")
    del contacts[2]["external_contact"]["external_userid"]
    contacts[3]["follow_info"]["remark"] = "new"
    arrival, quarantine = fetch(settings, lake, "wecom/contacts", window=None)
    assert (arrival.report.rows, arrival.report.quarantined) == (4, 2)
    assert arrival.report.details["carried"] == 2
    assert [row["reason"] for row in rows_of(quarantine)] == [
        "expected valid Unicode, got a lone surrogate",
        "expected the key external_contact.external_userid, got NoneType",
    ]
    assert json.loads(rows_of(quarantine)[0]["record"]) == contacts[1]
    report = lake.admit(arrival)
    assert (report.changed, report.deleted) == (1, 0)


def test_an_api_error_in_the_middle_leaves_nothing(serve, settings, lake):
    def handler(path, body):
        if path.endswith("list/get"):
            return {"order_id_list": ["1", "2"], "has_more": False}
        return (
            {"errcode": 48002, "errmsg": "api forbidden"}
            if body["order_id"] == "2"
            else {"order": {"order_id": "1"}}
        )

    serve(handler)
    with pytest.raises(ScopeError, match="errcode 48002"):
        fetch(settings, lake, "video_account/shop_orders", window=Window(NOON, NOON + dt.timedelta(days=1)))
    assert list((settings.lake_dir / "_arrivals").rglob("*.parquet")) == []
    assert lake.cursor(STREAMS["video_account/shop_orders"]) is None


def test_shop_orders_ask_in_windows_of_seven_days_and_keep_ids_as_text(serve, settings, lake):
    def handler(path, body):
        if path.endswith("list/get"):
            more = body["next_key"] == ""
            return {
                "order_id_list": [3724561098761234433, "9"],
                "has_more": more,
                "next_key": "k" if more else "",
            }
        return {"order": {"order_id": int(body["order_id"]), "items": [{"sku_id": 2**60 + 1, "sku_cnt": 1}]}}

    asked = serve(handler)
    window = Window(NOON, NOON + dt.timedelta(days=16))
    (arrival,) = fetch(settings, lake, "video_account/shop_orders", window=window)
    lists = [body for path, body in asked if path.endswith("list/get") and not body["next_key"]]
    # Longer than the platform's seven days, it is a backfill: by creation as well.
    assert ["create_time_range" in body for body in lists] == [True] * 3 + [False] * 3
    assert [body.get("create_time_range") for body in lists[:3]] == [
        body["update_time_range"] for body in lists[3:]
    ]
    ranges = [body["update_time_range"] for body in lists[3:]]
    assert [each["end_time"] - each["start_time"] for each in ranges] == [7 * 86400, 7 * 86400, 2 * 86400]
    assert ranges[0]["start_time"] == int(NOON.timestamp())
    rows = rows_of(arrival)
    assert [row["record_key"] for row in rows] == ["3724561098761234433", "9"]
    payload = {"order_id": "3724561098761234433", "items": [{"sku_id": str(2**60 + 1), "sku_cnt": 1}]}
    assert json.loads(rows[0]["payload"]) == payload
    assert arrival.report.window_end == window.end.isoformat()
    lake.admit(arrival)
    assert lake.cursor(STREAMS["video_account/shop_orders"]) == window.end


def test_an_unsettled_aftersale_is_read_again_in_later_windows(serve, settings, lake):
    status = {"7": "MERCHANT_PROCESSING", "8": "USER_CANCELD"}

    def handler(path, body):
        if path.endswith("getaftersalelist"):
            assert body["end_create_time"] - body["begin_create_time"] <= 86400
            first = body["begin_create_time"] == int(NOON.timestamp())
            return {"after_sale_order_id_list": list(status) if first else [], "has_more": False}
        found = body["after_sale_order_id"]
        return {"after_sale_order": {"after_sale_order_id": found, "status": status[found]}}

    asked = serve(handler)
    (first,) = fetch(
        settings, lake, "video_account/aftersales", window=Window(NOON, NOON + dt.timedelta(hours=30))
    )
    assert lake.admit(first).changed == 2
    status["7"] = "MERCHANT_REFUND_SUCCESS"
    asked.clear()
    later = Window(NOON + dt.timedelta(hours=30), NOON + dt.timedelta(hours=54))
    (second,) = fetch(settings, lake, "video_account/aftersales", window=later)
    assert [row["record_key"] for row in rows_of(second)] == ["7"]
    assert lake.admit(second).changed == 1


def test_lives_decode_their_blobs_and_read_the_day_before_again(serve, settings, lake):
    start = int(NOON.timestamp())

    def handler(path, body):
        if path.endswith("getlivelist"):
            items = {20170301: [("in", start + 60), ("too late", start + 86400)]}.get(body["ds"], [])
            return {"live_items": [{"export_id": e, "create_time": c} for e, c in items], "has_more": False}
        return {
            "trace_id": "x",
            "live_ec_data_summary": '{"total_gmv": 5}',
            "live_ec_profile": "",
            "other": {"a": 1},
        }

    asked = serve(handler)
    (arrival,) = fetch(
        settings, lake, "video_account/lives", window=Window(NOON, NOON + dt.timedelta(hours=24))
    )
    assert [body["ds"] for path, body in asked if path.endswith("getlivelist")] == [
        20170228,
        20170301,
        20170302,
    ]
    (row,) = rows_of(arrival)
    data = {"live_ec_data_summary": {"total_gmv": 5}, "live_ec_profile": {}, "other": {"a": 1}}
    assert json.loads(row["payload"]) == {"export_id": "in", "create_time": start + 60, "data": data}


def test_groups_of_staff_who_left_are_asked_for_by_owner(serve, settings, lake):
    def handler(path, body):
        if path.endswith("get_follow_user_list"):
            return {"follow_user": ["liwei"]}
        if path.endswith("groupchat/list"):
            owners = body.get("owner_filter", {}).get("userid_list", [])
            chats = (
                [{"chat_id": "wr2", "status": 1}] if "gone" in owners else [{"chat_id": "wr1", "status": 0}]
            )
            return {"group_chat_list": chats}
        owner = {"wr1": "liwei", "wr2": "gone"}[body["chat_id"]]
        assert body["need_name"] == 1
        return {"group_chat": {"chat_id": body["chat_id"], "owner": owner, "member_list": []}}

    serve(handler)
    (first,) = fetch(settings, lake, "wecom/groups", window=None)
    assert [json.loads(row["payload"])["status"] for row in rows_of(first)] == [0]
    payload = json.dumps({"chat_id": "wr2", "owner": "gone", "status": 0})
    row = {"record_key": "wr2", "op": "upsert", "payload": payload, "payload_hash": "h", "source": "s"}
    lake.admit(lake.arrive_rows(STREAMS["wecom/groups"], [row], first.report))
    (second,) = fetch(settings, lake, "wecom/groups", window=None)
    assert [row["record_key"] for row in rows_of(second)] == ["wr1", "wr2"]


def test_one_staff_member_who_is_gone_does_not_cost_the_others(serve, settings, lake):
    def handler(path, body):
        if path.endswith("get_follow_user_list"):
            return {"follow_user": ["liwei", "gone"]}
        if "gone" in body["userid_list"]:
            return {"errcode": 60111, "errmsg": "userid not found"}
        return {"external_contact_list": [contact("liwei", "wm1")], "next_cursor": ""}

    serve(handler)
    (arrival,) = fetch(settings, lake, "wecom/contacts", window=None)
    assert [row["record_key"] for row in rows_of(arrival)] == ["liwei|wm1"]


def test_an_empty_scan_arrives_empty_for_the_gate_to_judge(serve, settings, lake):
    serve(lambda _path, _body: {"tag_group": []})
    (arrival,) = fetch(settings, lake, "wecom/corp_tags", window=None)
    assert rows_of(arrival) == []
    assert arrival.report.rows == 0


def test_only_configured_apps_are_fetched(settings, lake):
    assert "wecom/staff" in configured_streams(settings)
    assert "official_account/followers" not in configured_streams(settings)
    settings.shop_secret = None
    settings.wecom_corp_id = None
    assert configured_streams(settings) == ["video_account/lives", "video_account/leads"]
    with pytest.raises(FetchSetupError, match="expected the settings SIYU_WECOM_CORP_ID"):
        fetch(settings, lake, "wecom/staff", window=None)
    with pytest.raises(FetchSetupError, match="expected a window"):
        fetch(settings, lake, "video_account/lives", window=None)
    with pytest.raises(FetchSetupError, match="miniprogram/orders: expected one of wecom/staff"):
        fetch(settings, lake, "miniprogram/orders", window=None)


def test_the_default_window_goes_from_the_cursor_to_the_end_of_the_day(settings, lake):
    stream = STREAMS["video_account/shop_orders"]
    lake.ensure()
    day, new_york_midnight = dt.date(2017, 3, 10), dt.datetime(2017, 3, 11, 5, tzinfo=dt.UTC)
    first = default_window(settings, lake, stream, day)
    assert first == Window(dt.datetime(2017, 1, 1, 5, tzinfo=dt.UTC), new_york_midnight)
    row = {"record_key": "1", "op": "upsert", "payload": "{}", "payload_hash": "h", "source": "s"}
    report = LoadReport(stream.key, "s", 1, window_end=first.end.isoformat())
    lake.admit(lake.arrive_rows(stream, [row], report))
    following = default_window(settings, lake, stream, day + dt.timedelta(days=1))
    # 2017-03-12 is the day clocks change, so this window ends with the 11th as it was before.
    assert following == Window(
        new_york_midnight - dt.timedelta(minutes=10), new_york_midnight + dt.timedelta(days=1)
    )
    assert default_window(settings, lake, stream, day) == Window(
        new_york_midnight - dt.timedelta(days=1), new_york_midnight
    )
    with pytest.raises(ValueError, match="expected a day that has begun"):
        default_window(settings, lake, stream, dt.date(2999, 1, 1))
    with pytest.raises(ValueError, match="lies before SIYU_FIRST_DAY"):
        default_window(settings, lake, STREAMS["video_account/lives"], dt.date(2016, 1, 1))


def test_a_window_must_be_aware_and_forward():
    with pytest.raises(ValueError, match="expected aware instants"):
        Window(dt.datetime(2017, 1, 1), NOON)
    with pytest.raises(ValueError, match="expected an end after"):
        Window(NOON, NOON)
