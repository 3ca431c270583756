"""WeCom (企业微信): staff, corp tags, contacts. Full scans: there is no update filter."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from ingestion.api_errors import MemberGoneError, NoRelationError, ParameterError
from ingestion.http import Transport
from ingestion.paging import chunks, pages_by_cursor
from ingestion.readers import Reader

STAFF = "/cgi-bin/externalcontact/get_follow_user_list"
TAGS = "/cgi-bin/externalcontact/get_corp_tag_list"
CONTACTS = "/cgi-bin/externalcontact/batch/get_by_user"

_STAFF_A_CALL = 100
_CONTACTS_A_PAGE = 100

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


READERS: dict[str, Reader] = {
    "wecom/staff": lambda question: staff(question.transport),
    "wecom/corp_tags": lambda question: corp_tags(question.transport),
    "wecom/contacts": lambda question: contacts(question.transport),
}
