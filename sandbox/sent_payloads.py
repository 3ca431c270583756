"""How WeCom describes what clients created: mass messages with tasks and results, and moments."""

from __future__ import annotations

from typing import Any

from sandbox.outbound import BY_CORP, SENT
from sandbox.outbound_payloads import chat_delivery_payload, task_payload
from sandbox.sending import Sending
from sandbox.sent_tasks import SentTask

Payload = dict[str, Any]


def sent_message(task: SentTask) -> Payload:
    """Return one ``group_msg_list`` item; made by an app, it has no creator."""
    return {
        "msgid": task.task_id,
        "create_time": task.created_at,
        "create_type": BY_CORP,
        "text": {"content": ""},
        **task.content,
    }


def sent_moment(task: SentTask) -> Payload:
    """Return one ``moment_list`` item."""
    cards = task.content.get("attachments") or []
    shown: Payload = {
        "moment_id": task.task_id,
        "create_time": str(task.created_at),  # text here, a number elsewhere
        "create_type": BY_CORP,
        "visible_type": 0,
        "text": {"content": "", **(task.content.get("text") or {})},
        "image": [each["image"] for each in cards if each["msgtype"] == "image"],
    }
    link = next((each["link"] for each in cards if each["msgtype"] == "link"), None)
    return {**shown, **({"link": link} if link else {})}


def sent_tasks(sending: Sending, task: SentTask) -> list[Payload]:
    """Return the ``task_list`` of get_groupmsg_task."""
    return [task_payload(userid, sending.sent_at(task, userid)) for userid in task.receivers]


def sent_rows(sending: Sending, task: SentTask, userid: str) -> list[Payload]:
    """Return the ``send_list`` of get_groupmsg_send_result; of groups only those that got it."""
    found = sending.statuses(task, userid)
    if task.kind == "group":
        return [
            chat_delivery_payload(chat, userid, at or 0)
            for chat, (status, at) in found.items()
            if status == SENT
        ]
    return [
        {"external_userid": each, "userid": userid, "status": status, **({"send_time": at} if at else {})}
        for each, (status, at) in found.items()
    ]
