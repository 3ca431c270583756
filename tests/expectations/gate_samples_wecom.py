"""Good payloads of the WeCom statistics, mass messages, moments and single contacts."""

from __future__ import annotations

from typing import Any

PERSON, MSGID, MOMENT = "wmKx8CBgAA0001", "msgKx8CBgAA20250108a", "momKx8CBgAA20250108a"
MIDNIGHT = 1735660800  # 2025-01-01 in Shanghai
AT = 1736340100

DETAIL = {
    "external_contact": {
        "external_userid": PERSON,
        "name": "小鹿妈妈🦌",
        "type": 1,
        "unionid": "o6_bmjrPTlm6_2sgVt7hMZOPfL01",
    },
    "follow_user": [
        {
            "userid": "liwei",
            "createtime": 1733587204,
            "tags": [
                {"group_name": "会员等级", "tag_name": "金卡", "tag_id": "etKx8CBgAAa1", "type": 1},
                {"group_name": "我的标签", "tag_name": "爱问价", "type": 2},
            ],
        },
        {"userid": "store_hz_003", "createtime": 1735711002, "tags": []},
    ],
    "relations_hash": "0123456789abcdef" * 2,
}
GROUP_DAY = {
    "owner": "liwei",
    "stat_time": MIDNIGHT,
    "data": {
        "new_chat_cnt": 1,
        "chat_total": 12,
        "chat_has_msg": 9,
        "new_member_cnt": 34,
        "member_total": 1830,
        "member_has_msg": 211,
        "msg_total": 940,
    },
}
STAFF_DAY = {
    "userid": "liwei",
    "stat_time": MIDNIGHT,
    "chat_cnt": 46,
    "message_cnt": 212,
    "reply_percentage": 87.5,
    "avg_reply_time": 3,
    "negative_feedback_cnt": 1,
    "new_apply_cnt": 4,
    "new_contact_cnt": 9,
}
MESSAGE = {
    "msgid": MSGID,
    "creator": "zhouyan",
    "create_time": AT,
    "create_type": 0,
    "text": {"content": "今晚20:00"},
    "chat_type": "single",
}
TASK = {"msgid": MSGID, "userid": "liwei", "status": 2, "send_time": AT + 600}
SEND = {
    "msgid": MSGID,
    "userid": "liwei",
    "receiver": PERSON,
    "external_userid": PERSON,
    "status": 1,
    "send_time": AT + 600,
}
CHAT_SEND = {
    "msgid": MSGID,
    "userid": "liwei",
    "receiver": "wrKx8CBgAAchat01",
    "chat_id": "wrKx8CBgAAchat01",
    "status": 1,
}
A_MOMENT = {
    "moment_id": MOMENT,
    "creator": "zhouyan",
    "create_time": AT,
    "create_type": 0,
    "visible_type": 1,
    "text": {"content": "上新"},
}
MOMENT_TASK = {"moment_id": MOMENT, "userid": "liwei", "publish_status": 1}
MOMENT_SEND = {"moment_id": MOMENT, "userid": "liwei", "external_userid": PERSON}
LIKE = {
    "moment_id": MOMENT,
    "userid": "liwei",
    "kind": "like",
    "person_id": PERSON,
    "external_userid": PERSON,
    "create_time": AT + 900,
}
OWN_COMMENT = {
    "moment_id": MOMENT,
    "userid": "liwei",
    "kind": "comment",
    "person_id": "liwei",
    "create_time": AT + 950,
}


def _key(*names: str) -> Any:
    return lambda payload: "|".join(str(payload[name]) for name in names)


WECOM_PAYLOADS: dict[str, tuple[list[dict[str, Any]], Any]] = {
    "wecom/contact_details": ([DETAIL], lambda p: p["external_contact"]["external_userid"]),
    "wecom/group_stats": ([GROUP_DAY], _key("owner", "stat_time")),
    "wecom/staff_behavior": ([STAFF_DAY], _key("userid", "stat_time")),
    "wecom/mass_messages": ([MESSAGE], _key("msgid")),
    "wecom/mass_message_tasks": ([TASK], _key("msgid", "userid")),
    "wecom/mass_message_sends": ([SEND, CHAT_SEND], _key("msgid", "userid", "receiver")),
    "wecom/moments": ([A_MOMENT], _key("moment_id")),
    "wecom/moment_tasks": ([MOMENT_TASK], _key("moment_id", "userid")),
    "wecom/moment_sends": ([MOMENT_SEND], _key("moment_id", "userid", "external_userid")),
    "wecom/moment_interactions": (
        [LIKE, OWN_COMMENT],
        _key("moment_id", "userid", "kind", "person_id", "create_time"),
    ),
}
