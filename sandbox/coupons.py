"""Coupons (优惠券) of the video-account shop: four a quarter, and which line of an order was paid with which."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sandbox.calendar import YEAR, moment
from sandbox.shop import PAID, Line, ShopOrder

VALUES_FEN = (500, 1000)
VALID, WAITING, VOID, DELETED = 2, 1, 4, 5
_DIRECT_MINUS = 104
_DAY = 86_400
_QUARTERS = ((1, 4), (4, 7), (7, 10), (10, 13))
_FIRST_COUPON_ID = 12_639_900_000


@dataclass(frozen=True)
class Coupon:
    """One coupon of ``value_fen`` off a line, good from ``start`` to ``end`` (unix seconds)."""

    coupon_id: str
    name: str
    value_fen: int
    in_live: bool
    start: int
    end: int

    @property
    def made_at(self) -> int:
        return self.start - 7 * _DAY

    def status(self, until: int) -> int:
        """Return its status just before ``until``: waiting, valid, void a week after its end, then deleted."""
        if until <= self.start:
            return WAITING
        if until <= self.end + 7 * _DAY:
            return VALID
        return VOID if until <= self.end + 180 * _DAY else DELETED


def _quarter(number: int) -> tuple[int, int]:
    first, after = _QUARTERS[number]
    year, month = (YEAR, after) if after <= 12 else (YEAR + 1, 1)
    return _first_of(YEAR, first), _first_of(year, month)


def _first_of(year: int, month: int) -> int:
    return moment(dt.date(year, month, 1))


COUPONS: tuple[Coupon, ...] = tuple(
    Coupon(
        coupon_id=str(_FIRST_COUPON_ID + quarter * 10 + in_live * 2 + place),
        name=f"{'直播间专享' if in_live else '店铺'}{value // 100}元券",
        value_fen=value,
        in_live=bool(in_live),
        start=_quarter(quarter)[0],
        end=_quarter(quarter)[1],
    )
    for quarter in range(len(_QUARTERS))
    for in_live in (0, 1)
    for place, value in enumerate(VALUES_FEN)
)


def coupon_of(order: ShopOrder, line: Line) -> Coupon | None:
    """Return the coupon that a line was paid with; every discount in this shop is one."""
    discount = line.sale_fen * line.count - line.real_fen
    return next(
        (
            coupon
            for coupon in COUPONS
            if coupon.value_fen == discount
            and coupon.in_live == (order.live is not None)
            and coupon.start <= order.created_at < coupon.end
        ),
        None,
    )


def coupon_info(order: ShopOrder, number: int, line: Line) -> list[dict[str, Any]]:
    """Return ``order_product_coupon_info_list`` of an order's line ``number``."""
    coupon = coupon_of(order, line)
    if coupon is None:
        return []
    user_coupon = f"{int(order.order_id) % 10**12}{number}"
    return [
        {
            "coupon_type": 1,
            "user_coupon_id": user_coupon,
            "coupon_id": coupon.coupon_id,
            "discounted_price": coupon.value_fen,
        }
    ]


def used_counts(orders: list[ShopOrder], until: int) -> dict[str, int]:
    """Return how often each coupon was used in orders paid before ``until``, by coupon id."""
    counts = dict.fromkeys((coupon.coupon_id for coupon in COUPONS), 0)
    for order in orders:
        if any(step == PAID and at < until for at, step in order.steps):
            for line in order.lines:
                if coupon := coupon_of(order, line):
                    counts[coupon.coupon_id] += 1
    return counts


def coupon_payload(coupon: Coupon, used: int, until: int) -> dict[str, Any]:
    """Return the ``coupon`` of coupon/get just before ``until``."""
    total = 1_000_000
    received = used * 3 + int(coupon.coupon_id) % 7 if until > coupon.start else 0
    return {
        "coupon_id": coupon.coupon_id,
        "type": _DIRECT_MINUS,
        "status": coupon.status(until),
        "create_time": coupon.made_at,
        "update_time": min(max(coupon.made_at, coupon.start if until > coupon.start else 0), until),
        "coupon_info": {
            "name": coupon.name,
            "promote_info": {"promote_type": 1},
            "discount_info": {"discount_fee": coupon.value_fen},
            "receive_info": {
                "start_time": coupon.start,
                "end_time": coupon.end,
                "limit_num_one_person": 5,
                "total_num": total,
            },
            "valid_info": {
                "valid_type": 1,
                "valid_day_num": 0,
                "start_time": coupon.start,
                "end_time": coupon.end,
            },
        },
        "stock_info": {"issued_num": total - received, "receive_num": received, "used_num": used},
    }
