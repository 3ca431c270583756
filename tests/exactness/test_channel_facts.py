"""One person in every channel is one customer, by hand: small enough to be read."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from common.clock import UTC
from common.lake import LoadReport
from common.streams import STREAMS
from tests.exactness.dbt_home import DbtHome
from tests.exactness.histories import Happening, _instant, _member_row, _order_row, _record, _seconds

AS_OF = "2026-04-30"


def on(day: int) -> Happening:
    return Happening("", who=3, day=day, heard=0, size=3, twist=3)


def friend(account: str, contact: str, **more: Any) -> dict[str, Any]:
    row = dict.fromkeys(STREAMS["personal_wechat/contacts"].columns.names)
    return {**row, "account_id": account, "contact_id": contact, "source": "t", "source_line": 1, **more}


def phone_order(number: int) -> dict[str, Any]:
    """An order of the till: the phone is all that is known."""
    row = _order_row(on(20 + number), order=f"till{number}")
    return {
        **row,
        "buyer_id": None,
        "unionid": None,
        "phone_hmac": "p3",
        "amount_fen": 1000,
        "refunded_fen": 0,
    }


LOADS: list[tuple[str, list[dict[str, Any]]]] = [
    ("store/members", [{**_member_row(on(10)), "buyer_source": "pos", "unionid": None, "name": "王店"}]),
    ("miniprogram/members", [{**_member_row(on(12)), "name": "李小"}]),
    ("store/orders", [phone_order(number) for number in range(7)]),
    (
        "personal_wechat/contacts",
        [
            friend("a1", "wxid_3", nickname="小三", added_at=_instant(5)),
            friend("a2", "wxid_3", phone="13800000003", phone_hmac="p3", added_at=_instant(6)),
            friend("a1", "17", added_at=_instant(7)),
            friend("a2", "17", added_at=_instant(7)),
        ],
    ),
    (
        "official_account/followers",
        [
            _record(
                "oOff3",
                {"openid": "oOff3", "unionid": "union3", "subscribe": 1, "subscribe_time": _seconds(8)},
            )
        ],
    ),
    (
        "video_account/leads",
        [
            _record(f"lead{day}", {"lead_id": f"lead{day}", "time": _seconds(day)}, phones)
            for day, phones in ((3, ["p3"]), (4, []))
        ],
    ),
]


@pytest.fixture(scope="module")
def home(home: DbtHome) -> DbtHome:
    at = dt.datetime(2026, 6, 1, tzinfo=UTC)
    for key, rows in LOADS:
        arrival = home.lake.arrive_rows(
            STREAMS[key], rows, LoadReport(stream=key, source="t", rows=len(rows))
        )
        home.lake.admit(arrival, at=at)
        at += dt.timedelta(seconds=1)
    home.run(AS_OF)
    return home


def test_she_is_one_customer(home: DbtHome) -> None:
    keys = home.query(
        "select identifier_key from marts.bridge_customer_identities where customer_id = ("
        "  select customer_id from marts.bridge_customer_identities where identifier_key = 'phone_hmac:p3')"
    )
    assert {key for (key,) in keys} == {
        "phone_hmac:p3", "unionid:union3", "buyer_id:pos:b3", "buyer_id:test:b3", "openid:wxmini:oMini3",
        "openid:official_account:oOff3", "wxid:wxid_3", *(f"order:store|test|till{number}" for number in range(7)),
    }  # fmt: skip


def test_ids_of_an_exporting_tool_join_nobody_across_accounts(home: DbtHome) -> None:
    owners = home.query(
        "select count(distinct customer_id) from marts.bridge_customer_identities "
        "where identifier_key in ('wxid:a1:17', 'wxid:a2:17')"
    )
    assert owners == [(2,)]


def test_a_phone_that_paid_seven_times_is_not_a_crowds(home: DbtHome) -> None:
    assert home.query("select count(*) from marts.identity_conflicts") == [(0,)]
    assert home.query("select distinct channel_code, order_source from marts.fct_orders") == [
        ("store", "test")
    ]
    found = home.query(
        "select order_count, net_fen, first_channel_code, name_masked, phone_masked from marts.dim_customers "
        "where order_count > 0"
    )
    # First seen by the lead, named by the mini-program's register; of the phone only the friend's row has digits.
    assert found == [(7, 7000, "video_account", "李**", "138****0003")]


def test_whoever_was_only_seen_is_a_customer_too(home: DbtHome) -> None:
    channels = home.query(
        "select first_channel_code, count(*) from marts.dim_customers where order_count = 0 group by 1 order by 1"
    )
    assert channels == [("personal_wechat", 2), ("video_account", 1)]


def test_her_time_line_has_it_all(home: DbtHome) -> None:
    counted = home.query("select event_code, count(*) from marts.fct_events group by 1 order by 1")
    assert counted == [
        ("lead_submitted", 2),
        ("member_registered", 2),
        ("official_followed", 1),
        ("order_placed", 7),
        ("personal_friend_added", 4),
    ]
