"""The coupon APIs of the video-account shop: ids page by page, then one coupon."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.answers import ApiError, answer, body_of, make_cursor, read_cursor, text_field, whole_field
from sandbox.coupons import COUPONS, DELETED, coupon_payload, used_counts
from sandbox.desk import Desk
from sandbox.memo import PerView
from sandbox.tokens import SHOP

_MOST_COUPONS_A_PAGE = 200


class CouponApi:
    """Handlers over one desk; each returns what the contract says, errors as ``ApiError``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._used = PerView(desk, lambda view: used_counts(list(view.orders.values()), view.until))

    def routes(self) -> dict[tuple[str, str], tuple[Any, str]]:
        """Return {(method, path): (handler, app whose token is needed)}."""
        return {
            ("POST", "/channels/ec/coupon/get_list"): (self.coupon_list, SHOP),
            ("POST", "/channels/ec/coupon/get"): (self.coupon, SHOP),
        }

    async def coupon_list(self, request: Request) -> Response:
        """ec/coupon/get_list: ids by page number; without a status, all that are not deleted"""
        body = await body_of(request)
        page, size = whole_field(body, "page", 1), whole_field(body, "page_size", 10)
        if page < 1 or not 1 <= size <= _MOST_COUPONS_A_PAGE:
            raise ApiError(40097, f"invalid args: page from 1, page_size 1 to {_MOST_COUPONS_A_PAGE}")
        start = (page - 1) * size
        if body.get("page_ctx") and read_cursor("coupons", body["page_ctx"]) != start:
            raise ApiError(40097, "invalid args: page_ctx is of another page")
        until, wanted = self.desk.view.until, body.get("status")
        made = [each for each in COUPONS if each.made_at < until]
        ids = [
            {"coupon_id": each.coupon_id}
            for each in made
            if (each.status(until) == wanted if wanted is not None else each.status(until) != DELETED)
        ]
        context = make_cursor("coupons", start + size)
        return answer({"coupons": ids[start : start + size], "total_num": len(ids), "page_ctx": context})

    async def coupon(self, request: Request) -> Response:
        """ec/coupon/get: one coupon with its stock, deleted ones too"""
        coupon_id, until = text_field(await body_of(request), "coupon_id"), self.desk.view.until
        found = [each for each in COUPONS if each.coupon_id == coupon_id and each.made_at < until]
        if not found:
            raise ApiError(100002, "coupon not exist")
        return answer({"coupon": coupon_payload(found[0], self._used()[coupon_id], until)})
