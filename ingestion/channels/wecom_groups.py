"""WeCom customer groups (客户群) with their members: a full scan that need not read every group each time.

The list gives only ids and status; members come one group a call. With ``SIYU_GROUP_REREAD_DAYS`` above 0 a group
is read when it is new, when its status changed, when its owner's statistics or an event tell of a change, and
after so many days in any case; the others are taken over from the lake as they are, so a scan always shows all
groups there are. Nothing tells who left a group: that is the difference of two member lists.
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from common.lake import Lake
from common.streams import STREAMS
from ingestion.api_errors import TooLargeError
from ingestion.channels.wecom import staff
from ingestion.channels.wecom_stats import midnight
from ingestion.http import Transport, part_of
from ingestion.known import living_payloads, living_rows, living_values
from ingestion.paging import chunks, each_in_parallel, pages_by_cursor
from ingestion.platform_days import PLATFORM_ZONE
from ingestion.readers import Question, Reader

GROUPS = "/cgi-bin/externalcontact/groupchat/list"
GROUP = "/cgi-bin/externalcontact/groupchat/get"

_OWNERS_A_CALL = 100
_GROUPS_A_PAGE = 1000
_DAY = 86_400
_GROUPS = STREAMS["wecom/groups"]
_KNOWN_GROUP = (
    "record_key",
    "payload ->> '$.status'",
    "payload ->> '$.owner'",
    "payload ->> '$.member_version'",
)
_EVENT = (
    "payload ->> '$.received_at'",
    "payload ->> '$.message.ChatId'",
    "payload ->> '$.message.CurMemVer'",
)
_DAY_FIGURES = (
    "payload ->> '$.owner'",
    "payload ->> '$.stat_time'",
    "payload ->> '$.data.new_chat_cnt'",
    "payload ->> '$.data.new_member_cnt'",
    "payload ->> '$.data.chat_total'",
    "payload ->> '$.data.member_total'",
)


def groups(
    transport: Transport,
    known_owners: list[str],
    unchanged: Callable[[dict[str, Any]], set[str]],
    known: Callable[[list[str]], Iterator[dict[str, Any]]],
) -> Iterator[dict[str, Any]]:
    """Yield every customer group with its members, and ``status`` from the list.

    ``known_owners`` are owners seen before: groups of staff who left are listed only when asked for by owner.
    ``unchanged`` says which of the listed {chat_id: status} need not be read; ``known`` yields those.
    """
    listed: dict[str, Any] = {}
    for each in _listed(transport, known_owners):
        listed.setdefault(each["chat_id"], each.get("status"))
    same = unchanged(listed)

    def detail(chat_id: str) -> dict[str, Any]:
        answer = transport.post(GROUP, {"chat_id": chat_id, "need_name": 1})
        chat = part_of(answer, "group_chat", GROUP)
        return {**chat, "status": listed[chat_id]}

    yield from each_in_parallel(detail, [chat_id for chat_id in listed if chat_id not in same])
    yield from known(sorted(same))


def unchanged_groups(question: Question, listed: dict[str, Any]) -> set[str]:
    """Return the listed groups that need not be read again, see the module's text."""
    days, window = question.settings.group_reread_days, question.asked_window
    last = question.lake.cursor(_GROUPS)
    if not days or window is None or last is None:
        return set()
    stirring = _stirring_owners(question.lake, last, window.end)
    told = _versions_told(question.lake)
    return {
        chat_id
        for chat_id, status, owner, version in living_rows(question.lake, _GROUPS, _KNOWN_GROUP)
        if chat_id in listed
        and status == str(listed[chat_id])
        and owner not in stirring
        and told.get(chat_id, version) == version
        and not _is_due(chat_id, last, window.end, days)
    }


def _is_due(chat_id: str, last: dt.datetime, now: dt.datetime, days: int) -> bool:
    """Each group has its own place in the round of ``days``, so that they do not all come on one day."""
    turn = days * _DAY
    place = zlib.crc32(chat_id.encode()) % turn
    return (now.timestamp() - place) // turn != (last.timestamp() - place) // turn


def _versions_told(lake: Lake) -> dict[str, str]:
    """Return {chat_id: member version} of the last event of each group, where callbacks are received.

    Whatever the event was, a group whose version is another than the known one is read: no order of landing
    counts.
    """
    events = STREAMS.get("wecom/events")
    if events is None:
        return {}
    condition = "(payload ->> '$.message.CurMemVer') <> ''"
    rows = living_rows(lake, events, _EVENT, condition)
    return {chat_id: version for _, chat_id, version in sorted(rows)}


def _stirring_owners(lake: Lake, last: dt.datetime, now: dt.datetime) -> set[str]:
    """Return the owners whose statistics do not say that nobody joined or left since the ``last`` scan.

    Owners without any statistics are not among them: for those only the round of days counts.
    """
    day_before = midnight(last.astimezone(PLATFORM_ZONE).date() - dt.timedelta(days=1))
    today = midnight(now.astimezone(PLATFORM_ZONE).date())
    figures: dict[str, dict[int, tuple[str, ...]]] = defaultdict(dict)
    for owner, stat_time, *counts in living_rows(lake, STREAMS["wecom/group_stats"], _DAY_FIGURES):
        days = figures[owner]
        if day_before <= int(stat_time) < today:
            days[int(stat_time)] = tuple(counts)
    wanted = list(range(day_before, today, _DAY))
    return {owner for owner, days in figures.items() if not _is_quiet(days, wanted)}


def _is_quiet(days: dict[int, tuple[str, ...]], wanted: list[int]) -> bool:
    if sorted(days) != wanted:
        return False
    _, *since = (days[day] for day in wanted)
    same_totals = len({(chats, members) for _, _, chats, members in days.values()}) == 1
    return same_totals and all(new_chats == new_members == "0" for new_chats, new_members, _, _ in since)


def _listed(transport: Transport, known_owners: list[str]) -> Iterator[dict[str, Any]]:
    body = {"status_filter": 0, "limit": _GROUPS_A_PAGE}
    current = [each["userid"] for each in staff(transport)]
    owners = sorted(set(known_owners) - set(current))
    try:
        for page in pages_by_cursor(transport, GROUPS, body, "group_chat_list"):
            yield from page
    except TooLargeError:
        owners = sorted({*current, *known_owners})
    for some in chunks(owners, _OWNERS_A_CALL):
        by_owner = {**body, "owner_filter": {"userid_list": some}}
        for page in pages_by_cursor(transport, GROUPS, by_owner, "group_chat_list"):
            yield from page


def _read(question: Question) -> Iterator[dict[str, Any]]:
    lake = question.lake
    return groups(
        question.transport,
        living_values(lake, _GROUPS, "payload ->> '$.owner'"),
        lambda listed: unchanged_groups(question, listed),
        lambda chat_ids: living_payloads(lake, _GROUPS, chat_ids),
    )


READERS: dict[str, Reader] = {"wecom/groups": _read}
