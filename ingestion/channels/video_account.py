"""Video account (视频号): livestreams with their statistics, shop orders, after-sales; by windows."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from common.streams import STREAMS
from ingestion.http import Transport, part_of
from ingestion.known import living_values
from ingestion.paging import each_in_parallel, pages_by_next_key
from ingestion.readers import Question, Reader
from ingestion.windows import Window

LIVES = "/channels/livedashboard/getlivelist"
LIVE = "/channels/livedashboard/getlivedata"
ORDERS = "/channels/ec/order/list/get"
ORDER = "/channels/ec/order/get"
AFTERSALES = "/channels/ec/aftersale/getaftersalelist"
AFTERSALE = "/channels/ec/aftersale/getaftersaleorder"

PLATFORM_ZONE = ZoneInfo("Asia/Shanghai")
_LONGEST_ORDER_WINDOW = dt.timedelta(days=7)
_LONGEST_AFTERSALE_WINDOW = dt.timedelta(hours=24)
_ORDERS_A_PAGE = 100
_NOT_DATA = frozenset({"errcode", "errmsg", "trace_id"})

# An after-sale in one of these states changes no more.
FINAL_AFTERSALE_STATUSES = (
    "MERCHANT_REFUND_SUCCESS",
    "MERCHANT_RETURN_SUCCESS",
    "USER_CANCELD",
    "RETURN_CLOSED",
)

_log = logging.getLogger(__name__)


def lives(transport: Transport, window: Window) -> Iterator[dict[str, Any]]:
    """Yield {"export_id", "create_time", "data"} of livestreams that began before the window's end.

    The platform lists by Shanghai day. The day before the window is read again: its statistics settle late.
    """
    found: dict[str, int] = {}
    for day in _platform_days(window):
        answer = transport.post(LIVES, {"ds": int(day.strftime("%Y%m%d"))})
        if answer.get("has_more"):
            _log.warning("%s: %s has more livestreams than the API can list", LIVES, day)
        for item in answer.get("live_items") or []:
            if int(item["create_time"]) < window.seconds[1]:
                found[item["export_id"]] = int(item["create_time"])

    def detail(export_id: str) -> dict[str, Any]:
        answer = transport.post(LIVE, {"export_id": export_id})
        data = {name: _decoded(blob) for name, blob in answer.items() if name not in _NOT_DATA}
        return {"export_id": export_id, "create_time": found[export_id], "data": data}

    yield from each_in_parallel(detail, found)


def shop_orders(transport: Transport, window: Window) -> Iterator[dict[str, Any]]:
    """Yield the orders updated inside the window, as they are now, each once. Personal data stays masked."""
    body = {"page_size": _ORDERS_A_PAGE}

    def ids() -> Iterator[str]:
        seen = set[str]()
        for piece in window.split(_LONGEST_ORDER_WINDOW):
            start, end = piece.seconds
            asked = {**body, "update_time_range": {"start_time": start, "end_time": end}}
            for page in pages_by_next_key(transport, ORDERS, asked, "order_id_list"):
                yield from _new_ones(page, seen)

    def detail(order_id: str) -> dict[str, Any]:
        answer = transport.post(ORDER, {"order_id": order_id, "encode_sensitive_info": True})
        return part_of(answer, "order", ORDER)

    yield from each_in_parallel(detail, ids())


def aftersales(transport: Transport, window: Window, open_ids: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the after-sales created inside the window, and again those of ``open_ids``, as they are now.

    The list knows creation times only: one opened weeks ago and settled today shows up in no window.
    """

    def ids() -> Iterator[str]:
        seen = set[str]()
        for piece in window.split(_LONGEST_AFTERSALE_WINDOW):
            start, end = piece.seconds
            asked = {"begin_create_time": start, "end_create_time": end}
            for page in pages_by_next_key(transport, AFTERSALES, asked, "after_sale_order_id_list"):
                yield from _new_ones(page, seen)
        yield from _new_ones(open_ids, seen)

    def detail(aftersale_id: str) -> dict[str, Any]:
        answer = transport.post(AFTERSALE, {"after_sale_order_id": aftersale_id})
        return part_of(answer, "after_sale_order", AFTERSALE)

    yield from each_in_parallel(detail, ids())


def _platform_days(window: Window) -> Iterator[dt.date]:
    day = window.start.astimezone(PLATFORM_ZONE).date() - dt.timedelta(days=1)
    last = window.end.astimezone(PLATFORM_ZONE).date()
    while day <= last:
        yield day
        day += dt.timedelta(days=1)


def _new_ones(ids: list[Any], seen: set[str]) -> Iterator[str]:
    for each in map(str, ids):
        if each not in seen:
            seen.add(each)
            yield each


def _decoded(blob: Any) -> Any:
    """The blobs are objects, or the same as JSON text; an empty one is normal."""
    if isinstance(blob, str):
        return json.loads(blob) if blob.strip() else {}
    return blob if blob is not None else {}


def _unsettled(question: Question) -> list[str]:
    final = ", ".join(f"'{status}'" for status in FINAL_AFTERSALE_STATUSES)
    condition = f"coalesce(payload ->> '$.status', '') not in ({final})"
    return living_values(question.lake, STREAMS["video_account/aftersales"], "record_key", condition)


SHOP_READERS: dict[str, Reader] = {
    "video_account/shop_orders": lambda question: shop_orders(question.transport, question.window),
    "video_account/aftersales": lambda question: aftersales(
        question.transport, question.window, _unsettled(question)
    ),
}
FINDER_READERS: dict[str, Reader] = {
    "video_account/lives": lambda question: lives(question.transport, question.window),
}
