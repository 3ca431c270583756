"""The shop's compass (罗盘) APIs: figures of a Shanghai day, added up from the world's own orders."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from sandbox.answers import ApiError, answer, body_of
from sandbox.calendar import YEAR_START
from sandbox.desk import Desk
from sandbox.memo import PerView
from sandbox.shop import PAID, AfterSale, ShopOrder
from sandbox.tokens import SHOP
from sandbox.view import View
from sandbox.words import FINDER_ID, FINDER_NICKNAME

_PLATFORM_ZONE = ZoneInfo("Asia/Shanghai")


class Days:
    """The shop's orders as a view shows them, by the Shanghai day they were paid on."""

    def __init__(self, view: View) -> None:
        self.until = view.until
        self.paid: dict[str, list[ShopOrder]] = defaultdict(list)
        self.refunded: dict[str, list[tuple[ShopOrder, AfterSale]]] = defaultdict(list)
        for order in view.orders.values():
            at = next((at for at, step in order.steps if step == PAID and at < view.until), None)
            if at is None:
                continue
            self.paid[_ds(at)].append(order)
            for sale in _refunds([order], view.until):
                self.refunded[_ds(sale.settled_at)].append((order, sale))


class CompassApi:
    """Handlers over one desk. Amounts are fen, and every figure is a string, as on the platform."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._days = PerView(desk, Days)

    def routes(self) -> dict[tuple[str, str], tuple[Any, str]]:
        """Return {(method, path): (handler, app whose token is needed)}."""
        return {
            ("POST", "/channels/ec/compass/shop/overall/get"): (self.shop_day, SHOP),
            ("POST", "/channels/ec/compass/shop/finder/list/get"): (self.finder_day, SHOP),
        }

    async def shop_day(self, request: Request) -> Response:
        """compass/shop/overall/get; an object without figures for a day before the shop was there"""
        ds = self._day_of(await body_of(request))
        if ds < _ds(YEAR_START):
            return answer({"data": {}})
        days = self._days()
        orders = days.paid.get(ds, [])
        buyers = _buyers(orders)
        figures = {
            "pay_gmv": _gmv(orders),
            "pay_uv": buyers,
            "pay_order_cnt": len(orders),
            "pay_refund_gmv": sum(sale.refund_fen for sale in _refunds(orders, days.until)),
            "product_click_uv": buyers * 9 + int(ds) % 17,
            "live_pay_gmv": _gmv(order for order in orders if order.live),
            "feed_pay_gmv": 0,
        }
        return answer({"data": {name: str(value) for name, value in figures.items()}})

    async def finder_day(self, request: Request) -> Response:
        """compass/shop/finder/list/get: what each video account sold; here the brand's own is the only one"""
        ds = self._day_of(await body_of(request))
        if ds < _ds(YEAR_START):
            return answer({"finder_list": []})
        days = self._days()
        orders = [order for order in days.paid.get(ds, []) if not order.from_wecom]
        refunds = (sale for order, sale in days.refunded.get(ds, []) if not order.from_wecom)
        figures = {
            "pay_gmv": _gmv(orders),
            "pay_product_id_cnt": len({line.product_no for order in orders for line in order.lines}),
            "pay_uv": _buyers(orders),
            "refund_gmv": sum(sale.refund_fen for sale in refunds),
            "pay_refund_gmv": sum(sale.refund_fen for sale in _refunds(orders, days.until)),
        }
        data = {name: str(value) for name, value in figures.items()}
        return answer(
            {"finder_list": [{"finder_id": FINDER_ID, "finder_nickname": FINDER_NICKNAME, "data": data}]}
        )

    def _day_of(self, body: dict[str, Any]) -> str:
        """Return ``ds``; a day that is not over yet is refused: the figures come a day late (T+1)."""
        ds = body.get("ds")
        try:
            if not isinstance(ds, str) or len(ds) != 8:
                raise ValueError
            day = dt.datetime.strptime(ds, "%Y%m%d").replace(tzinfo=_PLATFORM_ZONE)
        except ValueError:
            raise ApiError(10021069, "invalid ds") from None
        if (day + dt.timedelta(days=1)).timestamp() > self.desk.view.until:
            raise ApiError(10021069, "invalid ds: the day is not over")
        return ds


def _ds(second: int) -> str:
    return dt.datetime.fromtimestamp(second, _PLATFORM_ZONE).strftime("%Y%m%d")


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
