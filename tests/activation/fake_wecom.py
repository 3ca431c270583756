"""A WeCom that keeps real tag state, counts calls, misbehaves on request; served over HTTP."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

CORP_ID, SECRET, TOKEN = "ww-test", "planted-secret-value", "planted-token-value"


class FakeWecom:
    def __init__(self) -> None:
        self.base_url = ""
        self.reset()

    def reset(self) -> None:
        self.calls: Counter[str] = Counter()
        self.groups: dict[str, dict[str, str]] = {}
        self.marked: dict[tuple[str, str], set[str]] = defaultdict(set)
        self.relations: set[tuple[str, str]] = set()
        self.token_generation = 0
        self.faults: dict[tuple[str, str], deque[str]] = defaultdict(deque)
        self.secret_is_wrong = False
        self.in_flight = self.most_in_flight = 0
        self.hanging = threading.Event()

    def tags_of(self, pair: tuple[str, str]) -> set[tuple[str, str]]:
        names = {id_: (group, name) for group, tags in self.groups.items() for name, id_ in tags.items()}
        return {names[id_] for id_ in self.marked[pair]}

    @property
    def token(self) -> str:
        return f"{TOKEN}-{self.token_generation}"

    async def handle(self, request: Request) -> Response:
        path = request.path_params["path"]
        self.calls[path] += 1
        if path == "gettoken":
            if self.secret_is_wrong or request.query_params["corpsecret"] != SECRET:
                return _error(40001)
            return JSONResponse({"errcode": 0, "access_token": self.token, "expires_in": 7200})
        if request.query_params.get("access_token") != self.token:
            return _error(40014)
        if path == "externalcontact/get":
            return self._get(request.query_params["external_userid"])
        if path == "externalcontact/get_follow_user_list":
            return JSONResponse({"errcode": 0, "follow_user": sorted({pair[0] for pair in self.relations})})
        try:
            body = await request.json()
        except ClientDisconnect:  # a killed applier
            return PlainTextResponse("nobody listens", status_code=400)
        if path == "externalcontact/batch/get_by_user":
            return self._page(body)
        if path == "externalcontact/get_corp_tag_list":
            groups = [
                {"group_name": g, "tag": [{"id": i, "name": n} for n, i in tags.items()]}
                for g, tags in self.groups.items()
            ]
            return JSONResponse({"errcode": 0, "tag_group": groups})
        if path == "externalcontact/add_corp_tag":
            tags = self.groups.setdefault(body["group_name"], {})
            for tag in body["tag"]:
                tags.setdefault(tag["name"], f"et-{body['group_name']}-{tag['name']}-{self.calls[path]}")
            return JSONResponse({"errcode": 0})
        assert path == "externalcontact/mark_tag", path
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._mark(body)
        finally:
            self.in_flight -= 1

    def _get(self, external_userid: str) -> Response:
        staff = [userid for userid, customer in self.relations if customer == external_userid]
        if not staff:
            return _error(84061)
        follow = [
            {
                "userid": userid,
                "tags": [
                    {"group_name": g, "tag_name": n, "tag_id": "x", "type": 1}
                    for g, n in self.tags_of((userid, external_userid))
                ]
                + [{"group_name": "我的标签", "tag_name": "爱问价", "type": 2}],
            }
            for userid in staff
        ]
        return JSONResponse({"errcode": 0, "external_contact": {}, "follow_user": follow})

    def _page(self, body: dict) -> Response:
        pairs = sorted(pair for pair in self.relations if pair[0] in body["userid_list"])
        start = int(body["cursor"] or 0)
        end = start + body["limit"]
        found = [
            {
                "external_contact": {"external_userid": external},
                "follow_info": {"userid": userid, "tag_id": sorted(self.marked[userid, external])},
            }
            for userid, external in pairs[start:end]
        ]
        more = str(end) if end < len(pairs) else ""
        return JSONResponse({"errcode": 0, "external_contact_list": found, "next_cursor": more})

    async def _mark(self, body: dict) -> Response:
        pair = (body["userid"], body["external_userid"])
        fault = self.faults[pair].popleft() if self.faults[pair] else ""
        await asyncio.sleep(0.005)
        if fault == "lost_before":
            return PlainTextResponse("bad gateway", status_code=502)
        if fault.lstrip("-").isdigit():
            return _error(int(fault))
        if pair not in self.relations:
            return _error(84061)
        known = {id_ for tags in self.groups.values() for id_ in tags.values()}
        if not {*body["add_tag"], *body["remove_tag"]} <= known:
            return _error(40068)
        self.marked[pair] |= set(body["add_tag"])
        self.marked[pair] -= set(body["remove_tag"])
        if fault == "lost_after":
            return PlainTextResponse("bad gateway", status_code=502)
        if fault == "hang_after":
            self.hanging.set()
            await asyncio.sleep(5)
        return JSONResponse({"errcode": 0, "errmsg": "ok"})


def _error(code: int) -> Response:
    return JSONResponse({"errcode": code, "errmsg": f"test error, access_token={TOKEN}"})


@contextmanager
def serving(fake: FakeWecom) -> Iterator[FakeWecom]:
    app = Starlette(routes=[Route("/cgi-bin/{path:path}", fake.handle, methods=["GET", "POST"])])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    server.config.timeout_graceful_shutdown = 1
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the fake WeCom did not start"
        time.sleep(0.01)
    fake.base_url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield fake
    server.should_exit = True
    thread.join(10)
