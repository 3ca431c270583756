"""The lead APIs (留资组件管理): forms, the livestreams they were shown in, and the rows, paged by last_buffer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.answers import ApiError, answer, body_of, make_cursor, read_cursor, text_field
from sandbox.desk import Desk
from sandbox.leads import FORMS, FormInLive, make_leads
from sandbox.tokens import FINDER

# The platform decides how long a page is; short ones show whether a reader follows them.
_FORMS_A_PAGE, _REQUESTS_A_PAGE, _ROWS_A_PAGE = 1, 20, 10
_IN_USE = 4


class LeadsApi:
    """Handlers over one desk; each returns what the contract says, errors as ``ApiError``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self) -> dict[tuple[str, str], tuple[Any, str]]:
        """Return {(method, path): (handler, app whose token is needed)}."""
        return {
            ("POST", "/channels/leads/get_leads_component_id"): (self.forms, FINDER),
            ("POST", "/channels/leads/get_leads_request_id"): (self.requests, FINDER),
            ("POST", "/channels/leads/get_leads_info_by_request_id"): (self.rows, FINDER),
        }

    @cached_property
    def _requests(self) -> dict[str, FormInLive]:
        return {each.request_id: each for each in make_leads(self.desk.world)}

    async def forms(self, request: Request) -> Response:
        """leads/get_leads_component_id"""
        items = [
            {"leads_component_id": f.component_id, "leads_description": f.description, "status": _IN_USE}
            for f in FORMS
        ]
        return _page(items, "item", "forms", await body_of(request), _FORMS_A_PAGE)

    async def requests(self, request: Request) -> Response:
        """leads/get_leads_request_id: the livestreams of one form that have begun"""
        body = await body_of(request)
        component = text_field(body, "leads_component_id")
        if component not in {form.component_id for form in FORMS}:
            raise ApiError(40097, "invalid args: leads_component_id")
        items = [
            {
                "request_id": each.request_id,
                "live_start_time": each.live.started_at,
                "live_description": each.live.theme,
            }
            for each in self._requests.values()
            if each.form.component_id == component and each.live.started_at < self.desk.view.until
        ]
        return _page(items, "item", component, body, _REQUESTS_A_PAGE)

    async def rows(self, request: Request) -> Response:
        """leads/get_leads_info_by_request_id: with version 1 all answers, without it phones and nothing else"""
        body = await body_of(request)
        until = self.desk.view.until
        found = self._requests.get(text_field(body, "request_id"))
        if found is None or found.live.started_at >= until:
            raise ApiError(40097, "invalid args: request_id")
        seen = [lead for lead in found.leads if lead.at < until]
        whole = body.get("version") == 1
        rows = [lead.payload(found.live) if whole else {"phone": lead.phone} for lead in seen]
        return _page(rows, "user_data", found.request_id, body, _ROWS_A_PAGE)


def _page(rows: Sequence[Any], name: str, question: str, body: dict[str, Any], size: int) -> Response:
    start = read_cursor(question, body.get("last_buffer"))
    reached = min(start + size, len(rows))
    more = reached < len(rows)
    buffer = make_cursor(question, reached)
    return answer({name: rows[start:reached], "last_buffer": buffer, "continue_flag": more})
