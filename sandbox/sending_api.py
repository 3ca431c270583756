"""Creating mass messages (企业群发) and moments (客户朋友圈) on WeCom: staff get a task, no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.answers import ApiError, answer, body_of, list_field, text_field
from sandbox.desk import Desk
from sandbox.sending import Sending
from sandbox.sent_tasks import SentTask
from sandbox.tokens import WECOM

_MOST_CUSTOMERS, _MOST_GROUPS, _MOST_SENDERS = 10_000, 2000, 100_000
_TEXT_BYTES, _MOST_ATTACHMENTS = 4000, 9
_KINDS = {"image", "link", "miniprogram", "video", "file"}
_LINK_BYTES = {"title": 128, "picurl": 2048, "desc": 512, "url": 2048}
_REMINDERS_A_DAY = 3
_DONE = 3


class SendingApi:
    """Handlers over one desk; each returns what the contract says, errors as ``ApiError``."""

    def __init__(self, desk: Desk, sending: Sending) -> None:
        self.desk, self.sending = desk, sending

    def routes(self) -> dict[tuple[str, str], tuple[Any, str]]:
        """Return {(method, path): (handler, app whose token is needed)}."""
        base = "/cgi-bin/externalcontact/"
        return {
            ("POST", base + "add_msg_template"): (self.add_message, WECOM),
            ("POST", base + "cancel_groupmsg_send"): (self.cancel_message, WECOM),
            ("POST", base + "remind_groupmsg_send"): (self.remind, WECOM),
            ("POST", base + "add_moment_task"): (self.add_moment, WECOM),
            ("GET", base + "get_moment_task_result"): (self.moment_result, WECOM),
            ("POST", base + "cancel_moment_task"): (self.cancel_moment, WECOM),
        }

    async def add_message(self, request: Request) -> Response:
        """add_msg_template: to customers of one member of staff by name, or to groups of one owner"""
        body = await body_of(request)
        content = _content(body)
        sender = text_field(body, "sender")
        if sender not in self.desk.view.of_staff:
            raise ApiError(60011, "no privilege to access/modify contact/party/agent")
        kind = body.get("chat_type", "single")
        if kind == "single":
            asked = list_field(body, "external_userid", _MOST_CUSTOMERS)
            known = [each for each in asked if (sender, each) in self.desk.view.relation]
        elif kind == "group":
            asked = list_field(body, "chat_id_list", _MOST_GROUPS)
            groups = self.desk.view.groups
            known = [each for each in asked if each in groups and groups[each].owner == sender]
        else:
            raise ApiError(40058, "invalid Request Parameter: chat_type should be single or group")
        if not asked:
            raise ApiError(40058, "invalid Request Parameter: nobody to send to")
        if not known:
            raise ApiError(41048, "no customer to send")
        task = self.desk.state.sent.create(kind, self.desk.now, content, {sender: list(dict.fromkeys(known))})
        left_out = sorted(set(asked) - set(known))
        return answer({"fail_list": left_out, "msgid": task.task_id})

    async def cancel_message(self, request: Request) -> Response:
        """cancel_groupmsg_send: the part that is not sent"""
        return self._cancel(text_field(await body_of(request), "msgid"), {"single", "group"})

    async def remind(self, request: Request) -> Response:
        """remind_groupmsg_send: staff are told again; nothing follows from it here"""
        self._task(text_field(await body_of(request), "msgid"), {"single", "group"})
        return answer()

    async def add_moment(self, request: Request) -> Response:
        """add_moment_task: for staff by name, seen by their contacts who carry one of the tags"""
        body = await body_of(request)
        content = _content(body)
        if len(content.get("attachments", [])) > 1 and any(
            each["msgtype"] != "image" for each in content["attachments"]
        ):
            raise ApiError(
                40058, "invalid Request Parameter: attachments should be images, or one video or link"
            )
        visible = body.get("visible_range") or {}
        staff = list_field(visible.get("sender_list") or {}, "user_list", _MOST_SENDERS)
        tags = set(list_field(visible.get("external_contact_list") or {}, "tag_list", 100))
        if tags - self.desk.state.tags.keys():
            raise ApiError(40068, "invalid tag id")
        receivers = {
            userid: [
                relation.person.external_userid
                for relation in self.desk.view.of_staff[userid]
                if not tags or tags.intersection(self.desk.state.tags_of(relation))
            ]
            for userid in staff
            if userid in self.desk.view.of_staff
        }
        task = self.desk.state.sent.create("moment", self.desk.now, content, receivers)
        return answer({"jobid": task.job_id})

    async def moment_result(self, request: Request) -> Response:
        """get_moment_task_result: the moment of a job"""
        job_id = request.query_params.get("jobid", "")
        task = next((each for each in self.sending.of_kind("moment") if each.job_id == job_id), None)
        if task is None:
            raise ApiError(40058, "invalid Request Parameter: jobid")
        if not self.sending.is_handed_out(task):
            return answer({"status": 2, "type": "add_moment_task"})
        result = {
            "errcode": 0, "errmsg": "ok", "moment_id": task.task_id,
            "invalid_sender_list": {"user_list": []}, "invalid_external_contact_list": {"tag_list": []},
        }  # fmt: skip
        return answer({"status": _DONE, "type": "add_moment_task", "result": result})

    async def cancel_moment(self, request: Request) -> Response:
        """cancel_moment_task: the part that is not published"""
        return self._cancel(text_field(await body_of(request), "moment_id"), {"moment"})

    def _cancel(self, task_id: str, kinds: set[str]) -> Response:
        task = self._task(task_id, kinds)
        if task.cancelled_at is not None:
            raise ApiError(41093, "the message is cancelled")
        self.desk.state.sent.cancel(task, self.desk.now)
        return answer()

    def _task(self, task_id: str, kinds: set[str]) -> SentTask:
        task = self.sending.tasks.get(task_id)
        if task is None or task.kind not in kinds:
            raise ApiError(40058, "invalid Request Parameter: no such message")
        return task


def _content(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return text and attachments of a request, checked against the platform's limits."""
    text = (body.get("text") or {}).get("content") or ""
    attachments = body.get("attachments") or []
    if not isinstance(text, str) or len(text.encode()) > _TEXT_BYTES:
        raise ApiError(40058, f"invalid Request Parameter: text.content exceed max length {_TEXT_BYTES}")
    if not isinstance(attachments, list) or len(attachments) > _MOST_ATTACHMENTS:
        raise ApiError(40058, f"invalid Request Parameter: attachments exceed max length {_MOST_ATTACHMENTS}")
    for each in attachments:
        kind = each.get("msgtype") if isinstance(each, dict) else None
        if kind not in _KINDS or not isinstance(each.get(kind), dict):
            raise ApiError(40058, "invalid Request Parameter: attachments.msgtype")
        for name, most in _LINK_BYTES.items() if kind == "link" else ():
            if len(str(each["link"].get(name, "")).encode()) > most:
                raise ApiError(40058, f"invalid Request Parameter: link.{name} exceed max length {most}")
    if not text and not attachments:
        raise ApiError(40058, "invalid Request Parameter: text and attachments are both empty")
    return {**({"text": {"content": text}} if text else {}), "attachments": attachments}
