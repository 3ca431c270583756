"""How WeCom describes what was sent: mass messages (群发), their deliveries, and moments (客户朋友圈)."""

from __future__ import annotations

from typing import Any

from sandbox.contacts import Relation
from sandbox.outbound import BY_CORP, NOT_SENT, SENT, Outbound, Outgoing

_SENT_TASK = 2

Payload = dict[str, Any]


def message_payload(each: Outgoing) -> Payload:
    """Return one ``group_msg_list`` item of get_groupmsg_list_v2."""
    link = {"title": "直播间", "url": "https://example.invalid/live"}
    return {
        "msgid": each.outgoing_id,
        **({"creator": each.creator} if each.creator else {}),
        "create_time": each.created_at,
        "create_type": each.create_type,
        "text": {"content": each.content},
        "attachments": [{"msgtype": "link", "link": link}] if each.create_type == BY_CORP else [],
    }


def task_payload(userid: str, sent: int | None) -> Payload:
    """Return one ``task_list`` item of get_groupmsg_task; ``sent`` is when the staff member pressed send."""
    if sent is None:
        return {"userid": userid, "status": NOT_SENT}
    return {"userid": userid, "status": _SENT_TASK, "send_time": sent}


def delivery_payload(outbound: Outbound, message: Outgoing, relation: Relation, sent: int | None) -> Payload:
    """Return one ``send_list`` item of get_groupmsg_send_result: what became of a message to one contact."""
    row = {"external_userid": relation.person.external_userid, "userid": relation.userid}
    if sent is None:
        return {**row, "status": NOT_SENT}
    status = outbound.outcome(message, relation, sent)
    return {**row, "status": status, **({"send_time": sent} if status == SENT else {})}


def chat_delivery_payload(chat_id: str, userid: str, sent: int) -> Payload:
    """Return one ``send_list`` item of get_groupmsg_send_result for a group."""
    return {"chat_id": chat_id, "userid": userid, "status": SENT, "send_time": sent}


def moment_payload(each: Outgoing) -> Payload:
    """Return one ``moment_list`` item of get_moment_list."""
    return {
        "moment_id": each.outgoing_id,
        **({"creator": each.creator} if each.creator else {}),
        "create_time": str(each.created_at),  # text here, a number elsewhere
        "create_type": each.create_type,
        "visible_type": 1,
        "text": {"content": each.content},
        "image": [{"media_id": f"WWCISP_{each.outgoing_id[3:15]}"}],
    }
