"""Lists of the platform, page by page, by cursor, and between two instants."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from activation.contracts import ActivationError
from activation.wecom_client import WecomClient

_SAME_CURSOR_TIMES = 5


def pages(client: WecomClient, path: str, body: dict[str, Any], items: str) -> Iterator[dict[str, Any]]:
    """Yield the items of all pages. Only an empty cursor ends a list: a page may be short or empty before that.

    Raises:
        WecomRefusedError, NotSentError, UnknownOutcomeError: as the client.
        ActivationError: a page gives back its own cursor again and again.
    """
    cursor, repeated = "", 0
    while True:
        answer = client.post(path, {**body, "cursor": cursor}, safe=True)
        following = str(answer.get("next_cursor") or "")
        if following and following == cursor:
            repeated += 1
            if repeated > _SAME_CURSOR_TIMES:
                raise ActivationError(
                    f"WeCom {path}: a page gives back its own cursor {repeated} times; try later"
                )
            continue
        repeated = 0
        yield from answer.get(items) or []
        if not following:
            return
        cursor = following


def between(
    client: WecomClient,
    path: str,
    body: dict[str, Any],
    items: str,
    key: str,
    since: dt.datetime,
    until: dt.datetime,
    longest: dt.timedelta,
) -> Iterator[dict[str, Any]]:
    """Yield everything made between two instants, each ``key`` once; the platform answers for ``longest`` at most.

    Raises:
        As ``pages``.
    """
    seen: set[str] = set()
    start = since
    while start < until:
        end = min(start + longest, until)
        window = {"start_time": int(start.timestamp()), "end_time": int(end.timestamp())}
        for each in pages(client, path, {**body, **window}, items):
            if str(each[key]) not in seen:
                seen.add(str(each[key]))
                yield each
        start = end
