"""How the video account describes one livestream: seven blobs, each a JSON *string*, as getlivedata sends it.

Orders and refunds in the summary are counted from the world's own orders: a reader can reconcile them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sandbox.lives import Live
from sandbox.shop import ShopOrder
from sandbox.shop_payloads import was_paid

_EMPTY_BLOBS = ("live_ec_conversion_metric", "live_ec_profile", "live_distribution_channel")


def live_payload(live: Live, orders: Sequence[ShopOrder], until: int) -> dict[str, str]:
    """Return the blobs of a livestream; ``orders`` are all orders made in it, amounts are fen."""
    seen = [order for order in orders if order.created_at < until]
    watched = live.impressions // 5
    shares = {"watched": watched, "followed": watched // 30, "commented": watched // 13}
    blobs = {
        "live_dashboard_data": {
            "live_dashboard_data": {
                "summary": _summary(live, shares),
                "source": {"new_watch_uv": []},
                "portrait": {"online_watch_uv": [], "new_watch_uv": []},
            },
            "live_duration": live.duration,
            "start_time": live.started_at,
        },
        "live_ec_data_summary": _commerce(seen, shares, until),
        "live_comparison_index": {
            "is_living": until < live.ended_at,
            "on_air": None,
            "ended": {"average_watch_seconds": {"value": _watch_seconds(live), "percentile": 62}},
        },
        "single_live_ec_spu_data_page_v2": {"spu_data_list": [], "total_cnt": 0, "data_key": ["v1"]},
        **{name: {} for name in _EMPTY_BLOBS},
    }
    return {name: json.dumps(blob, ensure_ascii=False) for name, blob in blobs.items()}


def _watch_seconds(live: Live) -> int:
    return 90 + live.impressions % 120


def _summary(live: Live, shares: dict[str, int]) -> dict[str, int]:
    watched = shares["watched"]
    return {
        "new_watch_uv": watched,
        "max_online_watch_uv": watched // 18,
        "impression_uv": live.impressions,
        "average_watch_seconds_per_audience": _watch_seconds(live),
        "new_follow_uv": shares["followed"],
        "new_fans_club_uv": shares["followed"] // 15,
        "comment_uv": shares["commented"],
        "reward_uv": watched // 350,
        "sharing_uv": watched // 45,
        "hot_quota": watched * 9 // 8,
    }


def _commerce(orders: Sequence[ShopOrder], shares: dict[str, int], until: int) -> dict[str, Any]:
    paid = [order for order in orders if was_paid(order)]
    payers = {(order.giver or order.person).person_no for order in paid}
    refunds = [
        sale
        for order in paid
        for sale in order.aftersales
        if sale.gave_money_back and sale.settled_at < until
    ]
    gmv = sum(order.order_fen for order in paid)
    watched = shares["watched"]
    return {
        "total_gmv": gmv,
        "total_pay_pv": len(paid),
        "total_pay_uv": len(payers),
        "total_create_pv": len(orders),
        "total_create_uv": len({(order.giver or order.person).person_no for order in orders}),
        "total_clk_pv": watched // 2,
        "total_clk_uv": watched // 5,
        "total_exp_pv": watched * 3,
        "total_exp_uv": watched * 7 // 10,
        "cumulative_audience_count": watched,
        "new_audience_count": watched * 2 // 3,
        "new_follow_count": shares["followed"],
        "new_comment_count": shares["commented"] * 3,
        "share_live_audience_count": watched // 45,
        "refund_amount": sum(sale.refund_fen for sale in refunds),
        "refund_pv": len(refunds),
        "gmv_per_thousand_cumulative_watch_pv": round(gmv * 1000 / watched, 1),
        "audience_pay_ratio": round(len(payers) / watched, 6),
    }
