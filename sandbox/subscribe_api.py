"""Subscribe messages of the official account (订阅通知) and the mini-program (订阅消息): one message for each grant."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.answers import ApiError, body_of, text_field
from sandbox.chance import between
from sandbox.credentials import SANDBOX_MINIPROGRAM_APP_ID
from sandbox.desk import Desk
from sandbox.followers import Follower, make_followers
from sandbox.people import SandboxPerson
from sandbox.tokens import MINIPROGRAM, OFFICIAL

_MOST_GRANTS = 2
_STATES = ("formal", "trial", "developer")


class SubscribeApi:
    """Handlers over one desk; errors as ``ApiError``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self) -> dict[tuple[str, str], tuple[Any, str]]:
        """Return {(method, path): (handler, app whose token is needed)}."""
        return {
            ("POST", "/cgi-bin/message/subscribe/bizsend"): (self.send_to_follower, OFFICIAL),
            ("POST", "/cgi-bin/message/subscribe/send"): (self.send_to_user, MINIPROGRAM),
        }

    @cached_property
    def _followers(self) -> dict[str, Follower]:
        return {each.openid: each for each in make_followers(self.desk.world)}

    @cached_property
    def _users(self) -> dict[str, SandboxPerson]:
        """Who ever used the mini-program, by openid: everybody who bought there."""
        buyers = (each for each in self.desk.world.people if each.purchases)
        return {each.openids[SANDBOX_MINIPROGRAM_APP_ID]: each for each in buyers}

    def granted(self, openid: str, template_id: str) -> int:
        """Return how many messages of a template a user ever agreed to: none to two."""
        return between(0, _MOST_GRANTS, "subscribes", self.desk.world.options.seed, openid, template_id)

    def used(self, openid: str, template_id: str) -> int:
        """Return how many of them were sent."""
        uses = self.desk.state.sent.subscription_uses
        return sum(each[:2] == (openid, template_id) for each in uses)

    async def send_to_follower(self, request: Request) -> Response:
        """message/subscribe/bizsend: one message to one follower"""
        openid, template_id = _asked(await body_of(request))
        follower = self._followers.get(openid)
        if follower is None:
            raise ApiError(40003, "invalid openid")
        return self._sent(openid, template_id, may=follower.follows(self.desk.now))

    async def send_to_user(self, request: Request) -> Response:
        """message/subscribe/send: one message to one user of the mini-program"""
        body = await body_of(request)
        openid, template_id = _asked(body)
        if body.get("miniprogram_state", "formal") not in _STATES:
            raise ApiError(47003, "argument invalid: miniprogram_state")
        user = self._users.get(openid)
        if user is None or user.purchases[0] >= self.desk.now:
            raise ApiError(40003, "invalid openid")
        return self._sent(openid, template_id, may=True)

    def _sent(self, openid: str, template_id: str, *, may: bool) -> Response:
        if not may or self.granted(openid, template_id) <= self.used(openid, template_id):
            raise ApiError(43101, "user refuse to accept the msg")
        self.desk.state.sent.use_subscription(openid, template_id, self.desk.now)
        return JSONResponse({"errcode": 0, "errmsg": "ok"})


def _asked(body: dict[str, Any]) -> tuple[str, str]:
    """Return receiver and template; 47003 when the words are not as the platform wants them."""
    openid, template_id = text_field(body, "touser"), text_field(body, "template_id")
    data = body.get("data")
    if not isinstance(data, dict) or not all(
        isinstance(each, dict) and "value" in each for each in data.values()
    ):
        raise ApiError(47003, "argument invalid")
    return openid, template_id
