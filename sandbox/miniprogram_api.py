"""The mini-program's 发货信息管理: the payments, by pay time only."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.answers import ApiError, answer, body_of, make_cursor, read_cursor, whole_field
from sandbox.desk import Desk
from sandbox.payments import Payment, make_payments
from sandbox.tokens import MINIPROGRAM

_LATEST = 2**32 - 1


class MiniprogramApi:
    """Handlers over one desk; each returns what the contract says, errors as ``ApiError``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self) -> dict[tuple[str, str], tuple[Any, str]]:
        """Return {(method, path): (handler, app whose token is needed)}."""
        return {("POST", "/wxa/sec/order/get_order_list"): (self.payments, MINIPROGRAM)}

    @cached_property
    def _payments(self) -> list[Payment]:
        return make_payments(self.desk.world)

    async def payments(self, request: Request) -> Response:
        """wxa/sec/order/get_order_list: payments of a closed range of pay times, without one all of them"""
        body = await body_of(request)
        asked = body.get("pay_time_range") or {}
        if not isinstance(asked, dict):
            raise ApiError(47001, "data format error")
        begin, end = whole_field(asked, "begin_time", 0), whole_field(asked, "end_time", _LATEST)
        size = whole_field(body, "page_size", 100)
        if begin > end or size < 1:
            raise ApiError(40097, "invalid args: begin_time, end_time and page_size")
        until = self.desk.view.until
        low = bisect_left(self._payments, begin, key=lambda each: each.paid_at)
        high = bisect_right(self._payments, min(end, until - 1), key=lambda each: each.paid_at)
        found = [each.payload(until) for each in self._payments[low:high]]
        for name in ("order_state", "openid"):
            found = [each for each in found if body.get(name) in (None, "", each[name])]
        question = f"{begin}:{end}:{body.get('order_state')}:{body.get('openid')}"
        start = read_cursor(question, body.get("last_index"))
        page, more = found[start : start + size], start + size < len(found)
        last = make_cursor(question, start + len(page))
        return answer({"last_index": last, "has_more": more, "order_list": page})
