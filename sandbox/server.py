"""The sandbox as a web application: the WeChat and WeCom hosts in one small Starlette app.

``create_app`` is the seam for tests; ``sandbox.runner`` serves it. Besides the platform's APIs there are
a few of its own under ``/sandbox/``: ``health``, ``calls`` (how often each API was called), ``day`` (move the
sandbox's present, to see unionids arrive late and orders change), ``faults`` (which misbehaviour is on),
``truth`` (what a correct full ingestion holds) and ``forget_tokens``.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from sandbox.answers import ApiError, answer, body_of, refusal
from sandbox.compass_api import CompassApi
from sandbox.coupon_api import CouponApi
from sandbox.desk import Desk
from sandbox.faults import FaultPlan, Faults, UnknownFaultError, plan_from
from sandbox.gate import Gate, Interceptor
from sandbox.leads_api import LeadsApi
from sandbox.miniprogram_api import MiniprogramApi
from sandbox.official_account_api import OfficialAccountApi
from sandbox.outbound_api import OutboundApi
from sandbox.robot_api import RobotApi
from sandbox.sending import Sending
from sandbox.sending_api import SendingApi
from sandbox.state import SandboxState
from sandbox.subscribe_api import SubscribeApi
from sandbox.tokens import TokenDesk
from sandbox.truth import UntoldStreamError, streams_told
from sandbox.truth import lines as truth_lines
from sandbox.video_account_api import VideoAccountApi
from sandbox.view import View
from sandbox.wecom_api import WecomApi
from sandbox.wecom_days_api import WecomDaysApi
from sandbox.world import World
from sandbox.youzan_api import youzan_routes

Handler = Callable[[Request], Awaitable[Response]]
TOKEN_TTL_SECONDS = 7200.0


def create_app(
    world: World,
    *,
    state_dir: Path,
    day: dt.date | None = None,
    token_ttl_seconds: float = TOKEN_TTL_SECONDS,
    intercept: Interceptor | None = None,
    faults: FaultPlan | None = None,
    pii_key: bytes | None = None,
    messages_per_month: int | None = None,
) -> Starlette:
    """Return the application that serves ``world``, as it was at the end of ``day`` (None: the whole year).

    Marks and added tags are kept under ``state_dir``. Tokens live ``token_ttl_seconds``. With ``pii_key``, the key of
    the home that reads from it, the truth tells of leads too.

    Raises:
        sandbox.state.WrongStateError: ``state_dir`` belongs to a world with other options.
    """
    desk = Desk(world, SandboxState(world, state_dir), View(world, day), pii_key, None, messages_per_month)
    tokens, struck = TokenDesk(token_ttl_seconds), Faults(faults or FaultPlan())
    calls: Counter[str] = Counter()
    handlers = WecomApi(desk).routes() | VideoAccountApi(desk).routes()
    handlers |= CompassApi(desk).routes() | CouponApi(desk).routes() | LeadsApi(desk).routes()
    handlers |= OfficialAccountApi(desk).routes() | MiniprogramApi(desk).routes()
    handlers |= WecomDaysApi(desk).routes() | OutboundApi(desk).routes()
    handlers |= SendingApi(desk, Sending(desk)).routes() | SubscribeApi(desk).routes()
    routes = [
        Route(path, _guarded(handler, tokens, app), methods=[method])
        for (method, path), (handler, app) in handlers.items()
    ]
    routes += youzan_routes(desk, tokens) + RobotApi().routes()
    routes += _token_routes(tokens) + _own_routes(desk, tokens, calls) + _fault_routes(struck)
    app = Starlette(routes=routes, exception_handlers={ApiError: _refuse})
    app.add_middleware(
        Gate,
        calls=calls,
        intercept=intercept,
        faults=struck,
        tokens=tokens,
        has_nobody=lambda userids: any(not desk.view.of_staff.get(userid) for userid in userids),
    )
    app.state.desk = desk
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    return refusal(error, request.url.path)


def _guarded(handler: Handler, tokens: TokenDesk, app: str) -> Handler:
    async def guarded(request: Request) -> Response:
        tokens.check(request.query_params.get("access_token"), app)
        return await handler(request)

    return guarded


def _token_routes(tokens: TokenDesk) -> list[Route]:
    async def gettoken(request: Request) -> Response:
        asked = request.query_params
        token, left = tokens.issue(asked.get("corpid", ""), asked.get("corpsecret", ""), wecom=True)
        return answer({"access_token": token, "expires_in": left})

    async def stable_token(request: Request) -> Response:
        body: dict[str, Any] = await body_of(request)
        if body.get("grant_type") != "client_credential":
            raise ApiError(40002, "invalid grant_type")
        fresh = bool(body.get("force_refresh", False))
        app_id, secret = str(body.get("appid", "")), str(body.get("secret", ""))
        token, left = tokens.issue(app_id, secret, wecom=False, fresh=fresh)
        # This host leaves errcode out when all is well.
        return JSONResponse({"access_token": token, "expires_in": left})

    return [
        Route("/cgi-bin/gettoken", gettoken, methods=["GET"]),
        Route("/cgi-bin/stable_token", stable_token, methods=["POST"]),
    ]


def _own_routes(desk: Desk, tokens: TokenDesk, calls: Counter[str]) -> list[Route]:
    async def health(request: Request) -> Response:
        return JSONResponse({"ready": True, "day": desk.view.day.isoformat() if desk.view.day else None})

    async def count(request: Request) -> Response:
        return JSONResponse(dict(calls))

    async def move(request: Request) -> Response:
        body = await body_of(request)
        text, moment = body.get("day"), body.get("at")
        try:
            day = None if text is None else dt.date.fromisoformat(str(text))
            desk.show(day, None if moment is None else int(moment))
        except ValueError:
            error = f"expected day YYYY-MM-DD or null, at a unix second or null, got {text!r}, {moment!r}"
            return JSONResponse({"error": error}, status_code=400)
        return await health(request)

    async def forget_tokens(request: Request) -> Response:
        tokens.forget_all()
        return JSONResponse({})

    async def tell(request: Request) -> Response:
        only = request.query_params.get("stream")
        try:
            streams_told(desk, only)
        except UntoldStreamError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return StreamingResponse(truth_lines(desk, only), media_type="application/x-ndjson")

    return [
        Route("/sandbox/truth", tell, methods=["GET"]),
        Route("/sandbox/health", health, methods=["GET"]),
        Route("/sandbox/calls", count, methods=["GET"]),
        Route("/sandbox/day", move, methods=["POST"]),
        Route("/sandbox/forget_tokens", forget_tokens, methods=["POST"]),
    ]


def _fault_routes(faults: Faults) -> list[Route]:
    async def show(request: Request) -> Response:
        return JSONResponse({**asdict(faults.plan), "hits": dict(faults.hits)})

    async def switch(request: Request) -> Response:
        try:
            faults.set(plan_from(await body_of(request)))
        except UnknownFaultError as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return await show(request)

    return [
        Route("/sandbox/faults", show, methods=["GET"]),
        Route("/sandbox/faults", switch, methods=["POST"]),
    ]
