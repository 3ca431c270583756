"""The shop's compass (罗盘) APIs: figures of a Shanghai day that is over."""

from __future__ import annotations

import datetime as dt
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.answers import ApiError, answer, body_of
from sandbox.compass import PLATFORM_ZONE, CompassDays
from sandbox.desk import Desk
from sandbox.memo import PerView
from sandbox.tokens import SHOP
from sandbox.words import FINDER_ID, FINDER_NICKNAME


class CompassApi:
    """Handlers over one desk. Amounts are fen, and every figure is a string, as on the platform."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._days = PerView(desk, CompassDays)

    def routes(self) -> dict[tuple[str, str], tuple[Any, str]]:
        """Return {(method, path): (handler, app whose token is needed)}."""
        return {
            ("POST", "/channels/ec/compass/shop/overall/get"): (self.shop_day, SHOP),
            ("POST", "/channels/ec/compass/shop/finder/list/get"): (self.finder_day, SHOP),
        }

    async def shop_day(self, request: Request) -> Response:
        """compass/shop/overall/get; an object without figures for a day before the shop was there"""
        ds = self._day_of(await body_of(request))
        return answer({"data": self._days().shop(ds)})

    async def finder_day(self, request: Request) -> Response:
        """compass/shop/finder/list/get: what each video account sold; here the brand's own is the only one"""
        ds = self._day_of(await body_of(request))
        data = self._days().finder(ds)
        who = {"finder_id": FINDER_ID, "finder_nickname": FINDER_NICKNAME}
        return answer({"finder_list": [{**who, "data": data}] if data else []})

    def _day_of(self, body: dict[str, Any]) -> str:
        """Return ``ds``; a day that is not over yet is refused: the figures come a day late (T+1)."""
        ds = body.get("ds")
        try:
            if not isinstance(ds, str) or len(ds) != 8:
                raise ValueError
            day = dt.datetime.strptime(ds, "%Y%m%d").replace(tzinfo=PLATFORM_ZONE)
        except ValueError:
            raise ApiError(10021069, "invalid ds") from None
        if (day + dt.timedelta(days=1)).timestamp() > self.desk.view.until:
            raise ApiError(10021069, "invalid ds: the day is not over")
        return ds
