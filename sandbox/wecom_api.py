"""The customer-contact APIs of WeCom (企业微信客户联系) that Siyu reads and writes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.answers import (
    ApiError,
    answer,
    body_of,
    list_field,
    make_cursor,
    read_cursor,
    text_field,
    whole_field,
)
from sandbox.contacts import Relation, Tag
from sandbox.desk import Desk
from sandbox.lazily import sliced
from sandbox.tokens import WECOM
from sandbox.wecom_payloads import external_contact, follow_info, follow_user, group_chat

_NOT_A_CONTACT = "not external contact"
_MOST_TAGS = 3000
# Every third page is short on purpose: only an empty cursor ends a list.
_SHORT_PAGE_EVERY, _SHORT_BY = 3, 7


class WecomApi:
    """Handlers over one desk; each returns what the contract says, errors as ``ApiError``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self) -> dict[tuple[str, str], tuple[Any, str]]:
        """Return {(method, path): (handler, app whose token is needed)}."""
        base = "/cgi-bin/externalcontact/"
        handlers = {
            ("GET", "get_follow_user_list"): self.staff,
            ("GET", "list"): self.contact_ids,
            ("GET", "get"): self.contact,
            ("POST", "batch/get_by_user"): self.contacts,
            ("POST", "get_corp_tag_list"): self.tag_list,
            ("POST", "add_corp_tag"): self.add_tag,
            ("POST", "mark_tag"): self.mark_tag,
            ("POST", "groupchat/list"): self.group_list,
            ("POST", "groupchat/get"): self.group,
        }
        return {(method, base + name): (handler, WECOM) for (method, name), handler in handlers.items()}

    async def staff(self, request: Request) -> Response:
        """get_follow_user_list"""
        return answer({"follow_user": self.desk.view.staff})

    async def contact_ids(self, request: Request) -> Response:
        """list: ids of one staff's contacts; 84061 when there are none"""
        relations = self._relations_of(request.query_params.get("userid", ""))
        if not relations:
            raise ApiError(84061, _NOT_A_CONTACT)
        return answer({"external_userid": [r.person.external_userid for r in relations]})

    async def contact(self, request: Request) -> Response:
        """get: one person with all followers"""
        external = request.query_params.get("external_userid", "")
        if not external.startswith(("wm", "wo")):
            raise ApiError(40096, "invalid external userid")
        view = self.desk.view
        relations = view.of_contact.get(external)
        if not relations:
            raise ApiError(84061, _NOT_A_CONTACT)
        followers = [follow_user(r, self._named_tags(r), view.strategy_tag) for r in relations]
        person = external_contact(relations[0].person, view.unionids_bound)
        return answer({"external_contact": person, "follow_user": followers})

    async def contacts(self, request: Request) -> Response:
        """batch/get_by_user: one element for each (staff, person), by cursor"""
        body = await body_of(request)
        userids = list_field(body, "userid_list", 100)
        if not userids:
            raise ApiError(40058, "invalid Request Parameter: userid_list should not be empty")
        limit = min(max(whole_field(body, "limit", 50), 1), 100)
        lists = [self._relations_of(userid) for userid in userids]
        count = sum(map(len, lists))
        if not count:
            raise ApiError(84061, _NOT_A_CONTACT)
        question = hashlib.sha256(",".join(userids).encode()).hexdigest()[:16]
        offset = read_cursor(question, body.get("cursor"))
        if limit > 2 * _SHORT_BY and (offset // (limit - _SHORT_BY)) % _SHORT_PAGE_EVERY == 1:
            limit -= _SHORT_BY
        page = sliced(lists, offset, limit)
        reached = offset + len(page)
        more = reached < count
        return answer(
            {
                "external_contact_list": [self._pair(relation) for relation in page],
                "next_cursor": make_cursor(question, reached) if more else "",
            }
        )

    async def tag_list(self, request: Request) -> Response:
        """get_corp_tag_list: all, or the groups asked for, or the groups of the tags asked for"""
        body = await body_of(request)
        group_ids, tag_ids = set(list_field(body, "group_id", 3000)), set(list_field(body, "tag_id", 3000))
        tags = list(self.desk.state.tags.values())
        if group_ids:
            tags = [tag for tag in tags if tag.group_id in group_ids]
        elif tag_ids:
            tags = [tag for tag in tags if tag.tag_id in tag_ids]
        return answer({"tag_group": _grouped(tags)})

    async def add_tag(self, request: Request) -> Response:
        """add_corp_tag: into a new group, or an existing one by id or name"""
        body = await body_of(request)
        state = self.desk.state
        group_id, group_name = body.get("group_id"), body.get("group_name")
        if group_id:
            group_name = next((t.group_name for t in state.tags.values() if t.group_id == group_id), None)
            if group_name is None:
                raise ApiError(40068, "invalid tag group id")
        else:
            group_name = _short_name(group_name, "group_name")
            group_id = state.group_named(group_name)
        names = _wanted_tags(body)
        present = {tag.name for tag in state.tags.values() if tag.group_id == group_id}
        if present & names.keys():
            raise ApiError(40071, "invalid tag name, duplicate")
        if len(state.tags) + len(names) > _MOST_TAGS:
            raise ApiError(40126, "tag count exceed limit")
        new = state.add_tags(group_id, group_name, list(names.items()), self.desk.view.until - 1)
        return answer({"tag_group": _grouped(new)[0]})

    async def mark_tag(self, request: Request) -> Response:
        """mark_tag: add and remove tags of one relation; idempotent"""
        body = await body_of(request)
        userid, external = text_field(body, "userid"), text_field(body, "external_userid")
        add, remove = list_field(body, "add_tag", _MOST_TAGS), list_field(body, "remove_tag", _MOST_TAGS)
        if not add and not remove:
            raise ApiError(40058, "invalid Request Parameter: add_tag and remove_tag are both empty")
        if userid not in self.desk.view.of_staff:
            raise ApiError(60111, "userid not found")
        if (userid, external) not in self.desk.view.relation:
            raise ApiError(84061, _NOT_A_CONTACT)
        unknown = [tag_id for tag_id in (*add, *remove) if tag_id not in self.desk.state.tags]
        if unknown:
            raise ApiError(40068, "invalid tag id")
        self.desk.state.mark(userid, external, add, remove)
        return answer()

    async def group_list(self, request: Request) -> Response:
        """groupchat/list: ids and status, by cursor"""
        body = await body_of(request)
        owners = list_field(body.get("owner_filter") or {}, "userid_list", 100)
        limit = whole_field(body, "limit", 1000)
        if not 1 <= limit <= 1000:
            raise ApiError(40058, "invalid Request Parameter: limit should be 1 to 1000")
        groups = [g for g in self.desk.view.groups.values() if not owners or g.owner in owners]
        if body.get("status_filter"):
            groups = []  # every owner of the sandbox is in office
        question = "groups:" + ",".join(owners)
        offset = read_cursor(question, body.get("cursor"))
        page = groups[offset : offset + limit]
        reached = offset + len(page)
        return answer(
            {
                "group_chat_list": [{"chat_id": group.chat_id, "status": 0} for group in page],
                "next_cursor": make_cursor(question, reached) if reached < len(groups) else "",
            }
        )

    async def group(self, request: Request) -> Response:
        """groupchat/get: one group with its members"""
        body = await body_of(request)
        view = self.desk.view
        group = view.groups.get(text_field(body, "chat_id"))
        if group is None:
            raise ApiError(40050, "invalid chat id")
        chat = group_chat(group, view.until, view.unionids_bound)
        if body.get("need_name") != 1:
            for member in chat["member_list"]:
                del member["name"]
        return answer({"group_chat": chat})

    def _relations_of(self, userid: str) -> Sequence[Relation]:
        relations = self.desk.view.of_staff.get(userid)
        if relations is None:
            raise ApiError(40003, "invalid userid")
        return relations

    def _pair(self, relation: Relation) -> dict[str, Any]:
        return {
            "external_contact": external_contact(relation.person, self.desk.view.unionids_bound),
            "follow_info": follow_info(relation, self.desk.state.tags_of(relation)),
        }

    def _named_tags(self, relation: Relation) -> list[tuple[str, str, str]]:
        tags = [self.desk.state.tags[tag_id] for tag_id in self.desk.state.tags_of(relation)]
        return [(tag.tag_id, tag.group_name, tag.name) for tag in tags]


def _short_name(value: object, field: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= 30:
        raise ApiError(40058, f"invalid Request Parameter: {field} should have 1 to 30 characters")
    return value


def _wanted_tags(body: dict[str, Any]) -> dict[str, int]:
    wanted = body.get("tag")
    if not isinstance(wanted, list) or not wanted or not all(isinstance(tag, dict) for tag in wanted):
        raise ApiError(40058, "invalid Request Parameter: tag should be a non-empty list of objects")
    return {_short_name(tag.get("name"), "tag.name"): whole_field(tag, "order", 0) for tag in wanted}


def _grouped(tags: list[Tag]) -> list[dict[str, Any]]:
    groups: dict[str, list[Tag]] = defaultdict(list)
    for tag in tags:
        groups[tag.group_id].append(tag)
    return [
        {
            "group_id": group_id,
            "group_name": members[0].group_name,
            "create_time": min(tag.created_at for tag in members),
            "order": 0,
            "tag": [
                {"id": tag.tag_id, "name": tag.name, "create_time": tag.created_at, "order": tag.order}
                for tag in members
            ],
        }
        for group_id, members in groups.items()
    ]
