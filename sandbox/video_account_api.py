"""The video account's APIs (视频号直播数据, 视频号小店): livestreams, shop orders, after-sales."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.answers import ApiError, answer, body_of, make_cursor, read_cursor, text_field, whole_field
from sandbox.desk import Desk
from sandbox.live_payloads import live_payload
from sandbox.shop_payloads import aftersale_payload, order_payload
from sandbox.tokens import FINDER, SHOP

_DAY = 86_400
_LONGEST_ORDER_WINDOW = 7 * _DAY
_LONGEST_AFTERSALE_WINDOW = _DAY
_AFTERSALES_A_PAGE = 50
_MOST_ORDERS_A_PAGE = 100


class VideoAccountApi:
    """Handlers over one desk; each returns what the contract says, errors as ``ApiError``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self) -> dict[tuple[str, str], tuple[Any, str]]:
        """Return {(method, path): (handler, app whose token is needed)}."""
        return {
            ("POST", "/channels/livedashboard/getlivelist"): (self.live_list, FINDER),
            ("POST", "/channels/livedashboard/getlivedata"): (self.live, FINDER),
            ("POST", "/channels/ec/order/list/get"): (self.order_list, SHOP),
            ("POST", "/channels/ec/order/get"): (self.order, SHOP),
            ("POST", "/channels/ec/aftersale/getaftersalelist"): (self.aftersale_list, SHOP),
            ("POST", "/channels/ec/aftersale/getaftersaleorder"): (self.aftersale, SHOP),
        }

    async def live_list(self, request: Request) -> Response:
        """livedashboard/getlivelist: the livestreams that began on one Shanghai day"""
        ds = (await body_of(request)).get("ds")
        try:
            dt.datetime.strptime(str(ds), "%Y%m%d")  # noqa: DTZ007 - only the form is judged
        except ValueError:
            raise ApiError(10021069, "invalid ds") from None
        lives = self.desk.view.lives_of_day.get(int(str(ds)), [])
        items = [{"export_id": live.export_id, "create_time": live.started_at} for live in lives]
        return answer({"trace_id": "sandbox", "live_items": items, "has_more": False})

    async def live(self, request: Request) -> Response:
        """livedashboard/getlivedata: seven blobs, each a JSON string"""
        view = self.desk.view
        live = view.lives.get(text_field(await body_of(request), "export_id"))
        if live is None:
            raise ApiError(40097, "invalid args: export_id")
        blobs = live_payload(live, view.orders_of_live.get(live.export_id, []), view.until)
        return answer({"trace_id": "sandbox", **blobs})

    async def order_list(self, request: Request) -> Response:
        """ec/order/list/get: order ids of a window of at most 7 days"""
        body = await body_of(request)
        ranges = [name for name in ("update_time_range", "create_time_range") if body.get(name)]
        if not ranges:
            raise ApiError(40097, "invalid args: create_time_range or update_time_range is needed")
        size = whole_field(body, "page_size", 10)
        if not 1 <= size <= _MOST_ORDERS_A_PAGE:
            raise ApiError(40097, f"invalid args: page_size should be 1 to {_MOST_ORDERS_A_PAGE}")
        view = self.desk.view
        indexes = {
            "update_time_range": view.orders_by_update,
            "create_time_range": view.orders_by_creation,
        }
        windows = {
            name: _window(body[name], "start_time", "end_time", _LONGEST_ORDER_WINDOW) for name in ranges
        }
        ids = indexes[ranges[0]].between(*windows[ranges[0]])
        for name in ranges[1:]:
            also = set(indexes[name].between(*windows[name]))
            ids = [order_id for order_id in ids if order_id in also]
        ids = self._filtered(ids, body)
        page, next_key, more = _page(ids, f"{windows}", body.get("next_key"), size)
        return answer({"order_id_list": page, "next_key": next_key, "has_more": more})

    def _filtered(self, ids: list[str], body: dict[str, Any]) -> list[str]:
        if body.get("status") is None and not body.get("openid"):
            return ids
        view = self.desk.view
        payloads = ((order_id, order_payload(view.orders[order_id], view.until)) for order_id in ids)
        return [
            order_id
            for order_id, order in payloads
            if body.get("status") in (None, order["status"])
            and body.get("openid") in (None, "", order["openid"])
        ]

    async def order(self, request: Request) -> Response:
        """ec/order/get: one order; personal data is always masked"""
        view = self.desk.view
        order = view.orders.get(text_field(await body_of(request), "order_id"))
        if order is None:
            raise ApiError(100002, "order not exist")
        return answer({"order": order_payload(order, view.until)})

    async def aftersale_list(self, request: Request) -> Response:
        """ec/aftersale/getaftersalelist: ids created in a window of at most 24 hours"""
        body = await body_of(request)
        window = _window(body, "begin_create_time", "end_create_time", _LONGEST_AFTERSALE_WINDOW)
        ids = self.desk.view.aftersales_by_creation.between(*window)
        page, next_key, more = _page(ids, f"{window}", body.get("next_key"), _AFTERSALES_A_PAGE)
        return answer({"after_sale_order_id_list": page, "next_key": next_key, "has_more": more})

    async def aftersale(self, request: Request) -> Response:
        """ec/aftersale/getaftersaleorder: one after-sale"""
        view = self.desk.view
        found = view.aftersales.get(text_field(await body_of(request), "after_sale_order_id"))
        if found is None:
            raise ApiError(100002, "after sale order not exist")
        return answer({"after_sale_order": aftersale_payload(*found, view.until)})


def _window(fields: object, start_name: str, end_name: str, longest: int) -> tuple[int, int]:
    start = fields.get(start_name) if isinstance(fields, dict) else None
    end = fields.get(end_name) if isinstance(fields, dict) else None
    if not isinstance(start, int) or not isinstance(end, int) or start > end:
        raise ApiError(40097, f"invalid args: {start_name} and {end_name} should be seconds in order")
    if end - start > longest:
        raise ApiError(40097, f"invalid args: the time range is longer than {longest} seconds")
    return start, end


def _page(ids: Sequence[str], question: str, next_key: object, size: int) -> tuple[list[str], str, bool]:
    offset = read_cursor(question, next_key)
    page = list(ids[offset : offset + size])
    reached = offset + len(page)
    more = reached < len(ids)
    return page, make_cursor(question, reached) if more else "", more
