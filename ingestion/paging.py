"""The ways the APIs page, and detail calls a few at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

from ingestion.http import IN_FLIGHT, Transport

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 200
# How often a page that leads nowhere new is asked for again, before the fetch is given up.
_ASK_AGAIN = 3
_log = logging.getLogger(__name__)


class PagingError(RuntimeError):
    """A server's paging does not move on; stopping half way would look like a full answer."""


def pages_by_cursor(transport: Transport, path: str, body: dict[str, Any], items: str) -> Iterator[list[Any]]:
    """Yield the lists under ``items``, until ``next_cursor`` is empty (short and empty pages are no end).

    Raises:
        PagingError: the server keeps giving a cursor it gave before.
    """

    def page(cursor: str) -> tuple[dict[str, Any], str | None]:
        answer = transport.post(path, {**body, "cursor": cursor})
        return answer, answer.get("next_cursor") or None

    yield from walk(path, page, items)


def pages_by_next_key(
    transport: Transport, path: str, body: dict[str, Any], items: str
) -> Iterator[list[Any]]:
    """Yield the lists under ``items``, until ``has_more`` is false. See ``pages_by_key``."""
    return pages_by_key(transport, path, body, items)


def pages_by_key(
    transport: Transport,
    path: str,
    body: dict[str, Any],
    items: str,
    *,
    key: str = "next_key",
    more: str = "has_more",
) -> Iterator[list[Any]]:
    """Yield the lists under ``items``, sending back ``key`` of each answer, until ``more`` is false.

    Raises:
        PagingError: there is more, but the server keeps giving no key, or one it gave before.
    """

    def page(position: str) -> tuple[dict[str, Any], str | None]:
        answer = transport.post(path, {**body, key: position})
        return answer, (answer.get(key) or "") if answer.get(more) else None

    yield from walk(path, page, items)


def pages_by_number(
    transport: Transport, path: str, body: dict[str, Any], items: str, *, size: int
) -> Iterator[list[Any]]:
    """Yield the lists under ``items``, by ``page`` and ``page_ctx``, until the pages cover ``total_num``.

    An empty page is no end. Without ``total_num`` a page that is not full is the last.
    """
    number, context = 1, ""
    while True:
        answer = transport.post(path, {**body, "page": number, "page_size": size, "page_ctx": context})
        page = answer.get(items) or []
        yield page
        total = answer.get("total_num")
        if len(page) < size if total is None else number * size >= int(total):
            return
        number, context = number + 1, answer.get("page_ctx") or ""


def walk(
    path: str, page: Callable[[str], tuple[dict[str, Any], str | None]], items: str
) -> Iterator[list[Any]]:
    """Yield the lists under ``items`` of each page, from position to position.

    ``page(position)`` gives the answer and the next position, None at the end. A page that leads nowhere new is
    asked for again; it is yielded only once it leads on, so that brings no row twice.

    Raises:
        PagingError: a page keeps leading nowhere new.
    """
    position, seen = "", set[str]()
    while True:
        for attempt in range(_ASK_AGAIN + 1):
            answer, following = page(position)
            try:
                if following is not None:
                    _must_be_new(path, following, seen)
                break
            except PagingError as error:
                if attempt == _ASK_AGAIN:
                    raise
                _log.warning("%s; the page is asked for again", error)
        yield answer.get(items) or []
        if following is None:
            return
        position = following


def pages_by_offset(transport: Transport, path: str, body: dict[str, Any], items: str) -> Iterator[list[Any]]:
    """Yield the lists under ``items``, until ``next_offset`` reaches ``total``.

    Raises:
        PagingError: there is more, but the server gives no offset beyond the last one.
    """
    offset = 0
    while True:
        answer = transport.post(path, {**body, "offset": offset})
        yield answer.get(items) or []
        total, following = int(answer.get("total") or 0), int(answer.get("next_offset") or 0)
        if max(offset, following) >= total:
            return
        if following <= offset:
            raise PagingError(f"{path}: expected an offset beyond {offset} of {total}, got {following}")
        offset = following


def each_in_parallel(call: Callable[[T], R], things: Iterable[T], *, workers: int = IN_FLIGHT) -> Iterator[R]:
    """Yield ``call(thing)`` in order, a few at a time, reading only a little ahead of what was yielded."""
    remaining = iter(things)
    with ThreadPoolExecutor(workers) as pool:
        while some := list(islice(remaining, _AHEAD)):
            yield from pool.map(call, some)


def chunks(things: list[T], size: int) -> Iterator[list[T]]:
    """Yield the list in pieces of at most ``size``."""
    for start in range(0, len(things), size):
        yield things[start : start + size]


def _must_be_new(path: str, position: str, seen: set[str]) -> None:
    if not position or position in seen:
        raise PagingError(
            f"{path}: expected a new page position, got {'none' if not position else 'an old one'}"
        )
    seen.add(position)
