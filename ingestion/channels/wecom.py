"""WeCom (企业微信): staff, corp tags, contacts, groups. Full scans: there is no update filter."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from common.streams import STREAMS
from ingestion.api_errors import MemberGoneError, NoRelationError, ParameterError, TooLargeError
from ingestion.http import Transport, part_of
from ingestion.known import living_values
from ingestion.paging import chunks, each_in_parallel, pages_by_cursor
from ingestion.readers import Question, Reader

STAFF = "/cgi-bin/externalcontact/get_follow_user_list"
TAGS = "/cgi-bin/externalcontact/get_corp_tag_list"
CONTACTS = "/cgi-bin/externalcontact/batch/get_by_user"
GROUPS = "/cgi-bin/externalcontact/groupchat/list"
GROUP = "/cgi-bin/externalcontact/groupchat/get"

_STAFF_A_CALL = 100
_CONTACTS_A_PAGE = 100
_GROUPS_A_PAGE = 1000

_log = logging.getLogger(__name__)


def staff(transport: Transport) -> Iterator[dict[str, Any]]:
    """Yield {"userid"} of everyone who has the customer-contact function."""
    for userid in transport.get(STAFF).get("follow_user") or []:
        yield {"userid": userid}


def corp_tags(transport: Transport) -> Iterator[dict[str, Any]]:
    """Yield one object per corp tag, with its group's id and name added."""
    for group in transport.post(TAGS, {}).get("tag_group") or []:
        for tag in group.get("tag") or []:
            yield {"group_id": group.get("group_id"), "group_name": group.get("group_name"), **tag}


def contacts(transport: Transport) -> Iterator[dict[str, Any]]:
    """Yield one object per (staff, customer) relation; a customer of three staff comes three times."""
    userids = list(dict.fromkeys(each["userid"] for each in staff(transport)))
    for some in chunks(userids, _STAFF_A_CALL):
        try:
            yield from _contacts_of(transport, some)
        except (MemberGoneError, ParameterError, NoRelationError):
            # One bad userid, or one without contacts, spoils a call for all: ask one by one. Doubles land once.
            for userid in some:
                yield from _contacts_of_one(transport, userid)


def groups(transport: Transport, known_owners: list[str]) -> Iterator[dict[str, Any]]:
    """Yield every customer group with its members, and ``status`` from the list.

    ``known_owners`` are owners seen before: groups of staff who left are listed only when asked for by owner.
    """
    listed: dict[str, Any] = {}
    for each in _listed_groups(transport, known_owners):
        listed.setdefault(each["chat_id"], each.get("status"))

    def detail(chat_id: str) -> dict[str, Any]:
        answer = transport.post(GROUP, {"chat_id": chat_id, "need_name": 1})
        chat = part_of(answer, "group_chat", GROUP)
        return {**chat, "status": listed[chat_id]}

    yield from each_in_parallel(detail, listed)


def _contacts_of(transport: Transport, userids: list[str]) -> Iterator[dict[str, Any]]:
    body = {"userid_list": userids, "limit": _CONTACTS_A_PAGE}
    for page in pages_by_cursor(transport, CONTACTS, body, "external_contact_list"):
        yield from page


def _contacts_of_one(transport: Transport, userid: str) -> Iterator[dict[str, Any]]:
    try:
        yield from _contacts_of(transport, [userid])
    except NoRelationError:
        return  # 84061: nobody is (any more) this one's contact
    except MemberGoneError:
        _log.warning("%s: a staff member is gone and was skipped", CONTACTS)


def _listed_groups(transport: Transport, known_owners: list[str]) -> Iterator[dict[str, Any]]:
    body = {"status_filter": 0, "limit": _GROUPS_A_PAGE}
    current = [each["userid"] for each in staff(transport)]
    owners = sorted(set(known_owners) - set(current))
    try:
        for page in pages_by_cursor(transport, GROUPS, body, "group_chat_list"):
            yield from page
    except TooLargeError:
        owners = sorted({*current, *known_owners})
    for some in chunks(owners, _STAFF_A_CALL):
        by_owner = {**body, "owner_filter": {"userid_list": some}}
        for page in pages_by_cursor(transport, GROUPS, by_owner, "group_chat_list"):
            yield from page


def _group_owners(question: Question) -> list[str]:
    return living_values(question.lake, STREAMS["wecom/groups"], "payload ->> '$.owner'")


READERS: dict[str, Reader] = {
    "wecom/staff": lambda question: staff(question.transport),
    "wecom/corp_tags": lambda question: corp_tags(question.transport),
    "wecom/contacts": lambda question: contacts(question.transport),
    "wecom/groups": lambda question: groups(question.transport, _group_owners(question)),
}
