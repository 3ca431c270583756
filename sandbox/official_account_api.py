"""The official account's APIs (公众号): who follows. As on the real host, errcode is left out when all is well."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sandbox.answers import ApiError, body_of
from sandbox.desk import Desk
from sandbox.followers import Follower, make_followers
from sandbox.tokens import OFFICIAL

OPENIDS_A_PAGE = 10_000
_MOST_USERS_A_CALL = 100


class OfficialAccountApi:
    """Handlers over one desk; each returns what the contract says, errors as ``ApiError``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self) -> dict[tuple[str, str], tuple[Any, str]]:
        """Return {(method, path): (handler, app whose token is needed)}."""
        return {
            ("GET", "/cgi-bin/user/get"): (self.openids, OFFICIAL),
            ("POST", "/cgi-bin/user/info/batchget"): (self.followers, OFFICIAL),
        }

    @cached_property
    def _all(self) -> dict[str, Follower]:
        return {each.openid: each for each in make_followers(self.desk.world)}

    async def openids(self, request: Request) -> Response:
        """user/get: openids in the order of following, after ``next_openid``"""
        until, after = self.desk.view.until, request.query_params.get("next_openid", "")
        if after and after not in self._all:
            raise ApiError(40003, "invalid openid")
        order = list(self._all)
        begin = order.index(after) + 1 if after else 0
        left = [openid for openid in order[begin:] if self._all[openid].follows(until)]
        page = left[:OPENIDS_A_PAGE]
        total = sum(each.follows(until) for each in self._all.values())
        content: dict[str, Any] = {
            "total": total,
            "count": len(page),
            "next_openid": page[-1] if page else "",
        }
        if page:
            content["data"] = {"openid": page}
        return JSONResponse(content)

    async def followers(self, request: Request) -> Response:
        """user/info/batchget: up to 100 users; of one who does not follow, the openid and nothing else"""
        asked = (await body_of(request)).get("user_list")
        if not isinstance(asked, list) or not 1 <= len(asked) <= _MOST_USERS_A_CALL:
            raise ApiError(40097, f"invalid args: user_list should hold 1 to {_MOST_USERS_A_CALL} users")
        openids = [str(each.get("openid", "")) if isinstance(each, dict) else "" for each in asked]
        if any(openid not in self._all for openid in openids):
            raise ApiError(40003, "invalid openid")
        until = self.desk.view.until
        infos = [
            self._all[openid].payload()
            if self._all[openid].follows(until)
            else {"subscribe": 0, "openid": openid}
            for openid in openids
        ]
        return JSONResponse({"user_info_list": infos})
