"""Good batches pass, and each kind of damage is found, as critical or advisory as it should be."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gate_samples as samples
import pytest

from common.streams import STREAMS
from expectations.runner import judge, judge_many
from expectations.spec import raw_suite_name
from expectations.verdict import Request, Verdict

JUDGED = [key for key in STREAMS if not key.startswith("quarantine/")]
Rows = list[dict[str, Any]]


def judged(tmp_path: Path, stream_key: str, rows: Rows) -> Verdict:
    return judge(
        raw_suite_name(stream_key), parts=samples.arrived(tmp_path, stream_key, rows), subject=stream_key
    )


def nested(stream_key: str, path: str, value: Any) -> Callable[[], Rows]:
    """Rows of a records stream with one field of the first payload replaced (None: removed)."""

    def build() -> Rows:
        payloads = samples.good_payloads(stream_key)
        good = samples.record(stream_key, payloads[0])
        target: Any = payloads[0]
        *parents, last = path.split(".")
        for part in parents:
            target = target[int(part)] if part.isdigit() else target[part]
        if value is None:
            del target[last]
        else:
            target[last] = value
        broken = good | {"payload": json.dumps(payloads[0], ensure_ascii=False)}
        if path in ("order_id", "userid") and value is not None:
            broken["record_key"] = str(value)
        return [broken, *(samples.record(stream_key, payload) for payload in payloads[1:])]

    return build


def changed(stream_key: str, **values: Any) -> Callable[[], Rows]:
    """Good rows with columns of the first row replaced."""
    return lambda: [samples.good_rows(stream_key)[0] | values, *samples.good_rows(stream_key)[1:]]


def twice(stream_key: str) -> Callable[[], Rows]:
    return lambda: samples.good_rows(stream_key) * 2


@pytest.mark.parametrize("stream_key", JUDGED)
def test_a_good_batch_passes_every_check(tmp_path: Path, stream_key: str) -> None:
    verdict = judged(tmp_path, stream_key, samples.good_rows(stream_key))
    assert (verdict.status, verdict.held) == ("passed", False), verdict.reason
    assert verdict.rows == len(samples.good_rows(stream_key))


@pytest.mark.parametrize("stream_key", [key for key in JUDGED if STREAMS[key].complete])
def test_an_empty_full_scan_is_held(tmp_path: Path, stream_key: str) -> None:
    verdict = judged(tmp_path, stream_key, [])
    assert verdict.status == "failed"
    assert "empty full scan" in verdict.reason


@pytest.mark.parametrize("stream_key", [key for key in JUDGED if STREAMS[key].windowed])
def test_an_empty_window_is_normal(tmp_path: Path, stream_key: str) -> None:
    assert not judged(tmp_path, stream_key, []).held


CONTACTS, GROUPS, LIVES = "wecom/contacts", "wecom/groups", "video_account/lives"
SHOP, AFTER, ORDERS = "video_account/shop_orders", "video_account/aftersales", "miniprogram/orders"
LINES, USES, MEMBERS = "miniprogram/order_lines", "miniprogram/coupon_uses", "miniprogram/members"
LEADS, DAYS, SELLERS = "video_account/leads", "video_account/shop_days", "video_account/finder_days"
COUPONS, FOLLOWERS = "video_account/coupons", "official_account/followers"
PAYMENTS, POINTS = "miniprogram/payments", "miniprogram/points_changes"
TRADES, FRIENDS = "miniprogram/youzan_trades", "personal_wechat/contacts"

PEOPLE, PAIRS, VERDICTS = "identity/people", "identity/suggestions", "identity/decisions"
MODELS = "siyu/prediction_models"

CRITICAL: list[tuple[str, Callable[[], Rows], str]] = [
    (MODELS, changed(MODELS, model_code="lottery"), "score with another model"),
    (MODELS, changed(MODELS, model_version="purchases"), "names its model"),
    (MODELS, changed(MODELS, is_promoted=None), "it is not"),
    (MODELS, changed(MODELS, parameters="{broken"), "reads the parameters"),
    (MODELS, twice(MODELS), "what a score was made with"),
    (CONTACTS, nested(CONTACTS, "external_contact.external_userid", None), "external_userid"),
    (CONTACTS, nested(CONTACTS, "follow_info.userid", None), "staff member"),
    (CONTACTS, nested(CONTACTS, "follow_info.createtime", None), "in seconds"),
    (CONTACTS, nested(CONTACTS, "follow_info.createtime", 1733587204000), "in seconds"),
    (CONTACTS, nested(CONTACTS, "follow_info.tag_id", "etKx8CBgAAa1"), "tag_id is a list"),
    (CONTACTS, nested(CONTACTS, "external_contact.unionid", "0"), "filler"),
    (CONTACTS, twice(CONTACTS), "shows each contact once"),
    (CONTACTS, changed(CONTACTS, phone_hmacs=f'["{samples.PHONE}"]'), "keyed hashes"),
    (CONTACTS, changed(CONTACTS, payload="{broken"), "one JSON object"),
    (CONTACTS, changed(CONTACTS, payload="[1, 2]"), "one JSON object"),
    (CONTACTS, changed(CONTACTS, record_key=None), "without a key"),
    (CONTACTS, changed(CONTACTS, op="delete"), "only brings records"),
    (CONTACTS, changed(CONTACTS, op=None), "only brings records"),
    (CONTACTS, changed(CONTACTS, payload_hash=None), "SHA-256"),
    (GROUPS, nested(GROUPS, "member_list", None), "have left the group"),
    (GROUPS, nested(GROUPS, "member_list.1.userid", None), "is nobody"),
    (GROUPS, nested(GROUPS, "member_list.1.join_time", 1733600001000), "join_time in seconds"),
    ("wecom/staff", nested("wecom/staff", "userid", "1.5E+18"), "userid of 1-64"),
    ("wecom/corp_tags", nested("wecom/corp_tags", "group_name", None), "ours to touch"),
    (LIVES, nested(LIVES, "data.live_dashboard_data", '{"live_duration": 3}'), "left as text"),
    (LIVES, nested(LIVES, "data.live_ec_data_summary.total_gmv", 38621.5), "whole number of fen"),
    (LIVES, nested(LIVES, "data", None), "stand in data"),
    (SHOP, nested(SHOP, "order_id", 3.724561098761234e18), "gone through a float"),
    (SHOP, nested(SHOP, "order_detail.price_info.order_price", 248.5), "whole number of fen"),
    (SHOP, nested(SHOP, "order_detail.price_info.order_price", 24800000000000), "whole number of fen"),
    (SHOP, nested(SHOP, "order_detail.price_info.order_price", None), "whole number of fen"),
    (SHOP, nested(SHOP, "order_detail.pay_info.pay_time", 1736340162000), "payment time"),
    (SHOP, nested(SHOP, "update_time", None), "last changed"),
    (AFTER, nested(AFTER, "refund_info.amount", None), "revenue is overstated"),
    (AFTER, nested(AFTER, "refund_info.amount", -5), "not negative"),
    (AFTER, nested(AFTER, "order_id", None), "belongs to an order"),
    (ORDERS, changed(ORDERS, order_id=None), "without id"),
    (ORDERS, changed(ORDERS, order_id="3.72456109876123E+18"), "gone through a float"),
    (ORDERS, changed(ORDERS, order_id="3724561098761.0"), "gone through a float"),
    (ORDERS, changed(ORDERS, buyer_id=None), "belongs to nobody"),
    (ORDERS, changed(ORDERS, buyer_id="  "), "merge strangers"),
    (ORDERS, changed(ORDERS, paid_at=dt.datetime(1970, 1, 18)), "seconds read as milliseconds"),
    (ORDERS, changed(ORDERS, paid_at=dt.datetime(2101, 1, 1)), "seconds read as milliseconds"),
    (ORDERS, changed(ORDERS, paid_at=None), "no day and no cohort"),
    (ORDERS, changed(ORDERS, amount_fen=10**10), "100 million"),
    (ORDERS, changed(ORDERS, amount_fen=None), "count as free"),
    (ORDERS, changed(ORDERS, phone_hmac=samples.PHONE), "never a phone"),
    (ORDERS, lambda: [], "wrong file"),
    (LINES, twice(LINES), "name a line"),
    (LINES, changed(LINES, amount_fen=-(10**10)), "100 million"),
    (USES, twice(USES), "counts once"),
    (USES, changed(USES, used_at=None), "falls into no day"),
    (POINTS, twice(POINTS), "moves them once"),
    (POINTS, changed(POINTS, change_id="1.5E+18"), "text and exact"),
    (POINTS, changed(POINTS, buyer_id=" "), "merge strangers"),
    (POINTS, changed(POINTS, changed_at=None), "falls into no day"),
    (POINTS, changed(POINTS, changed_at=dt.datetime(1970, 1, 18)), "seconds read as milliseconds"),
    (POINTS, changed(POINTS, points=None), "neither"),
    (POINTS, changed(POINTS, points=0), "neither"),
    (POINTS, changed(POINTS, points=-(10**10)), "another column"),
    (POINTS, changed(POINTS, reason=f"补发 {samples.PHONE}"), "name people"),
    ("store/points_changes", changed("store/points_changes", points=0), "neither"),
    (MEMBERS, changed(MEMBERS, unionid="-"), "filler"),
    (MEMBERS, changed(MEMBERS, buyer_source=None), "by chance"),
    (LEADS, nested(LEADS, "lead_id", samples.PHONE), "may be a phone"),
    (LEADS, nested(LEADS, "time", None), "form was sent"),
    (LEADS, nested(LEADS, "leads_data", '[{"value": "1"}]'), "lose its phone"),
    (LEADS, changed(LEADS, phone_hmacs=None), "none was looked for"),
    (DAYS, nested(DAYS, "data", None), "a day of zero"),
    (DAYS, nested(DAYS, "data.pay_gmv", "42292.5"), "whole number of fen"),
    (DAYS, nested(DAYS, "ds", "2025-01-08"), "written 20250108"),
    (DAYS, nested(DAYS, "ds", "20251308"), "written 20250108"),
    (SELLERS, nested(SELLERS, "seller_id", None), "by chance"),
    (COUPONS, nested(COUPONS, "coupon_id", "1.26E+10"), "gone through a float"),
    (COUPONS, nested(COUPONS, "coupon_info.discount_info.discount_fee", -1), "whole number of fen"),
    (FOLLOWERS, nested(FOLLOWERS, "subscribe", 0), "hide the one that was known"),
    (FOLLOWERS, nested(FOLLOWERS, "unionid", ""), "filler"),
    (FOLLOWERS, twice(FOLLOWERS), "shows each follower once"),
    (PAYMENTS, nested(PAYMENTS, "transaction_id", "4.2E+27"), "gone through a float"),
    (PAYMENTS, nested(PAYMENTS, "paid_amount", None), "whole number of fen"),
    (PAYMENTS, nested(PAYMENTS, "pay_time", 1736340102000), "in seconds"),
    (TRADES, nested(TRADES, "order_info.tid", "3.72E+18"), "text and exact"),
    (TRADES, nested(TRADES, "order_info.pay_time", "1736338551"), "such as 2025-01-08"),
    (TRADES, nested(TRADES, "pay_info.payment", "many"), "has an amount"),
    (FRIENDS, changed(FRIENDS, contact_id=" "), "merge strangers"),
    (FRIENDS, changed(FRIENDS, phone_hmac=samples.PHONE), "never a phone"),
    ("store/orders", changed("store/orders", amount_fen=10**10), "100 million"),
    (PEOPLE, changed(PEOPLE, phone_hmac=samples.PHONE), "never a phone"),
    (PAIRS, changed(PAIRS, left_key="buyer_id:z:1"), "one way only"),
    (PAIRS, changed(PAIRS, agreed_fields='["王芳"]'), "what stands in them may not"),
    (PAIRS, changed(PAIRS, match_probability=1.5), "cannot be weighed"),
    (VERDICTS, changed(VERDICTS, verdict="maybe"), "its withdrawal"),
    (VERDICTS, changed(VERDICTS, left_key=samples.PHONE), "type:value"),
    (VERDICTS, changed(VERDICTS, left_key=f"phone:{samples.PHONE}"), "keyed hash"),
    (VERDICTS, changed(VERDICTS, right_key="buyer_id:stall:p1"), "two identifiers"),
    (VERDICTS, changed(VERDICTS, decided_by=None), "answers for"),
]

ADVISORY: list[tuple[str, Callable[[], Rows], str]] = [
    (CONTACTS, nested(CONTACTS, "follow_info.add_way", 99), "no name yet"),
    (CONTACTS, nested(CONTACTS, "external_contact.gender", 7), "0 unknown"),
    (GROUPS, nested(GROUPS, "status", 9), "handed over"),
    (SHOP, nested(SHOP, "status", 77), "do not know"),
    (SHOP, nested(SHOP, "unionid", None), "Open Platform"),
    (SHOP, twice(SHOP), "windows overlap"),
    (AFTER, nested(AFTER, "status", "SOMETHING_NEW"), "refunds nothing"),
    (ORDERS, twice(ORDERS), "later version"),
    (ORDERS, changed(ORDERS, status="待发货"), "extend the mapping"),
    (ORDERS, changed(ORDERS, amount_fen=-100), "refunds mapped as orders"),
    (MEMBERS, changed(MEMBERS, gender="女"), "extend the mapping"),
    (MEMBERS, changed(MEMBERS, birthday=dt.date(2030, 1, 1)), "before being born"),
    (LEADS, changed(LEADS, phone_hmacs="[]"), "asks for something else"),
    (DAYS, nested(DAYS, "data.pay_order_cnt", None), "changed by the platform"),
    (COUPONS, nested(COUPONS, "status", 3), "read for ever"),
    (FOLLOWERS, nested(FOLLOWERS, "unionid", None), "do not join"),
    (PAYMENTS, nested(PAYMENTS, "order_state", 9), "do not know"),
    (PAYMENTS, twice(PAYMENTS), "broken paging"),
    (TRADES, nested(TRADES, "order_info.status", "TRADE_NEW"), "lands as it is"),
    (FRIENDS, twice(FRIENDS), "later version"),
    (POINTS, changed(POINTS, reason=None), "what moved them"),
]


def _names(cases: list[tuple[str, Callable[[], Rows], str]]) -> list[str]:
    return [f"{stream_key}-{why}" for stream_key, _, why in cases]


@pytest.mark.parametrize(("stream_key", "rows", "why"), CRITICAL, ids=_names(CRITICAL))
def test_damage_is_held(tmp_path: Path, stream_key: str, rows: Callable[[], Rows], why: str) -> None:
    verdict = judged(tmp_path, stream_key, rows())
    assert (verdict.status, verdict.held) == ("failed", True), verdict.reason
    assert any(why in failure.why for failure in verdict.critical_failures), verdict.reason


@pytest.mark.parametrize(("stream_key", "rows", "why"), ADVISORY, ids=_names(ADVISORY))
def test_oddities_only_warn(tmp_path: Path, stream_key: str, rows: Callable[[], Rows], why: str) -> None:
    verdict = judged(tmp_path, stream_key, rows())
    assert (verdict.status, verdict.held) == ("warned", False), verdict.reason
    assert any(why in failure.why for failure in verdict.advisory_failures), verdict.reason


def test_counts_and_order_of_many_verdicts(tmp_path: Path) -> None:
    rows = samples.good_rows(CONTACTS)
    for row in rows[:3]:
        row["payload_hash"] = "x"
    bad = samples.arrived(tmp_path / "bad", CONTACTS, rows)
    good = samples.arrived(tmp_path / "good", GROUPS, samples.good_rows(GROUPS))
    first, second = judge_many(
        [
            Request(raw_suite_name(CONTACTS), "bad", parts=bad),
            Request(raw_suite_name(GROUPS), "good", parts=good),
        ]
    )
    assert (first.subject, first.status, first.rows) == ("bad", "failed", 4)
    assert [failure.unexpected_count for failure in first.critical_failures] == [3]
    assert "\n" not in first.reason
    assert (second.subject, second.status) == ("good", "passed")
    assert first.as_metadata()["critical_failures"][0]["unexpected_count"] == 3
