"""How WeCom describes a relation and a group: the JSON objects of its customer-contact APIs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from sandbox.contacts import STAFF, Relation
from sandbox.groups import Group, Member
from sandbox.people import SandboxPerson
from sandbox.words import FINDER_NICKNAME

_LIVE_ROOM = 2
_PERSONAL, _STRATEGY, _CORPORATE = 2, 3, 1
_STAFF_NAMES = {staff.userid: staff.name for staff in STAFF}

Payload = dict[str, Any]


def external_contact(person: SandboxPerson, unionids_bound: bool) -> Payload:
    """Return ``external_contact``; ``unionids_bound`` is whether late unionids are known by now."""
    contact: Payload = {
        "external_userid": person.external_userid,
        "name": person.nickname,
        "avatar": f"http://wx.qlogo.cn/mmhead/{person.external_userid[2:14]}/0",
        "type": 1,
        "gender": person.gender_code,
    }
    return contact | _unionid(person, unionids_bound)


def _unionid(person: SandboxPerson, unionids_bound: bool) -> Payload:
    shown = person.union_shown == "always" or (person.union_shown == "late" and unionids_bound)
    return {"unionid": person.unionid} if shown else {}


def _relation_fields(relation: Relation) -> Payload:
    fields: Payload = {
        "userid": relation.userid,
        "remark": relation.remark,
        "description": "",
        "createtime": relation.created_at,
        "oper_userid": relation.userid if relation.route.add_way == 201 else relation.person.external_userid,
        "add_way": relation.route.add_way,
    }
    if relation.state:
        fields["state"] = relation.state
    if relation.remark_mobiles:
        fields["remark_mobiles"] = list(relation.remark_mobiles)
    if relation.route.code == "live":
        fields["wechat_channels"] = {"nickname": FINDER_NICKNAME, "source": _LIVE_ROOM}
    return fields


def follow_info(relation: Relation, tag_ids: Iterable[str]) -> Payload:
    """Return ``follow_info`` of batch/get_by_user: ids of corporate and strategy tags only."""
    return {**_relation_fields(relation), "tag_id": [*tag_ids, *relation.strategy_tag_ids]}


def follow_user(
    relation: Relation, tags: Iterable[tuple[str, str, str]], strategy: tuple[str, str, str]
) -> Payload:
    """Return one ``follow_user`` of externalcontact/get; ``tags`` are (id, group name, name)."""
    listed: list[Payload] = [
        {"group_name": group, "tag_name": name, "tag_id": tag_id, "type": _CORPORATE}
        for tag_id, group, name in tags
    ]
    if relation.strategy_tag_ids:
        tag_id, group, name = strategy
        listed.append({"group_name": group, "tag_name": name, "tag_id": tag_id, "type": _STRATEGY})
    listed += [{"group_name": "我的标签", "tag_name": n, "type": _PERSONAL} for n in relation.personal_tags]
    return {**_relation_fields(relation), "tags": listed}


def group_chat(group: Group, until: int, unionids_bound: bool) -> Payload:
    """Return the ``group_chat`` of groupchat/get with names, just before ``until``; unionids as of contacts."""
    present = [m for m in group.members if m.joined_at < until and (m.left_at is None or m.left_at >= until)]
    members = [_member(member, unionids_bound) for member in present]
    version = hashlib.md5("|".join(m["userid"] for m in members).encode(), usedforsecurity=False)
    helpers = [m.staff.userid for m in present if m.staff and m.staff.userid != group.owner]
    return {
        "chat_id": group.chat_id,
        "name": group.name,
        "owner": group.owner,
        "create_time": group.created_at,
        "notice": group.notice,
        "member_list": members,
        "admin_list": [{"userid": userid} for userid in helpers[:1]],
        "member_version": version.hexdigest(),
    }


def _member(member: Member, unionids_bound: bool) -> Payload:
    fields: Payload = {"join_time": member.joined_at, "join_scene": member.join_scene}
    if member.staff:
        fields |= {"userid": member.staff.userid, "type": 1, "name": member.staff.name, "group_nickname": ""}
    elif member.person:
        person = member.person
        fields |= {"userid": person.external_userid, "type": 2, "name": person.nickname, "group_nickname": ""}
        fields |= _unionid(person, unionids_bound)
    if member.invited_by:
        fields["invitor"] = {"userid": member.invited_by}
    if member.state:
        fields["state"] = member.state
    return fields
