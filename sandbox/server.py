"""The sandbox as a web application: the WeChat and WeCom hosts in one small Starlette app.

``create_app`` is the seam for tests; ``sandbox.runner`` serves it. Besides the platform's APIs there are
a few of its own under ``/sandbox/``: ``health``, ``calls`` (how often each API was called), ``day`` (move the
sandbox's present, to see unionids arrive late and orders change) and ``forget_tokens``.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.answers import ApiError, answer, body_of, refusal
from sandbox.desk import Desk
from sandbox.outbound_api import OutboundApi
from sandbox.state import SandboxState
from sandbox.tokens import TokenDesk
from sandbox.video_account_api import VideoAccountApi
from sandbox.view import View
from sandbox.wecom_api import WecomApi
from sandbox.wecom_days_api import WecomDaysApi
from sandbox.world import World

Handler = Callable[[Request], Awaitable[Response]]
# Sees each platform call before the handler; a Response answers in its place, None lets it through.
Interceptor = Callable[[Request], Awaitable[Response | None]]
TOKEN_TTL_SECONDS = 7200.0


class Gate:
    """The one middleware: counts platform calls and lets an interceptor answer in their place."""

    def __init__(self, app: ASGIApp, calls: Counter[str], intercept: Interceptor | None) -> None:
        self.app = app
        self.calls = calls
        self.intercept = intercept

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one call (ASGI)."""
        if scope["type"] == "http" and not scope["path"].startswith("/sandbox/"):
            self.calls[scope["path"]] += 1
            if self.intercept is not None:
                response = await self.intercept(Request(scope, receive))
                if response is not None:
                    await response(scope, receive, send)
                    return
        await self.app(scope, receive, send)


def create_app(
    world: World,
    *,
    state_dir: Path,
    day: dt.date | None = None,
    token_ttl_seconds: float = TOKEN_TTL_SECONDS,
    intercept: Interceptor | None = None,
) -> Starlette:
    """Return the application that serves ``world``, as it was at the end of ``day`` (None: the whole year).

    Marks and added tags are kept under ``state_dir``. Tokens live ``token_ttl_seconds``.

    Raises:
        sandbox.state.WrongStateError: ``state_dir`` belongs to a world with other options.
    """
    desk = Desk(world, SandboxState(world, state_dir), View(world, day))
    tokens = TokenDesk(token_ttl_seconds)
    calls: Counter[str] = Counter()
    handlers = WecomApi(desk).routes() | VideoAccountApi(desk).routes()
    handlers |= WecomDaysApi(desk).routes() | OutboundApi(desk).routes()
    routes = [
        Route(path, _guarded(handler, tokens, app), methods=[method])
        for (method, path), (handler, app) in handlers.items()
    ]
    routes += _token_routes(tokens) + _own_routes(desk, tokens, calls)
    app = Starlette(routes=routes, exception_handlers={ApiError: _refuse})
    app.add_middleware(Gate, calls=calls, intercept=intercept)
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
        text = (await body_of(request)).get("day")
        try:
            desk.show(None if text is None else dt.date.fromisoformat(str(text)))
        except ValueError:
            return JSONResponse({"error": f"day: expected YYYY-MM-DD or null, got {text!r}"}, status_code=400)
        return await health(request)

    async def forget_tokens(request: Request) -> Response:
        tokens.forget_all()
        return JSONResponse({})

    return [
        Route("/sandbox/health", health, methods=["GET"]),
        Route("/sandbox/calls", count, methods=["GET"]),
        Route("/sandbox/day", move, methods=["POST"]),
        Route("/sandbox/forget_tokens", forget_tokens, methods=["POST"]),
    ]
