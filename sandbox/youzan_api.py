"""Youzan's gateway (有赞云): token, and trades by windows of time. Its envelope is not WeChat's."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.answers import ApiError, body_of
from sandbox.credentials import SANDBOX_YOUZAN_KDT_ID
from sandbox.desk import Desk
from sandbox.tokens import YOUZAN, TokenDesk
from sandbox.youzan_trades import Trade, make_trades, trade_payload

_MOST_A_PAGE, _DEEPEST = 100, 5000
_ZONE = dt.timezone(dt.timedelta(hours=8))
_WRONG_TOKEN = 4203
_WRONG_PARAMETER = 5001


def youzan_routes(desk: Desk, tokens: TokenDesk) -> list[Route]:
    """Return the gateway's routes."""
    api = _YouzanApi(desk, tokens)
    return [
        Route("/auth/token", _told(api.token), methods=["POST"]),
        Route("/api/youzan.trades.sold.get/{version}", _told(api.trades), methods=["POST"]),
    ]


def _told(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """Answer a refusal in the gateway's manner, with HTTP status 200."""

    async def told(request: Request) -> Response:
        try:
            return await handler(request)
        except ApiError as error:
            about = {"err_code": error.code, "err_msg": error.message, "trace_id": "sandbox"}
            return JSONResponse({"gw_err_resp": about})

    return told


class _YouzanApi:
    def __init__(self, desk: Desk, tokens: TokenDesk) -> None:
        self.desk, self.tokens = desk, tokens
        self._trades: list[Trade] | None = None

    async def token(self, request: Request) -> Response:
        """auth/token: silent grant of a self-used app (自用型应用)"""
        body = await body_of(request)
        if body.get("authorize_type") != "silent" or str(body.get("grant_id")) != SANDBOX_YOUZAN_KDT_ID:
            raise ApiError(_WRONG_PARAMETER, "expected authorize_type silent and the grant_id of this shop")
        client, secret = str(body.get("client_id", "")), str(body.get("client_secret", ""))
        token, left = self.tokens.issue(client, secret, wecom=False)
        expires = int((time.time() + left) * 1000)
        return _answer({"access_token": token, "expires": expires, "scope": "", "authority_id": "1"})

    async def trades(self, request: Request) -> Response:
        """youzan.trades.sold.get: trades of a window by creation or change, newest first"""
        try:
            self.tokens.check(request.query_params.get("access_token"), YOUZAN)
        except ApiError as error:
            raise ApiError(_WRONG_TOKEN, "invalid token") from error
        body = await body_of(request)
        page_no, page_size = (
            _whole(body, name, fallback) for name, fallback in (("page_no", 1), ("page_size", 20))
        )
        if not 0 < page_size <= _MOST_A_PAGE or page_no < 1 or page_no * page_size > _DEEPEST:
            raise ApiError(_WRONG_PARAMETER, "page_no or page_size out of range")
        found = self._between(body)
        page = found[(page_no - 1) * page_size : page_no * page_size]
        until = self.desk.view.until
        return _answer(
            {
                "total_results": len(found),
                "full_order_info_list": [{"full_order_info": trade_payload(each, until)} for each in page],
                "paginator": {"has_next": page_no * page_size < len(found)},
            }
        )

    def _between(self, body: dict[str, Any]) -> list[Trade]:
        until = self.desk.view.until
        if self._trades is None:
            self._trades = make_trades(self.desk.world)
        shown = [trade for trade in self._trades if trade.created_at < until]
        for name in ("update", "created"):
            if f"start_{name}" not in body:
                continue
            start, end = (_second(body, f"{edge}_{name}") for edge in ("start", "end"))
            moments = {
                trade.tid: trade.created_at if name == "created" else trade.reached(until)[-1][0]
                for trade in shown
            }
            shown = [trade for trade in shown if start <= moments[trade.tid] <= end]
        return sorted(shown, key=lambda trade: (-trade.created_at, trade.tid))


def _answer(data: dict[str, Any]) -> Response:
    return JSONResponse({"code": 200, "success": True, "message": "", "trace_id": "sandbox", "data": data})


def _whole(body: dict[str, Any], name: str, fallback: int) -> int:
    try:
        return int(body.get(name, fallback))
    except (TypeError, ValueError):
        raise ApiError(_WRONG_PARAMETER, f"{name} should be a number") from None


def _second(body: dict[str, Any], name: str) -> int:
    try:
        stamp = dt.datetime.strptime(str(body.get(name)), "%Y-%m-%d %H:%M:%S").replace(tzinfo=_ZONE)
    except ValueError:
        raise ApiError(_WRONG_PARAMETER, f"{name} should look like 2025-01-08 20:15:30") from None
    return int(stamp.timestamp())
