"""The ways the APIs page, and detail calls a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, TypeVar

from ingestion.http import IN_FLIGHT, Transport

T = TypeVar("T")
R = TypeVar("R")

_AHEAD = 200


class PagingError(RuntimeError):
    """A server's paging does not move on; stopping half way would look like a full answer."""


def pages_by_cursor(transport: Transport, path: str, body: dict[str, Any], items: str) -> Iterator[list[Any]]:
    """Yield the lists under ``items``, until ``next_cursor`` is empty (short and empty pages are no end).

    Raises:
        PagingError: the server gives a cursor it gave before.
    """
    cursor, seen = "", set[str]()
    while True:
        answer = transport.post(path, {**body, "cursor": cursor})
        yield answer.get(items) or []
        cursor = answer.get("next_cursor") or ""
        if not cursor:
            return
        _must_be_new(path, cursor, seen)


def pages_by_next_key(
    transport: Transport, path: str, body: dict[str, Any], items: str
) -> Iterator[list[Any]]:
    """Yield the lists under ``items``, until ``has_more`` is false.

    Raises:
        PagingError: there is more, but the server gives no key, or one it gave before.
    """
    key, seen = "", set[str]()
    while True:
        answer = transport.post(path, {**body, "next_key": key})
        yield answer.get(items) or []
        if not answer.get("has_more"):
            return
        key = answer.get("next_key") or ""
        _must_be_new(path, key, seen)


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
