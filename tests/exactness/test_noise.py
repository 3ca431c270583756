"""Planted noise actors among honest customers: who is found, who is wrongly accused."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest

from common.clock import UTC
from common.lake import LoadReport
from common.streams import STREAMS
from tests.exactness.dbt_home import DbtHome
from tests.exactness.histories import DAY_ZERO, _group, _instant, _order_row, _record, _seconds
from tests.exactness.histories import Happening as Event

HONEST, PLANTED = 400, 12
KINDS = ("shill", "test_account", "coupon_hunter", "shared_phone")


def member(buyer: str, **more: Any) -> dict[str, Any]:
    return {
        "buyer_id": buyer, "buyer_source": "test", "unionid": f"u_{buyer}", "openid": None, "app_id": None,
        "phone": None, "phone_hmac": None, "name": "王芳", "gender": "female", "birthday": dt.date(1990, 1, 1),
        "city": "杭州", "registered_at": _instant(0), "source": "t", "source_line": 1, **more,
    }  # fmt: skip


class Crowd:
    """Rows of a world in which ``HONEST`` people live their lives and some others do not."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.rows: dict[str, list[dict[str, Any]]] = {}
        self.groups: dict[str, dict[str, dict[str, Any]]] = {}
        self.orders = 0
        for number in range(HONEST):
            self.honest(f"h{number}")
        for number in range(PLANTED):
            self.shill(f"shill{number}")
            self.tester(f"test_account{number}")
            self.hunter(f"coupon_hunter{number}")
            self.add("miniprogram/members", member(f"shared_phone{number}", phone_hmac="tablet"))
            self.buy(f"shared_phone{number}", 90)

    def add(self, stream: str, row: dict[str, Any]) -> None:
        self.rows.setdefault(stream, []).append(row)

    def buy(self, buyer: str, yuan: int, **more: Any) -> None:
        self.orders += 1
        event = Event("order", 0, self.random.randrange(100), 0, 1, 0)
        row = {**_order_row(event, order=f"o{self.orders}"), "unionid": None, "phone_hmac": None}
        self.add(
            "miniprogram/orders",
            {**row, "buyer_id": buyer, "amount_fen": yuan * 100, "refunded_fen": 0, **more},
        )

    def use_coupon(self, buyer: str) -> None:
        number = len(self.rows.get("miniprogram/coupon_uses", []))
        self.add(
            "miniprogram/coupon_uses",
            {
                "coupon_use_id": f"c{number}", "buyer_id": buyer, "buyer_source": "test", "coupon_id": "c",
                "campaign_id": "k", "used_at": _instant(9), "source": "t", "source_line": 1,
            },
        )  # fmt: skip

    def join(self, who: str, group: int) -> None:
        seat = {
            "userid": f"wm_{who}",
            "type": 2,
            "join_time": _seconds(5),
            "join_scene": 3,
            "unionid": f"u_{who}",
        }
        self.groups.setdefault(f"wr{group}", {})[f"wm_{who}"] = seat

    def honest(self, who: str) -> None:
        """A family may share a phone, a fan may join four groups and use a coupon now and then."""
        family = int(who[1:]) // 3
        self.add(
            "miniprogram/members", member(who, phone_hmac=f"p{family}" if family % 9 == 0 else f"p_{who}")
        )
        for _ in range(self.random.choice([0, 1, 1, 2, 5, 9])):
            refunded = self.random.random() < 0.05
            self.buy(who, 120, refunded_fen=12_000 if refunded else 0)
            if self.random.random() < 0.25:
                self.use_coupon(who)
        for group in self.random.sample(range(8), self.random.choice([0, 0, 1, 2, 4])):
            self.join(who, group)

    def shill(self, who: str) -> None:
        for group in self.random.sample(range(8), self.random.choice([5, 6, 8])):
            self.join(who, group)

    def tester(self, who: str) -> None:
        typed = self.random.random() < 0.5
        self.add("miniprogram/members", member(who, name="测试一下" if typed else "李雷"))
        for _ in range(1 if typed else 4):
            self.buy(who, 1)

    def hunter(self, who: str) -> None:
        self.add("miniprogram/members", member(who))
        for number in range(self.random.choice([6, 9, 15])):
            if number % 5 == 4:
                self.buy(who, 60, refunded_fen=6_000)
            else:
                self.buy(who, 60)
                self.use_coupon(who)

    def loads(self) -> dict[str, list[dict[str, Any]]]:
        chats = [_record(chat, _group(chat, people)) for chat, people in self.groups.items()]
        return {**self.rows, "wecom/groups": chats}


@pytest.fixture(scope="module")
def verdicts(home: DbtHome) -> dict[str, set[str]]:
    """Who was found, by rule: the name in the customer's unionid."""
    at = dt.datetime(2026, 6, 1, tzinfo=UTC)
    for key, rows in Crowd(20261122).loads().items():
        report = LoadReport(stream=key, source="t", rows=len(rows))
        home.lake.admit(home.lake.arrive_rows(STREAMS[key], rows, report), at=at)
        at += dt.timedelta(seconds=1)
    home.run((DAY_ZERO + dt.timedelta(days=120)).isoformat())
    found = home.query(
        "select noise.noise_code, substr(ids.identifier_key, 11) from marts.customer_noise as noise "
        "join marts.bridge_customer_identities as ids using (customer_id) "
        "where noise.is_noise and ids.identifier_type = 'unionid'"
    )
    return {kind: {who for code, who in found if code == kind} for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_planted_actors__are_found(verdicts: dict[str, set[str]], kind: str) -> None:
    found, planted = verdicts[kind], {f"{kind}{number}" for number in range(PLANTED)}
    right = len(found & planted)
    precision, recall = right / max(len(found), 1), right / len(planted)
    print(f"\n{kind}: precision {precision:.3f}, recall {recall:.3f} ({len(found)} found, {PLANTED} planted)")
    assert precision >= 0.9
    assert recall >= 0.9
