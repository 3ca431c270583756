"""WeCom mass messages (群发): what was created, which staff sent it, and who got it.

A message is only a task until staff press send, hours or days later. Messages of the last days are therefore
read again each time (``SIYU_MASS_MESSAGE_REREAD_DAYS``). There are no read receipts.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ingestion.api_errors import ApiError, MemberGoneError, NotReadyError
from ingestion.http import Transport
from ingestion.paging import each_in_parallel, pages_by_cursor
from ingestion.readers import Reader
from ingestion.windows import Window

MESSAGES = "/cgi-bin/externalcontact/get_groupmsg_list_v2"
TASKS = "/cgi-bin/externalcontact/get_groupmsg_task"
SENDS = "/cgi-bin/externalcontact/get_groupmsg_send_result"

CHAT_TYPES = ("single", "group")
CANCELLED = 41093
# At most a month; the shortest has 28 days.
LONGEST_WINDOW = dt.timedelta(days=28)
_MESSAGES_A_PAGE = 100
_ROWS_A_PAGE = 1000
_CORP_AND_PERSONAL = 2

T = TypeVar("T")

_log = logging.getLogger(__name__)


def mass_messages(transport: Transport, window: Window) -> Iterator[dict[str, Any]]:
    """Yield the messages created inside the window, by the corp or by staff, with ``chat_type`` added."""
    for piece in window.split(LONGEST_WINDOW):
        start, end = piece.seconds
        for chat_type in CHAT_TYPES:
            body = {
                "chat_type": chat_type,
                "start_time": start,
                "end_time": end,
                "filter_type": _CORP_AND_PERSONAL,
                "limit": _MESSAGES_A_PAGE,
            }
            for page in pages_by_cursor(transport, MESSAGES, body, "group_msg_list"):
                for message in page:
                    yield {**message, "chat_type": chat_type}


def mass_message_tasks(transport: Transport, window: Window) -> Iterator[dict[str, Any]]:
    """Yield {"msgid", "userid", "status", "send_time"}: one per message of the window and sending staff."""
    msgids = (message["msgid"] for message in mass_messages(transport, window) if message.get("msgid"))
    for rows in each_in_parallel(lambda msgid: _tasks(transport, msgid), msgids):
        yield from rows


def mass_message_sends(transport: Transport, window: Window) -> Iterator[dict[str, Any]]:
    """Yield one row per message of the window, sending staff and receiver.

    ``receiver`` is the external_userid or the chat_id, of which the platform gives one.
    """

    def sends(task: dict[str, Any]) -> list[dict[str, Any]]:
        pair = {"msgid": task["msgid"], "userid": task["userid"]}
        body = {**pair, "limit": _ROWS_A_PAGE}
        rows = rows_or_nothing(transport, SENDS, body, "send_list")
        return [{**row, **pair, "receiver": row.get("external_userid") or row.get("chat_id")} for row in rows]

    for rows in each_in_parallel(sends, mass_message_tasks(transport, window)):
        yield from rows


def rows_or_nothing(transport: Transport, api: str, body: dict[str, Any], items: str) -> list[dict[str, Any]]:
    """Return the rows of all pages, nothing when there is nothing to read (see ``or_nothing``)."""
    pages = pages_by_cursor(transport, api, body, items)
    return or_nothing(api, lambda: [row for page in pages for row in page])


def or_nothing(api: str, read: Callable[[], list[T]]) -> list[T]:
    """Return what ``read`` returns, nothing when there is nothing to read (yet).

    Just created (41063, 41079): it is read again with the next window. Cancelled, or the staff member gone:
    there is nothing to come.
    """
    try:
        return read()
    except NotReadyError:
        _log.warning("%s: one that was just created is still being sent out; it is read next time", api)
    except MemberGoneError:
        _log.warning("%s: a staff member is gone and was skipped", api)
    except ApiError as error:
        if error.code != CANCELLED:
            raise
    return []


def _tasks(transport: Transport, msgid: str) -> list[dict[str, Any]]:
    body = {"msgid": msgid, "limit": _ROWS_A_PAGE}
    rows = rows_or_nothing(transport, TASKS, body, "task_list")
    return [{"msgid": msgid, **row} for row in rows]


READERS: dict[str, Reader] = {
    "wecom/mass_messages": lambda question: mass_messages(question.transport, question.window),
    "wecom/mass_message_tasks": lambda question: mass_message_tasks(question.transport, question.window),
    "wecom/mass_message_sends": lambda question: mass_message_sends(question.transport, question.window),
}
