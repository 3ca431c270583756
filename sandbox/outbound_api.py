"""Reading back what was sent on WeCom: mass messages (群发) and moments (客户朋友圈) with their results."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.answers import (
    ApiError,
    answer,
    body_of,
    make_cursor,
    read_cursor,
    text_field,
    whole_field,
)
from sandbox.contacts import DAY
from sandbox.desk import Desk
from sandbox.outbound import BY_CORP, BY_STAFF, NO_FRIEND, Outbound, Outgoing
from sandbox.outbound_payloads import (
    chat_delivery_payload,
    delivery_payload,
    message_payload,
    moment_payload,
    task_payload,
)
from sandbox.sending import Sending
from sandbox.sent_payloads import sent_message, sent_moment, sent_rows, sent_tasks
from sandbox.sent_tasks import SentTask
from sandbox.tokens import WECOM

Rows = list[dict[str, Any]]

_NOT_READY = {"single": 41063, "group": 41063, "moment": 41079}
_PERSONAL, _CORP_AND_PERSONAL = 1, 2


class OutboundApi:
    """Handlers over one desk; each returns what the contract says, errors as ``ApiError``."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.sending = desk, Sending(desk)

    @cached_property
    def outbound(self) -> Outbound:
        """Made at the first question: most sandboxes are never asked."""
        return Outbound(self.desk.world)

    def routes(self) -> dict[tuple[str, str], tuple[Any, str]]:
        """Return {(method, path): (handler, app whose token is needed)}."""
        base = "/cgi-bin/externalcontact/"
        handlers = {
            "get_groupmsg_list_v2": self.messages,
            "get_groupmsg_task": self.message_tasks,
            "get_groupmsg_send_result": self.message_sends,
            "get_moment_list": self.moments,
            "get_moment_task": self.moment_tasks,
            "get_moment_send_result": self.moment_sends,
            "get_moment_comments": self.moment_interactions,
        }
        return {("POST", base + name): (handler, WECOM) for name, handler in handlers.items()}

    async def messages(self, request: Request) -> Response:
        """get_groupmsg_list_v2: messages created in at most a month, by cursor"""
        body = await body_of(request)
        chat_type = text_field(body, "chat_type")
        if chat_type not in ("single", "group"):
            raise ApiError(40058, "invalid Request Parameter: chat_type should be single or group")
        found = self._created(body, [*self.outbound.messages.values()], 31 * DAY)
        made = [sent_message(each) for each in self._made(body, chat_type)]
        rows = made + [message_payload(each) for each in found if each.kind == chat_type]
        return self._page(body, "group_msg_list", rows, default=50, most=100)

    async def message_tasks(self, request: Request) -> Response:
        """get_groupmsg_task: which staff pressed send"""
        body = await body_of(request)
        mine = self._of_client(body, "msgid")
        if mine is not None:
            return self._page(body, "task_list", sent_tasks(self.sending, mine), default=500, most=1000)
        message = self._ready(self.outbound.messages, body, "msgid")
        senders = self.outbound.senders(message)
        rows = [task_payload(userid, self._sent(message, userid)) for userid in senders]
        return self._page(body, "task_list", rows, default=500, most=1000)

    async def message_sends(self, request: Request) -> Response:
        """get_groupmsg_send_result: who got one staff member's message; groups only once sent"""
        body = await body_of(request)
        mine = self._of_client(body, "msgid")
        if mine is not None:
            sends = sent_rows(self.sending, mine, self._member(body))
            return self._page(body, "send_list", sends, default=500, most=1000)
        message = self._ready(self.outbound.messages, body, "msgid")
        userid = self._member(body)
        sent = self._sent(message, userid) if userid in self.outbound.senders(message) else None
        rows: Rows
        if message.kind == "group":
            chats = self.outbound.chats(message, userid) if sent is not None else []
            rows = [chat_delivery_payload(chat_id, userid, sent or 0) for chat_id in chats]
        else:
            audience = self.outbound.audience(message, userid)
            rows = [delivery_payload(self.outbound, message, relation, sent) for relation in audience]
        return self._page(body, "send_list", rows, default=500, most=1000)

    async def moments(self, request: Request) -> Response:
        """get_moment_list: moments created in at most 30 days, by cursor"""
        body = await body_of(request)
        found = self._created(body, [*self.outbound.moments.values()], 30 * DAY)
        made = [sent_moment(each) for each in self._made(body, "moment")]
        rows = made + [moment_payload(each) for each in found]
        return self._page(body, "moment_list", rows, default=20, most=20)

    async def moment_tasks(self, request: Request) -> Response:
        """get_moment_task: which staff published a moment of the corp"""
        body = await body_of(request)
        mine = self._of_client(body, "moment_id")
        if mine is not None:
            tasks = [
                {"userid": userid, "publish_status": int(self.sending.sent_at(mine, userid) is not None)}
                for userid in mine.receivers
            ]
            return self._page(body, "task_list", tasks, default=500, most=1000)
        moment = self._ready(self.outbound.moments, body, "moment_id")
        if moment.create_type == BY_STAFF:
            raise ApiError(40058, "invalid Request Parameter: moment_id is no moment of the corp")
        rows = [
            {"userid": userid, "publish_status": int(self._sent(moment, userid) is not None)}
            for userid in self.outbound.senders(moment)
        ]
        return self._page(body, "task_list", rows, default=500, most=1000)

    async def moment_sends(self, request: Request) -> Response:
        """get_moment_send_result: the contacts who can see one staff member's moment"""
        body = await body_of(request)
        mine = self._of_client(body, "moment_id")
        if mine is not None:
            member = self._member(body)
            seen = self.sending.sees_moment(mine, member) if member in mine.receivers else []
            sees: Rows = [{"external_userid": each} for each in seen]
            return self._page(body, "customer_list", sees, default=3000, most=5000)
        moment = self._ready(self.outbound.moments, body, "moment_id")
        userid = self._member(body)
        sent = self._sent(moment, userid)
        audience = self.outbound.audience(moment, userid) if sent is not None else []
        rows = [
            {"external_userid": relation.person.external_userid}
            for relation in audience
            if self.outbound.outcome(moment, relation, sent or 0) != NO_FRIEND
        ]
        return self._page(body, "customer_list", rows, default=3000, most=5000)

    async def moment_interactions(self, request: Request) -> Response:
        """get_moment_comments: likes and comments on one staff member's moment, without paging or text"""
        body = await body_of(request)
        if self._of_client(body, "moment_id") is not None:
            return answer({"comment_list": [], "like_list": []})
        moment = self._ready(self.outbound.moments, body, "moment_id")
        lists: dict[str, Rows] = {"comment": [], "like": []}
        for each in self.outbound.interactions(moment, self._member(body), self.desk.view.until):
            # As the documented samples show them: ids end in a space.
            who = {"userid": each.person_id} if each.by_staff else {"external_userid": f"{each.person_id} "}
            lists[each.kind].append({**who, "create_time": each.at})
        return answer({"comment_list": lists["comment"], "like_list": lists["like"]})

    def _created(self, body: dict[str, Any], outgoing: list[Outgoing], longest: int) -> list[Outgoing]:
        start, end = whole_field(body, "start_time", 0), whole_field(body, "end_time", 0)
        if end < start or end - start > longest:
            raise ApiError(40058, "invalid Request Parameter: start_time and end_time")
        wanted, creator = whole_field(body, "filter_type", _CORP_AND_PERSONAL), body.get("creator")
        types = {BY_CORP: {BY_CORP}, _PERSONAL: {BY_STAFF}}.get(wanted, {BY_CORP, BY_STAFF})
        last = min(end, self.desk.view.until - 1)
        found = [
            each
            for each in outgoing
            if start <= each.created_at <= last
            and each.create_type in types
            and (not creator or each.creator == creator)
        ]
        return sorted(found, key=lambda each: (-each.created_at, each.outgoing_id))

    def _made(self, body: dict[str, Any], kind: str) -> list[SentTask]:
        """What clients created in the asked-for time, newest first; it has no creator."""
        if body.get("creator") or whole_field(body, "filter_type", _CORP_AND_PERSONAL) == _PERSONAL:
            return []
        start, end = whole_field(body, "start_time", 0), whole_field(body, "end_time", 0)
        found = [each for each in self.sending.of_kind(kind) if start <= each.created_at <= end]
        return sorted(found, key=lambda each: (-each.created_at, each.task_id))

    def _of_client(self, body: dict[str, Any], name: str) -> SentTask | None:
        """Return the client's task that is asked about, None when it is one of the world's own."""
        task = self.sending.tasks.get(text_field(body, name))
        if task is not None and not self.sending.is_handed_out(task):
            raise ApiError(_NOT_READY[task.kind], "the message is being sent out, try again later")
        return task

    def _ready(self, outgoing: dict[str, Outgoing], body: dict[str, Any], name: str) -> Outgoing:
        found = outgoing.get(text_field(body, name))
        if found is None or found.created_at >= self.desk.view.until:
            raise ApiError(40058, f"invalid Request Parameter: {name}")
        if not self.outbound.is_handed_out(found, self.desk.view.until):
            raise ApiError(_NOT_READY[found.kind], "the message is being sent out, try again later")
        return found

    def _member(self, body: dict[str, Any]) -> str:
        userid = text_field(body, "userid")
        if userid not in self.desk.view.staff:
            raise ApiError(40003, "invalid userid")
        return userid

    def _sent(self, outgoing: Outgoing, userid: str) -> int | None:
        return self.outbound.sent_before(outgoing, userid, self.desk.view.until)

    def _page(self, body: dict[str, Any], items: str, rows: Rows, *, default: int, most: int) -> Response:
        limit = whole_field(body, "limit", default)
        if not 1 <= limit <= most:
            raise ApiError(40058, f"invalid Request Parameter: limit should be 1 to {most}")
        asked = {name: value for name, value in sorted(body.items()) if name not in ("cursor", "limit")}
        question = f"{items}:{asked}"
        offset = read_cursor(question, body.get("cursor"))
        page = rows[offset : offset + limit]
        reached = offset + len(page)
        return answer(
            {items: page, "next_cursor": make_cursor(question, reached) if reached < len(rows) else ""}
        )
