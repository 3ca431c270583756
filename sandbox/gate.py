"""The one middleware: counts platform calls, lets an interceptor answer in their place, and lets faults strike."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.answers import ApiError, refusal
from sandbox.fault_pages import answer_made_of, request_made_of
from sandbox.faults import Call, Faults
from sandbox.tokens import TokenDesk

# Sees each platform call before the handler; a Response answers in its place, None lets it through.
Interceptor = Callable[[Request], Awaitable[Response | None]]
# Given the userids of a request: whether one of them has no contacts.
HasNobody = Callable[[list[str]], bool]

_REFUSALS = {
    "concurrency_45033": ApiError(45033, "api concurrent out of limit"),
    "quota_45009": ApiError(45009, "reach max api daily quota limit"),
    "busy_minus1": ApiError(-1, "system error"),
}
_NO_RELATION = ApiError(84061, "not external contact")
_BATCH = "/cgi-bin/externalcontact/batch/get_by_user"
_OF_ONE_RELATION = ("/cgi-bin/externalcontact/mark_tag", "/cgi-bin/externalcontact/remark")
_CREATES = ("/cgi-bin/externalcontact/add_msg_template", "/cgi-bin/externalcontact/add_moment_task")
_TOKEN_PATHS = ("/cgi-bin/gettoken", "/cgi-bin/stable_token", "/cgi-bin/token")
_HTML = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


class Gate:
    """Stands before every handler (ASGI middleware)."""

    def __init__(
        self,
        app: ASGIApp,
        calls: Counter[str],
        intercept: Interceptor | None,
        faults: Faults,
        tokens: TokenDesk,
        has_nobody: HasNobody,
    ) -> None:
        self.app, self.calls, self.intercept = app, calls, intercept
        self.faults, self.tokens, self.has_nobody = faults, tokens, has_nobody
        self.late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one call (ASGI)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        dated = self._dated(send)
        if scope["path"].startswith("/sandbox/"):
            await self.app(scope, receive, dated)
            return
        self.calls[scope["path"]] += 1
        if self.intercept is not None:
            response = await self.intercept(Request(scope, receive))
            if response is not None:
                await response(scope, receive, dated)
                return
        if self.faults.plan.names:
            await self._with_faults(scope, receive, dated)
        else:
            await self.app(scope, receive, dated)

    def _dated(self, send: Send) -> Send:
        plan = self.faults.plan
        skew = plan.skew_seconds if "clock_skew" in plan.names else 0.0
        if skew:
            self.faults.hits["clock_skew"] += 1

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["date"] = formatdate(time.time() + skew, usegmt=True)
            await send(message)

        return dated

    async def _with_faults(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = await _body(receive)
        query = dict(parse_qsl(scope["query_string"].decode()))
        call = self.faults.begin(scope["method"], scope["path"], query, _object(raw) or {})
        try:
            if call.strikes("slow"):
                await asyncio.sleep(self.faults.plan.slow_seconds)
            response = self._instead(call, query.get("access_token"))
            if response is not None:
                await response(scope, receive, send)
                return
            cut = call.strikes("cut_connection", bad=True)
            if cut and call.draw("cut before") < 0.5:
                await _cut(send)
                return
            made = json.dumps(request_made_of(call)).encode() if call.fields else raw
            creates = call.path in _CREATES
            if creates and call.strikes("late_call", bad=True):
                self._later(_sized(scope, len(made)), made)
                await _cut(send)
                return
            answered = _Kept()
            await self.app(_sized(scope, len(made)), _replay(made), answered)
            if creates and call.strikes("doubled_call"):
                await self.app(_sized(scope, len(made)), _replay(made), _Kept())
            if cut:
                await _cut(send)
            else:
                await self._changed(call, answered, send)
        finally:
            self.faults.end(call)

    def _later(self, scope: Scope, raw: bytes) -> None:
        async def work() -> None:
            await asyncio.sleep(self.faults.plan.slow_seconds)
            await self.app(scope, _replay(raw), _Kept())

        task = asyncio.get_running_loop().create_task(work())
        self.late.add(task)
        task.add_done_callback(self.late.discard)

    def _instead(self, call: Call, token: str | None) -> Response | None:
        """Return what answers in the handler's place, None when nothing does."""
        of_token = call.path in _TOKEN_PATHS
        # A dead token is no answer of this fault's: the handler's own check refuses it.
        may_die = token is not None and self.faults.token_may_die(token)
        if token and may_die and call.strikes("token_death", bad=True):
            self.tokens.forget(token)
            return None
        for name, error in _REFUSALS.items():
            if (name == "busy_minus1" or not of_token) and call.strikes(name, bad=True):
                return refusal(error, call.path)
        if call.strikes("http_5xx", bad=True):
            status = (500, 502, 503, 504)[int(call.draw("status") * 4)]
            return HTMLResponse(_HTML, status_code=status)
        if call.strikes("html_instead_of_json", bad=True):
            return HTMLResponse(_HTML)
        return self._no_relation(call)

    def _no_relation(self, call: Call) -> Response | None:
        if "no_relation_84061" not in self.faults.plan.names:
            return None
        userids = call.fields.get("userid_list")
        if call.path == _BATCH and isinstance(userids, list) and len(userids) > 1:
            if self.has_nobody([str(userid) for userid in userids]):
                call.note("no_relation_84061")
                return refusal(_NO_RELATION, call.path)
        elif call.path in _OF_ONE_RELATION and call.strikes("no_relation_84061", bad=True):
            return refusal(_NO_RELATION, call.path)
        return None

    async def _changed(self, call: Call, answered: _Kept, send: Send) -> None:
        answer = _object(answered.body)
        if answer is not None and not answer.get("errcode") and call.path not in _TOKEN_PATHS:
            await _send_json(answer_made_of(call, answer), send)
            return
        for message in answered.messages:
            await send(message)


class _Kept:
    """Takes the messages of an answer instead of the client."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def __call__(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(raw)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(raw: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": raw, "more_body": False}

    return receive


def _sized(scope: Scope, length: int) -> Scope:
    headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
    return {**scope, "headers": [*headers, (b"content-length", str(length).encode())]}


async def _send_json(answer: dict[str, Any], send: Send) -> None:
    response = JSONResponse(answer)
    await send({"type": "http.response.start", "status": 200, "headers": response.raw_headers})
    await send({"type": "http.response.body", "body": response.body})


async def _cut(send: Send) -> None:
    """Promise more than is sent: the server then closes the connection."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"errcode":', "more_body": True})
