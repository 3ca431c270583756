"""The statistics APIs of WeCom: 客户群统计 and 联系客户统计, complete days of the last 180."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.answers import ApiError, answer, body_of, list_field, whole_field
from sandbox.contacts import DAY
from sandbox.desk import Desk
from sandbox.tokens import WECOM
from sandbox.wecom_days import WecomDays, midnight_of

_KEPT_DAYS = 180
_MOST_DAYS = 30
_ORDERS = {1: "new_chat_cnt", 2: "chat_total", 3: "new_member_cnt", 4: "member_total"}


class WecomDaysApi:
    """Handlers over one desk; each returns what the contract says, errors as ``ApiError``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    @cached_property
    def days(self) -> WecomDays:
        """Counted at the first question: most sandboxes are never asked."""
        return WecomDays(self.desk.world)

    def routes(self) -> dict[tuple[str, str], tuple[Any, str]]:
        """Return {(method, path): (handler, app whose token is needed)}."""
        base = "/cgi-bin/externalcontact/"
        handlers = {
            "groupchat/statistic": self.owners,
            "groupchat/statistic_group_by_day": self.group_days,
            "get_user_behavior_data": self.behavior,
        }
        return {("POST", base + name): (handler, WECOM) for name, handler in handlers.items()}

    async def owners(self, request: Request) -> Response:
        """groupchat/statistic: one element per owner of a group, by offset"""
        body = await body_of(request)
        first, last = self._days(body, "day_begin_time", "day_end_time")
        limit, offset = whole_field(body, "limit", 500), whole_field(body, "offset", 0)
        if not 1 <= limit <= 1000 or offset < 0:
            raise ApiError(40058, "invalid Request Parameter: limit should be 1 to 1000")
        order = _ORDERS.get(whole_field(body, "order_by", 1), _ORDERS[1])
        items: list[dict[str, Any]] = [
            {"owner": owner, "data": self.days.groups([owner], first, last)}
            for owner in self._owners_asked(body)
            if self.days.owns_groups(owner, first, last + DAY)
        ]
        items.sort(key=lambda item: item["data"][order], reverse=not body.get("order_asc"))
        page = items[offset : offset + limit]
        return answer({"total": len(items), "next_offset": offset + len(page), "items": page})

    async def group_days(self, request: Request) -> Response:
        """groupchat/statistic_group_by_day: one element per day; several owners are summed"""
        body = await body_of(request)
        first, last = self._days(body, "day_begin_time", "day_end_time")
        owners = self._owners_asked(body)
        items = [
            {"stat_time": day, "data": self.days.groups(owners, day, day)}
            for day in range(first, last + DAY, DAY)
        ]
        return answer({"items": items})

    async def behavior(self, request: Request) -> Response:
        """get_user_behavior_data: one element per day; several people are summed"""
        body = await body_of(request)
        userids, parties = list_field(body, "userid", 100), body.get("partyid") or []
        if not userids and not parties:
            raise ApiError(40058, "invalid Request Parameter: userid and partyid are both empty")
        self._must_know(userids)
        if parties:  # the whole brand is one department
            userids = self.desk.view.staff
        first, last = self._days(body, "start_time", "end_time")
        days = range(first, last + DAY, DAY)
        return answer({"behavior_data": [self.days.behavior(userids, day) for day in days]})

    def _days(self, body: dict[str, Any], first_name: str, last_name: str) -> tuple[int, int]:
        first = midnight_of(whole_field(body, first_name, 0))
        last = midnight_of(whole_field(body, last_name, 0)) if last_name in body else first
        today = midnight_of(self.desk.view.until)
        if last < first or last >= today or first < today - _KEPT_DAYS * DAY:
            raise ApiError(600018, "invalid start time or end time")
        if (last - first) // DAY + 1 > _MOST_DAYS:
            raise ApiError(600018, "invalid start time or end time, more than 30 days")
        return first, last

    def _owners_asked(self, body: dict[str, Any]) -> list[str]:
        owners = list_field(body.get("owner_filter") or {}, "userid_list", 100)
        if not owners:
            raise ApiError(40058, "invalid Request Parameter: owner_filter should not be empty")
        self._must_know(owners)
        return list(dict.fromkeys(owners))

    def _must_know(self, userids: list[str]) -> None:
        if not set(userids) <= set(self.desk.view.staff):
            raise ApiError(40003, "invalid userid")
