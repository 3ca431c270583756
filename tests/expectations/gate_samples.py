"""Good batches of every stream, small, so that a test only has to say what it breaks."""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import json
from pathlib import Path
from typing import Any

from gate_samples_wecom import WECOM_PAYLOADS

from common.lake import Lake, LoadReport
from common.streams import STREAMS

PHONE = "13912345678"
HASH = "ab" * 32
UNIONIDS = [f"o6_bmjrPTlm6_2sgVt7hMZOPfL{n:02d}" for n in range(4)]
PAID_AT = dt.datetime(2017, 3, 1, 12)

CONTACTS = [
    {
        "external_contact": {
            "external_userid": f"wmKx8CBgAA{n:04d}",
            "name": "小鹿妈妈🦌",
            "type": 1,
            "gender": 2,
            "unionid": UNIONIDS[n],
        },
        "follow_info": {
            "userid": "liwei",
            "createtime": 1733587204,
            "tag_id": ["etKx8CBgAAa1"],
            "remark_mobiles": [PHONE],
            "add_way": 10,
        },
    }
    for n in range(4)
]
GROUP = {
    "chat_id": "wrKx8CBgAAchat01",
    "name": "西湖店福利群3",
    "owner": "liwei",
    "create_time": 1731000000,
    "status": 0,
    "member_list": [
        {"userid": "liwei", "type": 1, "join_time": 1731000000},
        {
            "userid": "wmKx8CBgAA0001",
            "type": 2,
            "unionid": UNIONIDS[1],
            "join_time": 1733600001,
            "name": "小鹿妈妈",
        },
    ],
}
LIVE = {
    "export_id": "export/UzFfBgAAxxxx",
    "create_time": 1736337540,
    "data": {
        "live_dashboard_data": {
            "live_dashboard_data": {"summary": {"new_watch_uv": 18234}},
            "live_duration": 10860,
            "start_time": 1736337600,
        },
        "live_ec_data_summary": {"total_gmv": 3862100},
        "live_ec_profile": {},
    },
}
SHOP_ORDER = {
    "order_id": "3724561098761234432",
    "status": 20,
    "openid": "oShopA1b2C3d4E5f6G7h8I9j0K",
    "unionid": UNIONIDS[0],
    "create_time": 1736340100,
    "update_time": 1736340162,
    "order_detail": {
        "product_infos": [{"product_id": "10000123456789", "sku_id": "2000345678901", "sku_cnt": 2}],
        "price_info": {"order_price": 24800},
        "pay_info": {"pay_time": 1736340162},
        "delivery_info": {"address_info": {"user_name": "李四", "tel_number": PHONE}},
    },
}
AFTERSALE = {
    "after_sale_order_id": "2000000501234567",
    "order_id": "3724561098761234432",
    "type": "REFUND",
    "status": "MERCHANT_REFUND_SUCCESS",
    "refund_info": {"amount": 12400},
    "create_time": 1736345000,
    "update_time": 1736348600,
}
TRADE = {
    "order_info": {
        "tid": "E20250108201530012300011",
        "status": "TRADE_SUCCESS",
        "refund_state": 0,
        "created": "2025-01-08 20:15:30",
        "pay_time": "2025-01-08 20:15:51",
    },
    "source_info": {"source": {"platform": "wx", "wx_entrance": "merchant_xcx"}},
    "buyer_info": {"yz_open_id": "Zx81", "buyer_phone": PHONE},
    "pay_info": {"payment": "248.00", "post_fee": "0.00"},
    "orders": [{"oid": "2870001", "outer_sku_id": "SKU-1", "num": 2, "payment": "248.00"}],
}
CORP_TAG = {
    "group_id": "etgrp1",
    "group_name": "会员等级",
    "id": "ettag1",
    "name": "金卡",
    "create_time": 1,
    "order": 1,
}
LEAD = {
    "lead_id": HASH,
    "leads_component_id": "18881222222",
    "request_id": "18881333333",
    "time": 1736340012,
    "leads_data": [{"title": "手机号", "value": PHONE}, {"title": "城市", "value": ["浙江省", "杭州市"]}],
}
SHOP_DAY = {
    "ds": "20250108",
    "data": {
        "pay_gmv": "42292",
        "pay_uv": "8",
        "pay_order_cnt": "10",
        "pay_refund_gmv": "81",
        "live_pay_gmv": "0",
    },
}
FINDER_DAY = {
    "ds": "20250108",
    "seller_id": "finder_id:sphA1b2C3",
    "finder_id": "sphA1b2C3",
    "data": {"pay_gmv": "42292", "pay_refund_gmv": "0"},
}
COUPON = {
    "coupon_id": "12639900",
    "type": 104,
    "status": 2,
    "create_time": 1594885385,
    "coupon_info": {"discount_info": {"discount_fee": 500}},
    "stock_info": {"issued_num": 95, "receive_num": 3, "used_num": 2},
}
FOLLOWER = {
    "subscribe": 1,
    "openid": "oGzh0A1b2C3",
    "unionid": UNIONIDS[0],
    "subscribe_time": 1733587000,
    "subscribe_scene": "ADD_SCENE_LIVESTREAM",
}
PAYMENT = {
    "transaction_id": "4200002512202501081234500001",
    "merchant_trade_no": "MP20250108000123",
    "openid": "oMini0A1b2C3",
    "paid_amount": 24800,
    "pay_time": 1736340102,
    "order_state": 2,
}

EVENT = {
    "event_id": "5c" * 20,
    "received_at": "2026-11-20T08:00:01.000001+00:00",
    "message": {
        "CreateTime": "1736340300",
        "MsgType": "event",
        "Event": "change_external_contact",
        "ChangeType": "del_follow_user",
        "UserID": "liwei",
        "ExternalUserID": "wmKx8CBgAAa1",
    },
    "raw": "<xml/>",
}
SHOP_EVENT = {
    **EVENT,
    "message": {
        "CreateTime": 1736340300,
        "Event": "channels_ec_order_pay",
        "order_info": {"order_id": "3724561098761234432", "pay_time": "1736340299"},
    },
}
OFFICIAL_EVENT = {
    **EVENT,
    "message": {"CreateTime": "1736340300", "Event": "subscribe", "FromUserName": "oOfficial1"},
}

_PAYLOADS: dict[str, tuple[list[dict[str, Any]], Any]] = {
    "wecom/staff": ([{"userid": "liwei"}, {"userid": "store_hz.003@x"}], lambda p: p["userid"]),
    "wecom/corp_tags": ([CORP_TAG], lambda p: p["id"]),
    "wecom/contacts": (
        CONTACTS,
        lambda p: f"{p['follow_info']['userid']}|{p['external_contact']['external_userid']}",
    ),
    "wecom/groups": ([GROUP], lambda p: p["chat_id"]),
    "video_account/lives": ([LIVE], lambda p: p["export_id"]),
    "video_account/shop_orders": ([SHOP_ORDER], lambda p: p["order_id"]),
    "wecom/events": ([EVENT], lambda p: p["event_id"]),
    "official_account/events": ([OFFICIAL_EVENT], lambda p: p["event_id"]),
    "video_account/events": ([SHOP_EVENT], lambda p: p["event_id"]),
    "video_account/aftersales": ([AFTERSALE], lambda p: p["after_sale_order_id"]),
    "video_account/leads": ([LEAD], lambda p: p["lead_id"]),
    "video_account/shop_days": ([SHOP_DAY], lambda p: p["ds"]),
    "video_account/finder_days": ([FINDER_DAY], lambda p: f"{p['ds']}|{p['seller_id']}"),
    "video_account/coupons": ([COUPON], lambda p: p["coupon_id"]),
    "official_account/followers": ([FOLLOWER], lambda p: p["openid"]),
    "miniprogram/payments": ([PAYMENT], lambda p: p["transaction_id"]),
    "miniprogram/youzan_trades": ([TRADE], lambda p: p["order_info"]["tid"]),
    **WECOM_PAYLOADS,
}
_TABLE_ROWS: dict[str, dict[str, Any]] = {
    "miniprogram/orders": {
        "order_id": "3724561098761234432",
        "buyer_id": "b1",
        "buyer_source": "shop",
        "paid_at": PAID_AT,
        "amount_fen": 24800,
        "item_count": 2,
        "status": "completed",
        "unionid": UNIONIDS[0],
        "phone": PHONE,
        "phone_hmac": HASH,
        "source": "orders.csv",
    },
    "miniprogram/order_lines": {
        "order_id": "3724561098761234432",
        "line_no": 1,
        "sku_id": "s1",
        "product_name": "有机棉爬服",
        "quantity": 2,
        "amount_fen": 0,
        "source": "orders.csv",
    },
    "miniprogram/coupon_uses": {
        "coupon_use_id": "u1",
        "buyer_id": "b1",
        "buyer_source": "shop",
        "coupon_id": "c1",
        "campaign_id": "k1",
        "used_at": PAID_AT,
        "source": "uses.csv",
    },
    "miniprogram/points_changes": {
        "change_id": "p1",
        "buyer_id": "b1",
        "buyer_source": "shop",
        "changed_at": PAID_AT,
        "points": -300,
        "reason": "gift",
        "source": "points.csv",
    },
    "miniprogram/members": {
        "buyer_id": "b1",
        "buyer_source": "shop",
        "unionid": UNIONIDS[0],
        "phone": PHONE,
        "phone_hmac": HASH,
        "name": "王芳",
        "gender": "female",
        "birthday": dt.date(1990, 5, 1),
        "registered_at": PAID_AT,
        "source": "members.csv",
    },
    "personal_wechat/contacts": {
        "account_id": "wxid_staff01",
        "contact_id": "wxid_8kd93j2",
        "nickname": "小鹿妈妈🦌",
        "phone": PHONE,
        "phone_hmac": HASH,
        "added_at": PAID_AT,
        "source": "contacts.csv",
    },
    "identity/people": {
        "buyer_id": "p1",
        "buyer_source": "stall",
        "name": "王芳",
        "birthday": "1990-02-31",
        "address": "文三路",
        "phone": PHONE,
        "phone_hmac": HASH,
        "source": "people.csv",
    },
    "identity/suggestions": {
        "pair_id": "p0123456789ab",
        "left_key": "buyer_id:shop:b1",
        "right_key": "buyer_id:stall:p1",
        "match_probability": 0.97,
        "match_weight": 5.0,
        "agreed_fields": '["name", "birthday"]',
        "similar_fields": "[]",
        "differing_fields": '["city"]',
        "source": "splink",
    },
    "siyu/prediction_models": {
        "model_version": "purchases@2026-05-31#0123456789ab",
        "model_code": "purchases",
        "trained_as_of": dt.date(2026, 5, 31),
        "known_load_id": "20260601T000000000000Z",
        "train_days": '["2026-05-31"]',
        "test_days": '["2026-03-01"]',
        "train_count": 10,
        "test_count": 10,
        "is_promoted": True,
        "reason": "better than the baseline",
        "metrics": "{}",
        "parameters": '{"r": 1.0}',
        "source": "siyu",
    },
    "identity/decisions": {
        "left_key": "buyer_id:stall:p1",
        "right_key": "buyer_id:shop:b1",
        "verdict": "same",
        "decided_by": "reviewer",
        "decided_at": PAID_AT,
        "source": "decisions.csv",
    },
}
_TABLE_ROWS |= {
    f"store/{name}": _TABLE_ROWS[f"miniprogram/{name}"]
    for name in ("orders", "order_lines", "members", "points_changes")
}


def good_payloads(stream_key: str) -> list[dict[str, Any]]:
    """Fresh copies of good payloads of a records stream."""
    return copy.deepcopy(_PAYLOADS[stream_key][0])


def record(stream_key: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The lake's row for a payload, as ingestion would write it."""
    text = json.dumps(payload, ensure_ascii=False)
    return {
        "record_key": _PAYLOADS[stream_key][1](payload),
        "op": "upsert",
        "payload": text,
        "payload_hash": hashlib.sha256(text.encode()).hexdigest(),
        "phone_hmacs": json.dumps([HASH]),
        "source": "test",
    }


def good_rows(stream_key: str) -> list[dict[str, Any]]:
    """Fresh good rows of any stream, in the lake's columns."""
    if stream_key in _PAYLOADS:
        return [record(stream_key, payload) for payload in good_payloads(stream_key)]
    row = _TABLE_ROWS[stream_key]
    return [dict.fromkeys(STREAMS[stream_key].columns.names) | row]


def arrived(folder: Path, stream_key: str, rows: list[dict[str, Any]]) -> str:
    """Let rows arrive in a lake of their own; return the glob that the gate judges."""
    report = LoadReport(stream=stream_key, source="test", rows=len(rows))
    return Lake(folder / "lake").arrive_rows(STREAMS[stream_key], rows, report).parts
