"""All WeCom contacts with the corp tags on each relation, as the platform shows them now."""

from __future__ import annotations

from collections.abc import Iterator

from activation.contracts import ENDED_CLASSES
from activation.wecom_client import WecomClient, WecomRefusedError

_STAFF_PER_CALL, _CONTACTS_PER_PAGE = 100, 100


def relations_with_tags(client: WecomClient) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (userid, external_userid, corp tag ids) of every relation; a relation may come twice."""
    staff = client.get("externalcontact/get_follow_user_list", {}).get("follow_user", [])
    for start in range(0, len(staff), _STAFF_PER_CALL):
        some = staff[start : start + _STAFF_PER_CALL]
        try:
            # Whole before it is handed on: when it fails half-way it is asked for anew, one by one.
            found = list(_pages(client, some))
        except WecomRefusedError as error:
            if error.code_class not in ENDED_CLASSES:
                raise
            found = [row for userid in some for row in _of_one(client, userid)]
        yield from found


def _of_one(client: WecomClient, userid: str) -> Iterator[tuple[str, str, list[str]]]:
    try:
        yield from _pages(client, [userid])
    except WecomRefusedError as error:
        if error.code_class not in ENDED_CLASSES:  # else: no contacts at all, or gone
            raise


def _pages(client: WecomClient, staff: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    body, cursor = {"userid_list": staff, "limit": _CONTACTS_PER_PAGE}, ""
    while True:
        answer = client.post("externalcontact/batch/get_by_user", {**body, "cursor": cursor}, safe=True)
        for each in answer.get("external_contact_list", []):
            follow = each["follow_info"]
            external_userid = str(each["external_contact"]["external_userid"])
            yield str(follow["userid"]), external_userid, list(map(str, follow.get("tag_id", [])))
        cursor = str(answer.get("next_cursor") or "")
        if not cursor:
            return
