"""The WeCom readers against a made server: windows, paging, refusals, and what is skipped without a loss."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from common.clock import UTC
from common.settings import Settings
from common.streams import STREAMS
from ingestion.api_errors import ApiError, ScopeError
from ingestion.channels.wecom_details import contact_details
from ingestion.channels.wecom_messages import mass_message_sends, mass_message_tasks, mass_messages
from ingestion.channels.wecom_moments import moment_interactions, moment_sends, moments
from ingestion.channels.wecom_stats import PLATFORM_ZONE, day_spans, group_stats, staff_behavior
from ingestion.http import Transport, wecom_transport
from ingestion.paging import PagingError, pages_by_offset
from ingestion.windows import NothingKeptError, Window, default_window

pytestmark = pytest.mark.usefixtures("no_waiting")
DAY = 86_400
Handler = Callable[[str, dict[str, Any]], dict[str, Any]]
Asked = list[tuple[str, dict[str, Any]]]


def client(handler: Handler) -> tuple[Transport, Asked]:
    """A transport whose server is a handler of (path's last part, body or query)."""
    asked: Asked = []
    lock = threading.Lock()

    def respond(request: httpx.Request) -> httpx.Response:
        name = request.url.path.rsplit("/", 1)[-1]
        if name == "gettoken":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 7200})
        query = {k: v for k, v in request.url.params.items() if k != "access_token"}
        body = json.loads(request.content) if request.content else query
        with lock:
            asked.append((name, body))
        return httpx.Response(200, json={"errcode": 0, **handler(name, body)})

    made = wecom_transport(
        "https://api.invalid",
        "ww1",
        SecretStr("planted"),
        calls_per_minute=10**6,
        http_transport=httpx.MockTransport(respond),
    )
    return made, asked


def shanghai(*when: int) -> dt.datetime:
    return dt.datetime(*when, tzinfo=PLATFORM_ZONE)


# -- statistics -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("days", [1, 29, 30, 31, 60, 61, 180])
def test_spans_cover_every_complete_day_once_and_are_never_too_long(days: int) -> None:
    window = Window(shanghai(2026, 1, 1), shanghai(2026, 1, 1) + dt.timedelta(days=days))
    spans = list(day_spans(window))
    asked = [day for first, last in spans for day in range(first, last + DAY, DAY)]
    start = int(shanghai(2026, 1, 1).timestamp())
    assert asked == list(range(start, start + days * DAY, DAY))
    assert all((last - first) // DAY + 1 <= 30 for first, last in spans)


def test_the_day_under_way_is_never_asked_for() -> None:
    window = Window(shanghai(2026, 5, 1, 13), shanghai(2026, 5, 3, 13))
    midnights = [int(shanghai(2026, 5, day).timestamp()) for day in (1, 2)]
    assert list(day_spans(window)) == [(midnights[0], midnights[1])]
    assert list(day_spans(Window(shanghai(2026, 5, 3, 1), shanghai(2026, 5, 3, 13)))) == []


def test_behaviour_is_asked_for_one_person_at_a_time() -> None:
    def handler(name: str, body: dict[str, Any]) -> dict[str, Any]:
        if name == "get_follow_user_list":
            return {"follow_user": ["liwei", "gone", "zhouyan"]}
        if body["userid"] == ["gone"]:
            return {"errcode": 60111, "errmsg": "userid not found"}
        return {"behavior_data": [{"stat_time": body["start_time"], "chat_cnt": 3}]}

    transport, asked = client(handler)
    window = Window(shanghai(2026, 5, 1), shanghai(2026, 6, 15))
    rows = list(staff_behavior(transport, window))
    assert {row["userid"] for row in rows} == {"liwei", "zhouyan"}
    assert len(rows) == 4
    bodies = [body for name, body in asked if name == "get_user_behavior_data"]
    assert {len(body["userid"]) for body in bodies} == {1}
    assert not any("partyid" in body for body in bodies)


def test_owners_of_groups_are_found_by_pages_and_former_ones_are_asked_for_too() -> None:
    owners = [f"owner{n}" for n in range(5)]

    def handler(name: str, body: dict[str, Any]) -> dict[str, Any]:
        if name == "get_follow_user_list":
            return {"follow_user": [*owners, *(f"none{n}" for n in range(120))]}
        if name == "statistic":
            assert len(body["owner_filter"]["userid_list"]) <= 100
            found = [each for each in ["left", *owners] if each in body["owner_filter"]["userid_list"]]
            page = found[body["offset"] : body["offset"] + 2]
            reached = body["offset"] + len(page)
            return {"total": len(found), "next_offset": reached, "items": [{"owner": each} for each in page]}
        return {"items": [{"stat_time": body["day_begin_time"], "data": {"chat_total": 1}}]}

    transport, asked = client(handler)
    rows = list(group_stats(transport, Window(shanghai(2026, 5, 1), shanghai(2026, 5, 3)), ["left"]))
    assert {row["owner"] for row in rows} == {"left", *owners}
    by_day = [body for name, body in asked if name == "statistic_group_by_day"]
    assert [len(body["owner_filter"]["userid_list"]) for body in by_day] == [1] * 6


def test_an_offset_that_stands_still_is_an_error() -> None:
    transport, _ = client(lambda _name, _body: {"total": 9, "next_offset": 0, "items": [1]})
    with pytest.raises(PagingError, match="beyond 0 of 9"):
        list(pages_by_offset(transport, "/x", {}, "items"))


# -- windows --------------------------------------------------------------------------------------------------


def test_statistics_reach_back_as_far_as_the_platform_keeps_them(settings: Settings, lake: Any) -> None:
    lake.ensure()
    settings.last_day = dt.date(2017, 12, 31)
    stream = STREAMS["wecom/staff_behavior"]
    window = default_window(settings, lake, stream, dt.date(2017, 12, 31))
    assert window.end - window.start == dt.timedelta(days=179)
    with pytest.raises(NothingKeptError, match="keeps 180 days"):
        default_window(settings, lake, stream, dt.date(2017, 6, 1))
    settings.first_day = dt.date(2017, 12, 1)
    later = default_window(settings, lake, stream, dt.date(2017, 12, 31))
    assert later.start == dt.datetime(2017, 12, 1, 5, tzinfo=UTC)


def test_since_moves_the_beginning_back_and_never_forward(settings: Settings, lake: Any) -> None:
    lake.ensure()
    settings.first_day = dt.date(2017, 6, 1)
    stream, day = STREAMS["video_account/shop_orders"], dt.date(2017, 12, 31)
    plain = default_window(settings, lake, stream, day)
    assert default_window(settings, lake, stream, day, since=dt.date(2017, 9, 1)) == plain
    earlier = default_window(settings, lake, stream, day, since=dt.date(2017, 3, 1))
    assert (earlier.start, earlier.end) == (dt.datetime(2017, 3, 1, 5, tzinfo=UTC), plain.end)


# -- single contacts ------------------------------------------------------------------------------------------


def test_followers_of_all_pages_are_one_contact() -> None:
    def handler(_name: str, body: dict[str, Any]) -> dict[str, Any]:
        page = int(body.get("cursor", 0))
        followers = [{"userid": f"u{n}", "tags": []} for n in range(page * 500, min(page * 500 + 500, 1203))]
        return {
            "external_contact": {"external_userid": body["external_userid"], "name": f"page {page}"},
            "follow_user": followers,
            "next_cursor": str(page + 1) if page < 2 else "",
        }

    transport, asked = client(handler)
    (contact,) = contact_details(transport, [("wm1", "h")], 5)
    assert [each["userid"] for each in contact["follow_user"]] == [f"u{n}" for n in range(1203)]
    assert contact["external_contact"]["name"] == "page 0"
    assert contact["relations_hash"] == "h"
    assert len(asked) == 3


def test_a_cursor_that_comes_back_is_an_error() -> None:
    answer = {"external_contact": {}, "follow_user": [], "next_cursor": "same"}
    transport, _ = client(lambda _name, _body: answer)
    with pytest.raises(PagingError, match="an old one"):
        list(contact_details(transport, [("wm1", "h")], 5))


def test_contacts_that_never_answer_do_not_keep_the_others_waiting() -> None:
    def handler(_name: str, body: dict[str, Any]) -> dict[str, Any]:
        if body["external_userid"].startswith("ended"):
            return {"errcode": 84061, "errmsg": "not external contact"}
        return {"external_contact": {"external_userid": body["external_userid"]}, "follow_user": []}

    transport, asked = client(handler)
    waiting = [(f"ended{n}", "h") for n in range(6)] + [(f"wm{n}", "h") for n in range(9)]
    found = list(contact_details(transport, waiting, 4))
    assert [each["external_contact"]["external_userid"] for each in found] == ["wm0", "wm1", "wm2", "wm3"]
    assert len(asked) == 10
    assert list(contact_details(transport, waiting, 0)) == []


# -- mass messages and moments --------------------------------------------------------------------------------

YEAR = Window(shanghai(2026, 1, 1), shanghai(2026, 4, 11))


def test_messages_are_listed_in_windows_of_28_days_for_customers_and_groups() -> None:
    def handler(_name: str, body: dict[str, Any]) -> dict[str, Any]:
        more = body["cursor"] == ""
        msgid = f"{body['chat_type']}-{body['start_time']}-{more}"
        return {"group_msg_list": [{"msgid": msgid}], "next_cursor": "2" if more else ""}

    transport, asked = client(handler)
    found = list(mass_messages(transport, YEAR))
    assert len({each["msgid"] for each in found}) == len(found) == 4 * 2 * 2
    assert {each["chat_type"] for each in found} == {"single", "group"}
    for chat_type in ("single", "group"):
        bodies = [b for _, b in asked if b["chat_type"] == chat_type and not b["cursor"]]
        spans = [(body["start_time"], body["end_time"]) for body in bodies]
        assert spans[0][0], spans[-1][1] == YEAR.seconds
        assert all(end == start for (_, end), (start, _) in itertools.pairwise(spans))
        assert max(end - start for start, end in spans) == 28 * DAY
        assert all(body["limit"] <= 100 and body["filter_type"] == 2 for body in bodies)


def messages_with(codes: dict[str, int]) -> Handler:
    def handler(name: str, body: dict[str, Any]) -> dict[str, Any]:
        if name == "get_groupmsg_list_v2":
            first = body["chat_type"] == "single" and body["start_time"] == YEAR.seconds[0]
            return {"group_msg_list": [{"msgid": m} for m in ("m1", "m2", "m3")] if first else []}
        if body["msgid"] in codes and name == "get_groupmsg_task":
            return {"errcode": codes[body["msgid"]], "errmsg": "no"}
        if name == "get_groupmsg_task":
            return {"task_list": [{"userid": "a", "status": 2}, {"userid": "b", "status": 0}]}
        if body["userid"] == "b" and body["msgid"] == "m3":
            return {"send_list": [{"chat_id": "wr1", "userid": "b", "status": 1}]}
        return {"send_list": [{"external_userid": "wm1", "userid": body["userid"], "status": 1}]}

    return handler


@pytest.mark.parametrize("code", [41063, 41093, 60111])
def test_a_message_without_results_yet_does_not_cost_the_others(code: int) -> None:
    transport, _ = client(messages_with({"m2": code}))
    found = list(mass_message_tasks(transport, YEAR))
    assert [(each["msgid"], each["userid"]) for each in found] == [
        ("m1", "a"),
        ("m1", "b"),
        ("m3", "a"),
        ("m3", "b"),
    ]


@pytest.mark.parametrize(("code", "kind"), [(48002, ScopeError), (41099, ApiError)])
def test_any_other_refusal_ends_the_reading(code: int, kind: type[Exception]) -> None:
    transport, _ = client(messages_with({"m2": code}))
    with pytest.raises(kind, match=str(code)):
        list(mass_message_tasks(transport, YEAR))


def test_deliveries_name_their_receiver_whatever_it_is() -> None:
    transport, _ = client(messages_with({}))
    found = {(e["msgid"], e["userid"]): e["receiver"] for e in mass_message_sends(transport, YEAR)}
    assert found["m1", "a"] == "wm1"
    assert found["m3", "b"] == "wr1"
    assert len(found) == 6


def moment_server(name: str, body: dict[str, Any]) -> dict[str, Any]:
    if name == "get_moment_list":
        if body["start_time"] != YEAR.seconds[0]:
            return {"moment_list": []}
        return {
            "moment_list": [
                {"moment_id": "mom1 ", "creator": "zhouyan", "create_time": "1767225700", "create_type": 0},
                {"moment_id": "mom2", "creator": "liwei ", "create_time": 1767225800, "create_type": 1},
                {"moment_id": "mom3", "create_time": 1767225900, "create_type": 0},
            ]
        }
    if name == "get_moment_task":
        if body["moment_id"] == "mom3":
            return {"errcode": 41079, "errmsg": "being dispatched"}
        return {
            "task_list": [{"userid": "a ", "publish_status": 1}, {"userid": "b", "publish_status": 0}],
        }
    if name == "get_moment_send_result":
        return {"customer_list": [{"external_userid": "wm1 "}]}
    return {
        "comment_list": [
            {"external_userid": "wm1 ", "create_time": "1767226000"},
            {"external_userid": "wm1 ", "create_time": 1767226100},
            {"userid": "liwei", "create_time": 1767226200},
        ],
        "like_list": [{"external_userid": "wm1", "create_time": 1767226000}],
    }


def test_moments_lose_their_trailing_spaces_and_text_times() -> None:
    transport, asked = client(moment_server)
    found = list(moments(transport, YEAR))
    assert [(m["moment_id"], m["create_time"]) for m in found] == [
        ("mom1", 1767225700),
        ("mom2", 1767225800),
        ("mom3", 1767225900),
    ]
    assert all(body["end_time"] - body["start_time"] <= 30 * DAY and body["limit"] <= 20 for _, body in asked)


def test_likes_and_comments_are_read_for_whoever_published() -> None:
    transport, asked = client(moment_server)
    found = list(moment_interactions(transport, YEAR))
    assert {(b["moment_id"], b["userid"]) for name, b in asked if name == "get_moment_comments"} == {
        ("mom1", "a"),
        ("mom2", "liwei"),
    }
    of_first = [(i["userid"], i["kind"], i["person_id"], i["create_time"]) for i in found[:4]]
    assert of_first == [
        ("a", "comment", "wm1", 1767226000),
        ("a", "comment", "wm1", 1767226100),
        ("a", "comment", "liwei", 1767226200),
        ("a", "like", "wm1", 1767226000),
    ]
    sends = list(moment_sends(transport, YEAR))
    assert sends == [
        {"external_userid": "wm1", "moment_id": "mom1", "userid": "a"},
        {"external_userid": "wm1", "moment_id": "mom2", "userid": "liwei"},
    ]
