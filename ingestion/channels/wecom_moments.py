"""WeCom moments (客户朋友圈): what was published, by which staff, who may see it, who liked and commented.

Likes and comments come without paging and without text, one question for each moment and staff member, and
change for days: moments of the last days are read again each time (``SIYU_MOMENT_REREAD_DAYS``). A moment that
staff deleted is in no list; what was known of it stays. A like taken back is not told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from ingestion.channels.wecom_messages import or_nothing, rows_or_nothing
from ingestion.http import Transport
from ingestion.paging import each_in_parallel, pages_by_cursor
from ingestion.readers import Reader
from ingestion.windows import Window

MOMENTS = "/cgi-bin/externalcontact/get_moment_list"
TASKS = "/cgi-bin/externalcontact/get_moment_task"
SENDS = "/cgi-bin/externalcontact/get_moment_send_result"
INTERACTIONS = "/cgi-bin/externalcontact/get_moment_comments"

LONGEST_WINDOW = dt.timedelta(days=30)
CREATED_BY_STAFF = 1
PUBLISHED = 1
KINDS = {"comment_list": "comment", "like_list": "like"}
_CORP_AND_PERSONAL = 2
_MOMENTS_A_PAGE = 20
_TASKS_A_PAGE = 1000
_SENDS_A_PAGE = 5000


def moments(transport: Transport, window: Window) -> Iterator[dict[str, Any]]:
    """Yield the moments created inside the window, by the corp or by staff."""
    for piece in window.split(LONGEST_WINDOW):
        start, end = piece.seconds
        body = {
            "start_time": start,
            "end_time": end,
            "filter_type": _CORP_AND_PERSONAL,
            "limit": _MOMENTS_A_PAGE,
        }
        for page in pages_by_cursor(transport, MOMENTS, body, "moment_list"):
            yield from map(_tidy, page)


def moment_tasks(transport: Transport, window: Window) -> Iterator[dict[str, Any]]:
    """Yield {"moment_id", "userid", "publish_status"}: one per corp moment of the window and staff member."""
    made_by_corp = (each for each in moments(transport, window) if not _is_personal(each))
    for tasks in each_in_parallel(lambda moment: _tasks(transport, moment), made_by_corp):
        yield from tasks


def moment_sends(transport: Transport, window: Window) -> Iterator[dict[str, Any]]:
    """Yield {"moment_id", "userid", "external_userid"}: the contacts who can see a staff member's moment."""

    def sends(pair: dict[str, Any]) -> list[dict[str, Any]]:
        body = {**pair, "limit": _SENDS_A_PAGE}
        return [{**_tidy(row), **pair} for row in rows_or_nothing(transport, SENDS, body, "customer_list")]

    for rows in each_in_parallel(sends, _published(transport, window)):
        yield from rows


def moment_interactions(transport: Transport, window: Window) -> Iterator[dict[str, Any]]:
    """Yield one row per like or comment: ``kind``, and who (``person_id``: external_userid or userid of staff).

    ``userid`` is the staff member whose moment it is; the platform's own ``userid`` of a commenting colleague
    is kept as ``person_id``.
    """

    def asked(pair: dict[str, Any]) -> list[dict[str, Any]]:
        answer = transport.post(INTERACTIONS, pair)
        return [
            {**_tidy(row), **pair, "kind": kind, "person_id": _tidy(row).get(_who(row))}
            for items, kind in KINDS.items()
            for row in answer.get(items) or []
        ]

    def interactions(pair: dict[str, Any]) -> list[dict[str, Any]]:
        return or_nothing(INTERACTIONS, lambda: asked(pair))

    for rows in each_in_parallel(interactions, _published(transport, window)):
        yield from rows


def _published(transport: Transport, window: Window) -> Iterator[dict[str, Any]]:
    """Yield {"moment_id", "userid"} of what is to be seen in somebody's name."""

    def pairs(moment: dict[str, Any]) -> list[dict[str, Any]]:
        if _is_personal(moment):
            userids = [moment["creator"]] if moment.get("creator") else []
        else:
            tasks = _tasks(transport, moment)
            userids = [task["userid"] for task in tasks if int(task.get("publish_status") or 0) == PUBLISHED]
        return [{"moment_id": moment["moment_id"], "userid": userid} for userid in userids]

    for some in each_in_parallel(pairs, moments(transport, window)):
        yield from some


def _tasks(transport: Transport, moment: dict[str, Any]) -> list[dict[str, Any]]:
    pair = {"moment_id": moment["moment_id"]}
    body = {**pair, "limit": _TASKS_A_PAGE}
    return [{**_tidy(row), **pair} for row in rows_or_nothing(transport, TASKS, body, "task_list")]


def _is_personal(moment: dict[str, Any]) -> bool:
    return int(moment.get("create_type") or 0) == CREATED_BY_STAFF


def _who(row: dict[str, Any]) -> str:
    return "external_userid" if row.get("external_userid") else "userid"


def _tidy(row: dict[str, Any]) -> dict[str, Any]:
    """Ids come with spaces at their end, create_time as a number or as text: the same row must look the same."""
    tidy = {name: each.strip() if _is_id(name, each) else each for name, each in row.items()}
    if str(tidy.get("create_time", "")).strip().isdigit():
        tidy["create_time"] = int(tidy["create_time"])
    return tidy


def _is_id(name: str, value: Any) -> bool:
    return isinstance(value, str) and (name.endswith("id") or name == "creator")


READERS: dict[str, Reader] = {
    "wecom/moments": lambda question: moments(question.transport, question.window),
    "wecom/moment_tasks": lambda question: moment_tasks(question.transport, question.window),
    "wecom/moment_sends": lambda question: moment_sends(question.transport, question.window),
    "wecom/moment_interactions": lambda question: moment_interactions(question.transport, question.window),
}
