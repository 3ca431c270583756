"""Subscribe messages (订阅通知) of the official account: each grant of a user is good for one message."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.answers import ApiError, body_of, text_field
from sandbox.chance import between
from sandbox.desk import Desk
from sandbox.followers import Follower, make_followers
from sandbox.tokens import OFFICIAL

_MOST_GRANTS = 2


class SubscribeApi:
    """Handlers over one desk; errors as ``ApiError``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self) -> dict[tuple[str, str], tuple[Any, str]]:
        """Return {(method, path): (handler, app whose token is needed)}."""
        return {("POST", "/cgi-bin/message/subscribe/bizsend"): (self.send, OFFICIAL)}

    @cached_property
    def _all(self) -> dict[str, Follower]:
        return {each.openid: each for each in make_followers(self.desk.world)}

    def granted(self, openid: str, template_id: str) -> int:
        """Return how many messages of a template a follower ever agreed to: none to two."""
        return between(0, _MOST_GRANTS, "subscribes", self.desk.world.options.seed, openid, template_id)

    def used(self, openid: str, template_id: str) -> int:
        """Return how many of them were sent."""
        uses = self.desk.state.sent.subscription_uses
        return sum(each[:2] == (openid, template_id) for each in uses)

    async def send(self, request: Request) -> Response:
        """message/subscribe/bizsend: one message to one follower"""
        body = await body_of(request)
        openid, template_id = text_field(body, "touser"), text_field(body, "template_id")
        data = body.get("data")
        if not isinstance(data, dict) or not all(
            isinstance(each, dict) and "value" in each for each in data.values()
        ):
            raise ApiError(47003, "argument invalid")
        follower = self._all.get(openid)
        if follower is None:
            raise ApiError(40003, "invalid openid")
        left = self.granted(openid, template_id) - self.used(openid, template_id)
        if not follower.follows(self.desk.now) or left <= 0:
            raise ApiError(43101, "user refuse to accept the msg")
        self.desk.state.sent.use_subscription(openid, template_id, self.desk.now)
        return JSONResponse({"errcode": 0, "errmsg": "ok"})
