"""The shop's compass (罗盘): figures of a Shanghai day, added up from the world's own orders."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from sandbox.calendar import YEAR_START
from sandbox.shop import PAID, AfterSale, ShopOrder
from sandbox.view import View

PLATFORM_ZONE = ZoneInfo("Asia/Shanghai")

Figures = dict[str, str]


class CompassDays:
    """The shop's orders as a view shows them, by the Shanghai day they were paid on."""

    def __init__(self, view: View) -> None:
        self._until = view.until
        self._paid: dict[str, list[ShopOrder]] = defaultdict(list)
        self._refunded: dict[str, list[tuple[ShopOrder, AfterSale]]] = defaultdict(list)
        for order in view.orders.values():
            at = next((at for at, step in order.steps if step == PAID and at < view.until), None)
            if at is None:
                continue
            self._paid[ds_of(at)].append(order)
            for sale in _refunds([order], view.until):
                self._refunded[ds_of(sale.settled_at)].append((order, sale))

    def shop(self, ds: str) -> Figures:
        """Return the shop's figures of a day; none for a day before the shop was there."""
        if ds < FIRST_DS:
            return {}
        orders = self._paid.get(ds, [])
        buyers = _buyers(orders)
        return _as_text(
            {
                "pay_gmv": _gmv(orders),
                "pay_uv": buyers,
                "pay_order_cnt": len(orders),
                "pay_refund_gmv": sum(sale.refund_fen for sale in _refunds(orders, self._until)),
                "product_click_uv": buyers * 9 + int(ds) % 17,
                "live_pay_gmv": _gmv(order for order in orders if order.live),
                "feed_pay_gmv": 0,
            }
        )

    def finder(self, ds: str) -> Figures:
        """Return what the brand's own video account sold on a day, the only one that sells; none as of ``shop``."""
        if ds < FIRST_DS:
            return {}
        orders = [order for order in self._paid.get(ds, []) if not order.from_wecom]
        refunds = (sale for order, sale in self._refunded.get(ds, []) if not order.from_wecom)
        return _as_text(
            {
                "pay_gmv": _gmv(orders),
                "pay_product_id_cnt": len({line.product_no for order in orders for line in order.lines}),
                "pay_uv": _buyers(orders),
                "refund_gmv": sum(sale.refund_fen for sale in refunds),
                "pay_refund_gmv": sum(sale.refund_fen for sale in _refunds(orders, self._until)),
            }
        )


def ds_of(second: int) -> str:
    """Return the Shanghai day of a unix second as the platform writes it, ``20170108``."""
    return dt.datetime.fromtimestamp(second, PLATFORM_ZONE).strftime("%Y%m%d")


FIRST_DS = ds_of(YEAR_START)


def _as_text(figures: dict[str, int]) -> Figures:
    return {name: str(value) for name, value in figures.items()}


def _gmv(orders: Iterable[ShopOrder]) -> int:
    return sum(order.order_fen for order in orders)


def _buyers(orders: Iterable[ShopOrder]) -> int:
    return len({(order.giver or order.person).person_no for order in orders})


def _refunds(orders: Iterable[ShopOrder], until: int) -> list[AfterSale]:
    return [
        sale
        for order in orders
        for sale in order.aftersales
        if sale.gave_money_back and sale.settled_at < until
    ]
