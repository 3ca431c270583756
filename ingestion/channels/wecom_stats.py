"""WeCom statistics by day (客户群统计, 联系客户统计): kept for 180 days, so they are fetched before all else.

A day counts in Shanghai and is there when it is over: asking for today is refused (600018). Several people in
one question come back summed, so each is asked for alone.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from typing import Any

from common.streams import STREAMS
from ingestion.api_errors import MemberGoneError
from ingestion.channels.wecom import staff
from ingestion.http import Transport
from ingestion.known import living_values
from ingestion.paging import chunks, each_in_parallel, pages_by_offset
from ingestion.platform_days import PLATFORM_ZONE
from ingestion.readers import Question, Reader
from ingestion.windows import Window

OWNERS = "/cgi-bin/externalcontact/groupchat/statistic"
GROUP_DAYS = "/cgi-bin/externalcontact/groupchat/statistic_group_by_day"
BEHAVIOR = "/cgi-bin/externalcontact/get_user_behavior_data"

# "30 days" with both ends counted: one more would be refused.
DAYS_A_CALL = 30
_OWNERS_A_CALL = 100
_OWNERS_A_PAGE = 1000

_log = logging.getLogger(__name__)


def group_stats(transport: Transport, window: Window, known_owners: list[str]) -> Iterator[dict[str, Any]]:
    """Yield {"owner", "stat_time", "data"}: one per group owner and complete Shanghai day of the window.

    Days on which an owner had no group are left out: whether they are told depends on the window asked for.
    ``known_owners`` are owners seen before: those who left are in nobody's list of staff.
    """
    userids = sorted({*known_owners, *(each["userid"] for each in staff(transport))})

    def days_of(question: tuple[str, int, int]) -> list[dict[str, Any]]:
        owner, first, last = question
        body = {"day_begin_time": first, "day_end_time": last, "owner_filter": {"userid_list": [owner]}}
        items = transport.post(GROUP_DAYS, body).get("items") or []
        return [{"owner": owner, **item} for item in items if _has_figures(item)]

    def questions() -> Iterator[tuple[str, int, int]]:
        for first, last in day_spans(window):
            for owner in _owners(transport, userids, first, last):
                yield owner, first, last

    for rows in each_in_parallel(days_of, questions()):
        yield from rows


def staff_behavior(transport: Transport, window: Window) -> Iterator[dict[str, Any]]:
    """Yield {"userid", "stat_time", counts …}: one per staff member and complete Shanghai day of the window."""
    userids = [each["userid"] for each in staff(transport)]

    def days_of(question: tuple[str, int, int]) -> list[dict[str, Any]]:
        userid, first, last = question
        body = {"userid": [userid], "start_time": first, "end_time": last}
        try:
            rows = transport.post(BEHAVIOR, body).get("behavior_data") or []
        except MemberGoneError:
            _log.warning("%s: a staff member is gone and was skipped", BEHAVIOR)
            return []
        return [{"userid": userid, **row} for row in rows]

    questions = ((userid, *span) for span in day_spans(window) for userid in userids)
    for rows in each_in_parallel(days_of, questions):
        yield from rows


def day_spans(window: Window) -> Iterator[tuple[int, int]]:
    """Yield (first, last) midnights, in Unix seconds, of the Shanghai days that are over at the window's end.

    A day that the window's start cuts is asked for whole; no span is longer than 30 days.
    """
    day = window.start.astimezone(PLATFORM_ZONE).date()
    after = window.end.astimezone(PLATFORM_ZONE).date()
    while day < after:
        last = min(day + dt.timedelta(days=DAYS_A_CALL), after) - dt.timedelta(days=1)
        yield midnight(day), midnight(last)
        day = last + dt.timedelta(days=1)


def midnight(day: dt.date) -> int:
    """Return the Unix second at which a Shanghai day begins."""
    return int(dt.datetime.combine(day, dt.time(), tzinfo=PLATFORM_ZONE).timestamp())


def _owners(transport: Transport, userids: list[str], first: int, last: int) -> Iterator[str]:
    """Most staff own no group: one question about a hundred of them saves a hundred."""
    for some in chunks(userids, _OWNERS_A_CALL):
        try:
            yield from _owners_among(transport, some, first, last)
        except MemberGoneError:
            for userid in some:
                try:
                    yield from _owners_among(transport, [userid], first, last)
                except MemberGoneError:
                    _log.warning("%s: a group owner is gone and was skipped", OWNERS)


def _owners_among(transport: Transport, userids: list[str], first: int, last: int) -> list[str]:
    body = {
        "day_begin_time": first,
        "day_end_time": last,
        "owner_filter": {"userid_list": userids},
        "limit": _OWNERS_A_PAGE,
    }
    pages = pages_by_offset(transport, OWNERS, body, "items")
    return list(dict.fromkeys(item["owner"] for page in pages for item in page))


def _has_figures(item: dict[str, Any]) -> bool:
    return any(int(count or 0) for count in (item.get("data") or {}).values())


def _known_owners(question: Question) -> list[str]:
    return living_values(question.lake, STREAMS["wecom/groups"], "payload ->> '$.owner'")


READERS: dict[str, Reader] = {
    "wecom/group_stats": lambda question: group_stats(
        question.transport, question.window, _known_owners(question)
    ),
    "wecom/staff_behavior": lambda question: staff_behavior(question.transport, question.window),
}
