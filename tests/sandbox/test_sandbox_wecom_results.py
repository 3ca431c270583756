"""Statistics, mass messages and moments of the sandbox: limits, refusals, and that questions agree."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from sandbox.calendar import end_of
from sandbox.wecom_days import midnight_of

Call = Callable[..., dict[str, Any]]
BASE = "/cgi-bin/externalcontact/"
DAY = 86_400
TODAY = midnight_of(end_of(dt.date(2017, 9, 15)))


@pytest.fixture
def seen(http: Any, wecom: Call) -> Call:
    """Calls to a sandbox that shows the end of 2017-09-15."""
    assert http.post("/sandbox/day", json={"day": "2017-09-15"}).status_code == 200
    return wecom


def group_days(call: Call, first: int, last: int, *owners: str) -> dict[str, Any]:
    asked = {"day_begin_time": first, "day_end_time": last, "owner_filter": {"userid_list": [*owners]}}
    return call("POST", BASE + "groupchat/statistic_group_by_day", **asked)


@pytest.mark.parametrize(
    ("first", "last", "code"),
    [
        (TODAY - DAY, TODAY, 600018),  # today is not over
        (TODAY - DAY, TODAY - 2 * DAY, 600018),
        (TODAY - 30 * DAY, TODAY - DAY, 0),
        (TODAY - 31 * DAY, TODAY - DAY, 600018),
        (TODAY - 180 * DAY, TODAY - 170 * DAY, 0),
        (TODAY - 181 * DAY, TODAY - 170 * DAY, 600018),
    ],
)
def test_statistics_are_for_complete_days_of_the_last_180(
    seen: Call, first: int, last: int, code: int
) -> None:
    assert group_days(seen, first, last, "liwei")["errcode"] == code
    asked = {"userid": ["liwei"], "start_time": first + 3600, "end_time": last + 7200}
    assert seen("POST", BASE + "get_user_behavior_data", **asked)["errcode"] == code
    owners = {"day_begin_time": first, "day_end_time": last, "owner_filter": {"userid_list": ["liwei"]}}
    assert seen("POST", BASE + "groupchat/statistic", **owners)["errcode"] == code


def test_several_people_come_back_summed(seen: Call) -> None:
    def behaviour(*userids: str) -> list[dict[str, Any]]:
        asked = {"userid": [*userids], "start_time": TODAY - 30 * DAY, "end_time": TODAY - DAY}
        return seen("POST", BASE + "get_user_behavior_data", **asked)["behavior_data"]

    one, other, both = behaviour("liwei"), behaviour("zhouyan"), behaviour("liwei", "zhouyan")
    assert [row["stat_time"] for row in both] == [TODAY - n * DAY for n in range(30, 0, -1)]
    for name in ("chat_cnt", "message_cnt", "new_contact_cnt"):
        assert [a[name] + b[name] for a, b in zip(one, other, strict=True)] == [row[name] for row in both]
    nobody = behaviour("xiaoxin")
    assert not any("reply_percentage" in row for row in nobody)


def test_statistics_by_owner_page_by_offset_and_agree_with_those_by_day(seen: Call) -> None:
    staff = seen("GET", BASE + "get_follow_user_list")["follow_user"]
    first, last = TODAY - 20 * DAY, TODAY - DAY
    asked = {"day_begin_time": first, "day_end_time": last, "owner_filter": {"userid_list": staff}}
    items: list[dict[str, Any]] = []
    offset, total = 0, 1
    while offset < total:
        page = seen("POST", BASE + "groupchat/statistic", **asked, limit=2, offset=offset, order_by=2)
        items += page["items"]
        offset, total = page["next_offset"], page["total"]
    owners = [item["owner"] for item in items]
    assert len(set(owners)) == len(owners) == total > 2
    assert [i["data"]["chat_total"] for i in items] == sorted(
        (i["data"]["chat_total"] for i in items), reverse=True
    )
    for item in items:
        days = [row["data"] for row in group_days(seen, first, last, item["owner"])["items"]]
        assert sum(day["new_member_cnt"] for day in days) == item["data"]["new_member_cnt"]
        assert days[-1]["member_total"] == item["data"]["member_total"]
        assert all(a["msg_total"] <= b["msg_total"] for a, b in pairwise(days))


def test_livestream_groups_are_loud_on_fridays(seen: Call, world: Any) -> None:
    owner = next(g.owner for g in world.groups if g.kind == "直播" and g.created_at < TODAY - 60 * DAY)
    days = group_days(seen, TODAY - 30 * DAY, TODAY - DAY, owner)["items"]
    said = [(b["stat_time"], b["data"]["msg_total"] - a["data"]["msg_total"]) for a, b in pairwise(days)]
    friday = [n for at, n in said if dt.datetime.fromtimestamp(at + DAY // 2, dt.UTC).weekday() == 4]
    other = [n for at, n in said if dt.datetime.fromtimestamp(at + DAY // 2, dt.UTC).weekday() < 4]
    assert sum(friday) / len(friday) > sum(other) / len(other)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"chat_type": "single"}, 40058),
        ({"chat_type": "single", "days": 32}, 40058),
        ({"chat_type": "single", "days": 30, "limit": 101}, 40058),
        ({"chat_type": "both", "days": 3}, 40058),
        ({"chat_type": "group", "days": 30, "limit": 100}, 0),
    ],
)
def test_messages_are_listed_for_a_month_at_most(seen: Call, asked: dict[str, Any], code: int) -> None:
    days = asked.pop("days", None)
    window = (
        {"start_time": TODAY - days * DAY, "end_time": TODAY}
        if days
        else {"start_time": 1, "end_time": TODAY}
    )
    assert seen("POST", BASE + "get_groupmsg_list_v2", **asked, **window)["errcode"] == code


def all_of(call: Call, path: str, items: str, **asked: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = call("POST", BASE + path, **asked, cursor=cursor)
        assert page["errcode"] == 0, page
        rows += page[items]
        cursor = page["next_cursor"]
        if not cursor:
            return rows


def test_messages_page_and_their_results_agree(seen: Call) -> None:
    window = {"start_time": TODAY - 30 * DAY, "end_time": TODAY}
    listed = all_of(seen, "get_groupmsg_list_v2", "group_msg_list", chat_type="single", limit=1, **window)
    whole = all_of(seen, "get_groupmsg_list_v2", "group_msg_list", chat_type="single", **window)
    assert listed == whole
    assert {m["create_type"] for m in whole} == {0, 1}
    message = next(m for m in whole if m["create_type"] == 0)
    tasks = all_of(seen, "get_groupmsg_task", "task_list", msgid=message["msgid"], limit=2)
    assert len(tasks) > 2
    for task in tasks:
        asked = {"msgid": message["msgid"], "userid": task["userid"]}
        sends = all_of(seen, "get_groupmsg_send_result", "send_list", limit=7, **asked)
        assert len({row["external_userid"] for row in sends}) == len(sends) > 0
        assert ({row["status"] for row in sends} == {0}) == (task["status"] == 0)
        assert all(
            message["create_time"] <= row["send_time"] < TODAY + DAY for row in sends if row["status"] == 1
        )
    assert seen("POST", BASE + "get_groupmsg_task", msgid="msgUnknown")["errcode"] == 40058


def test_a_message_made_just_now_is_still_being_sent_out(http: Any, wecom: Call) -> None:
    assert http.post("/sandbox/day", json={"day": "2017-11-10"}).status_code == 200
    now = end_of(dt.date(2017, 11, 10))
    window = {"start_time": now - DAY, "end_time": now}
    listed = all_of(wecom, "get_groupmsg_list_v2", "group_msg_list", chat_type="single", **window)
    newest = max(listed, key=lambda m: m["create_time"])
    assert wecom("POST", BASE + "get_groupmsg_task", msgid=newest["msgid"])["errcode"] == 41063
    assert http.post("/sandbox/day", json={"day": "2017-11-11"}).status_code == 200
    assert wecom("POST", BASE + "get_groupmsg_task", msgid=newest["msgid"])["task_list"]


def test_what_has_not_happened_yet_is_not_shown(http: Any, wecom: Call) -> None:
    def world_at(day: str) -> tuple[set[str], int, int]:
        assert http.post("/sandbox/day", json={"day": day}).status_code == 200
        now = end_of(dt.date.fromisoformat(day))
        window = {"start_time": now - 30 * DAY, "end_time": now + 30 * DAY - 30 * DAY}
        moments = all_of(wecom, "get_moment_list", "moment_list", **window)
        assert all(int(m["create_time"]) < now for m in moments)
        likes = comments = 0
        for moment in (m for m in moments if m["create_type"] == 0):
            for task in all_of(wecom, "get_moment_task", "task_list", moment_id=moment["moment_id"]):
                pair = {"moment_id": moment["moment_id"], "userid": task["userid"]}
                found = wecom("POST", BASE + "get_moment_comments", **pair)
                views = all_of(wecom, "get_moment_send_result", "customer_list", **pair)
                assert bool(views) == bool(task["publish_status"])
                people = {row["external_userid"] for row in views}
                for row in found["like_list"] + found["comment_list"]:
                    assert row["create_time"] < now
                    assert "userid" in row or row["external_userid"].strip() in people
                likes, comments = likes + len(found["like_list"]), comments + len(found["comment_list"])
        return {m["moment_id"] for m in moments}, likes, comments

    ids, likes, comments = world_at("2017-09-15")
    assert ids
    assert likes > comments > 0
    before, _, _ = world_at("2017-08-20")
    assert ids - before


def test_moments_refuse_long_windows_and_large_pages(seen: Call) -> None:
    path = BASE + "get_moment_list"
    assert seen("POST", path, start_time=TODAY - 31 * DAY, end_time=TODAY)["errcode"] == 40058
    assert seen("POST", path, start_time=TODAY - 30 * DAY, end_time=TODAY, limit=21)["errcode"] == 40058
