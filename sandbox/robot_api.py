"""A WeCom group robot (群机器人): takes messages for one group and keeps them to be looked at."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.answers import ApiError, answer, body_of
from sandbox.credentials import SANDBOX_ROBOT_KEY

_PER_MINUTE = 20
_MOST_BYTES = {"markdown": 4096, "text": 2048}


class RobotApi:
    """One robot. What it was told is at ``GET /sandbox/robot``, oldest first."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self._lately: deque[float] = deque()

    def routes(self) -> list[Route]:
        """Return its routes; the key in the address stands for a token."""
        return [
            Route("/cgi-bin/webhook/send", self.send, methods=["POST"]),
            Route("/sandbox/robot", self.show, methods=["GET"]),
        ]

    async def send(self, request: Request) -> Response:
        """webhook/send: one message of kind markdown or text"""
        if request.query_params.get("key") != SANDBOX_ROBOT_KEY:
            raise ApiError(93000, "invalid webhook url")
        body = await body_of(request)
        kind = str(body.get("msgtype"))
        if kind not in _MOST_BYTES:
            raise ApiError(40008, "invalid message type")
        content = (body.get(kind) or {}).get("content")
        if not isinstance(content, str) or not content:
            raise ApiError(44004, "text content is empty")
        if len(content.encode()) > _MOST_BYTES[kind]:
            raise ApiError(40058, f"{kind}.content exceed max length {_MOST_BYTES[kind]}")
        now = time.monotonic()
        while self._lately and self._lately[0] <= now - 60:
            self._lately.popleft()
        if len(self._lately) >= _PER_MINUTE:
            raise ApiError(45009, "api freq out of limit")
        self._lately.append(now)
        self.told.append({"msgtype": kind, "content": content})
        return answer()

    async def show(self, request: Request) -> Response:
        """Everything it was told."""
        return JSONResponse({"told": self.told})
