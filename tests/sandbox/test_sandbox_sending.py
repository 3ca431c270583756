"""Messages that clients create: the platform's limits, staff who send or not, who gets it, what the lists tell."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest

from sandbox.calendar import moment
from sandbox.credentials import (
    SANDBOX_MINIPROGRAM_APP_ID,
    SANDBOX_MINIPROGRAM_SECRET,
    SANDBOX_OFFICIAL_APP_ID,
    SANDBOX_OFFICIAL_SECRET,
)
from sandbox.followers import make_followers
from sandbox.sending import Sending

DAY = dt.date(2017, 6, 5)
AT = moment(DAY, 10)
BASE = "/cgi-bin/externalcontact/"


@pytest.fixture
def ask(serve: Any, wecom_of: Any) -> Any:
    http = serve("sending", day=DAY)
    http.app.state.desk.show(DAY, AT)
    call = wecom_of(http)

    def asked(name: str, **body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = call("POST", BASE + name, **body)
        return answer

    asked.desk = http.app.state.desk  # type: ignore[attr-defined]
    return asked


def contacts(ask: Any, userid: str = "liwei") -> list[str]:
    return [
        each.person.external_userid
        for each in ask.desk.view.of_staff[userid]
        if each.ended_at is None and each.left_at is None
    ]


def create(ask: Any, receivers: list[str], text: str = "你好", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = ask(
        "add_msg_template", sender="liwei", external_userid=receivers, text={"content": text}, **more
    )
    return found


def later(ask: Any, **span: float) -> None:
    at = dt.datetime.fromtimestamp(ask.desk.now, dt.UTC) + dt.timedelta(**span)
    ask.desk.show(at.date(), int(at.timestamp()))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"sender": "nobody", "external_userid": ["wm1"], "text": {"content": "a"}}, 60011),
        ({"sender": "liwei", "external_userid": [], "text": {"content": "a"}}, 40058),
        ({"sender": "liwei", "external_userid": ["wm-nobody"], "text": {"content": "a"}}, 41048),
        ({"sender": "liwei", "external_userid": ["x"] * 10_001, "text": {"content": "a"}}, 40058),
        ({"sender": "liwei", "external_userid": ["x"], "text": {"content": "长" * 1334}}, 40058),
        ({"sender": "liwei", "external_userid": ["x"]}, 40058),
        (
            {"sender": "liwei", "external_userid": ["x"], "attachments": [{"msgtype": "fax", "fax": {}}]},
            40058,
        ),
        (
            {"sender": "liwei", "chat_type": "group", "chat_id_list": ["wr-none"], "text": {"content": "a"}},
            41048,
        ),
    ],
)
def test_what_the_platform_does_not_take(ask: Any, body: dict[str, Any], code: int) -> None:
    assert ask("add_msg_template", **body)["errcode"] == code


def test_a_call_made_twice_is_two_tasks(ask: Any) -> None:
    """There is no idempotency key: that is what the clients must cope with."""
    some = contacts(ask)[:3]
    first, second = create(ask, some), create(ask, some)
    assert first["msgid"] != second["msgid"]


def test_who_is_no_contact_is_told_at_once_and_results_come_later(ask: Any) -> None:
    some = contacts(ask)[:5]
    made = create(ask, [*some, "wm-nobody"])
    assert made["fail_list"] == ["wm-nobody"]
    assert ask("get_groupmsg_task", msgid=made["msgid"])["errcode"] == 41063
    later(ask, minutes=11)
    rows = ask("get_groupmsg_send_result", msgid=made["msgid"], userid="liwei")["send_list"]
    assert sorted(row["external_userid"] for row in rows) == sorted(some)
    listed = ask(
        "get_groupmsg_list_v2", chat_type="single", filter_type=0, start_time=AT - 5, end_time=AT + 5
    )
    assert [(each["msgid"], "creator" in each) for each in listed["group_msg_list"]] == [
        (made["msgid"], False)
    ]


def test_some_staff_send_soon_some_late_some_never_and_not_after_it_was_taken_back(ask: Any) -> None:
    some = contacts(ask)[:2]
    kept = [create(ask, some)["msgid"] for _ in range(40)]
    taken_back = [create(ask, some)["msgid"] for _ in range(10)]
    for msgid in taken_back:
        assert ask("cancel_groupmsg_send", msgid=msgid)["errcode"] == 0
        assert ask("cancel_groupmsg_send", msgid=msgid)["errcode"] == 41093
    later(ask, days=5)

    def statuses(msgid: str) -> list[int]:
        return [each["status"] for each in ask("get_groupmsg_task", msgid=msgid)["task_list"]]

    sent = Counter(status for msgid in kept for status in statuses(msgid))
    assert sent[2] > sent[0] > 0
    assert {status for msgid in taken_back for status in statuses(msgid)} == {0}


def test_nobody_gets_more_than_the_limit_of_a_month(ask: Any) -> None:
    ask.desk.messages_per_month = 3
    (one,) = contacts(ask)[:1]
    tasks = [create(ask, [one])["msgid"] for _ in range(12)]
    later(ask, days=5)
    rows = [ask("get_groupmsg_send_result", msgid=each, userid="liwei")["send_list"][0] for each in tasks]
    told = Counter(row["status"] for row in rows)
    assert (told[1], told[3] > 0) == (3, True)
    assert len(Sending(ask.desk).deliveries("single")) == 3


def test_tasks_survive_a_restart(ask: Any, serve: Any) -> None:
    made = create(ask, contacts(ask)[:3])
    again = serve("sending", day=DAY)
    assert set(again.app.state.desk.state.sent.tasks) == {made["msgid"]}


@pytest.mark.parametrize(("path", "is_miniprogram"), [("bizsend", False), ("send", True)])
def test_a_subscription_is_good_for_one_message_and_each_app_has_its_own(
    serve: Any, calls_with: Any, path: str, is_miniprogram: bool
) -> None:
    http = serve("subscribe", day=DAY)
    desk = http.app.state.desk
    desk.show(DAY, AT)
    apps = [
        (SANDBOX_OFFICIAL_APP_ID, SANDBOX_OFFICIAL_SECRET),
        (SANDBOX_MINIPROGRAM_APP_ID, SANDBOX_MINIPROGRAM_SECRET),
    ]
    tokens = [
        http.post(
            "/cgi-bin/stable_token", json={"grant_type": "client_credential", "appid": app, "secret": secret}
        ).json()["access_token"]
        for app, secret in apps
    ]
    ours, other = (calls_with(http, tokens[at]) for at in (is_miniprogram, not is_miniprogram))
    users = sorted(each.openid for each in make_followers(desk.world) if each.follows(AT))
    if is_miniprogram:
        bought = (each for each in desk.world.people if each.purchases and each.purchases[0] < AT)
        users = sorted(each.openids[SANDBOX_MINIPROGRAM_APP_ID] for each in bought)

    def send(touser: str, call: Any = ours, **more: Any) -> int:
        body = {"touser": touser, "template_id": "t", "data": {"thing1": {"value": "开播"}}, **more}
        return int(call("POST", f"/cgi-bin/message/subscribe/{path}", **body)["errcode"])

    told = {user: [send(user) for _ in range(3)] for user in users[:40]}
    # None to two grants each, and then no more.
    assert {tuple(each) for each in told.values()} == {(43101,) * 3, (0, 43101, 43101), (0, 0, 43101)}
    assert send("oNobodyWhoEverWasThere") == 40003
    assert send(users[0], data={"thing1": "开播"}) == 47003
    assert send(users[0], other) == 48001
    if is_miniprogram:
        assert send(users[0], miniprogram_state="beta") == 47003
