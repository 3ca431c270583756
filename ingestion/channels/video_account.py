"""Video account (视频号): livestreams with their statistics, shop orders, after-sales; by windows."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from common.streams import STREAMS
from ingestion.details import details_by_id, each_detail, object_in
from ingestion.http import Transport
from ingestion.known import given_up_keys, living_values, refused_records
from ingestion.paging import pages_by_next_key
from ingestion.platform_days import days_touched, ds
from ingestion.readers import Question, Reader
from ingestion.records import Refused, UnreadableRecordError
from ingestion.windows import Window

LIVES = "/channels/livedashboard/getlivelist"
LIVE = "/channels/livedashboard/getlivedata"
ORDERS = "/channels/ec/order/list/get"
ORDER = "/channels/ec/order/get"
AFTERSALES = "/channels/ec/aftersale/getaftersalelist"
AFTERSALE = "/channels/ec/aftersale/getaftersaleorder"

# The figures of a livestream settle for two weeks (refunds, late payments, attribution): days after it began
# on which they are read.
SNAPSHOT_DAYS = (0, 1, 3, 7, 15)
_DAY = dt.timedelta(days=1)
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


def lives(
    transport: Transport, window: Window, known: Mapping[str, int], refused: Mapping[str, int] | None = None
) -> Iterator[Any]:
    """Yield {"export_id", "create_time", "data"} of the livestreams that are due in the window.

    Due are livestreams never seen before, and those in ``known`` ({export_id: second it began}) that have a
    snapshot day inside the window. Windows follow each other without a gap, so every snapshot is taken once,
    and one whose day was missed in the next run. ``refused`` ones are asked for again.
    """
    due = dict(refused or {})
    due |= {live: began for live, began in known.items() if is_due(began, window)}
    for day in days_touched(window, before=_DAY):
        answer = transport.post(LIVES, {"ds": int(ds(day))})
        if answer.get("has_more"):
            _log.warning("%s: %s has more livestreams than the API can list", LIVES, day)
        for item in answer.get("live_items") or []:
            began = _seconds(item.get("create_time"))
            if began is None or not item.get("export_id"):
                yield Refused(item, "expected an export_id and a create_time in seconds")
            elif began < window.seconds[1] and item["export_id"] not in known:
                due[item["export_id"]] = began

    def detail(export_id: str) -> dict[str, Any]:
        answer = transport.post(LIVE, {"export_id": export_id})
        data = {name: _decoded(blob) for name, blob in answer.items() if name not in _NOT_DATA}
        return {"export_id": export_id, "create_time": due[export_id], "data": data}

    yield from each_detail(detail, due, lambda live: {"export_id": live, "create_time": due[live]})


def is_due(began: int, window: Window) -> bool:
    """Whether one of the snapshot days of a livestream that began at this second falls into the window."""
    start, end = window.seconds
    return any(start <= began + days * 86_400 < end for days in SNAPSHOT_DAYS)


def shop_orders(transport: Transport, window: Window, refused: Iterable[str] = ()) -> Iterator[Any]:
    """Yield the orders updated inside the window, as they are now, each once. Personal data stays masked.

    A window longer than the platform's seven days is a backfill: it is asked for by creation as well, because
    what has been updated since it ended is in no update window of it. ``refused`` ones are asked for again.
    """

    def ids() -> Iterator[Any]:
        backfill = window.end - window.start > _LONGEST_ORDER_WINDOW
        for by in ("create_time_range", "update_time_range") if backfill else ("update_time_range",):
            for piece in window.split(_LONGEST_ORDER_WINDOW):
                start, end = piece.seconds
                asked = {"page_size": _ORDERS_A_PAGE, by: {"start_time": start, "end_time": end}}
                for page in pages_by_next_key(transport, ORDERS, asked, "order_id_list"):
                    yield from page

    def detail(order_id: str) -> dict[str, Any]:
        answer = transport.post(ORDER, {"order_id": order_id, "encode_sensitive_info": True})
        return object_in(answer, "order")

    yield from details_by_id(detail, ids(), refused, "order_id")


def aftersales(transport: Transport, window: Window, again: Iterable[str]) -> Iterator[Any]:
    """Yield the after-sales created inside the window, and once more those of ``again``, as they are now.

    The list knows creation times only: one opened weeks ago and settled today shows up in no window.
    """

    def ids() -> Iterator[Any]:
        for piece in window.split(_LONGEST_AFTERSALE_WINDOW):
            start, end = piece.seconds
            asked = {"begin_create_time": start, "end_create_time": end}
            for page in pages_by_next_key(transport, AFTERSALES, asked, "after_sale_order_id_list"):
                yield from page

    def detail(aftersale_id: str) -> dict[str, Any]:
        answer = transport.post(AFTERSALE, {"after_sale_order_id": aftersale_id})
        return object_in(answer, "after_sale_order")

    yield from details_by_id(detail, ids(), again, "after_sale_order_id")


def _decoded(blob: Any) -> Any:
    """The blobs are objects, or the same as JSON text; an empty one is normal."""
    if not isinstance(blob, str):
        return blob if blob is not None else {}
    try:
        return json.loads(blob) if blob.strip() else {}
    except ValueError as error:
        raise UnreadableRecordError("expected JSON in the text of a blob, got something else") from error


def _seconds(value: Any) -> int | None:
    return int(value) if str(value).isdecimal() else None


def _lives(question: Question) -> Iterator[Any]:
    stream, window = STREAMS["video_account/lives"], question.window
    start, end = window.seconds
    began = "try_cast(payload ->> '$.create_time' as bigint)"
    # Listed a day before the window, snapshotted two weeks after: both kinds must be known.
    recent = f"{began} between {start - (SNAPSHOT_DAYS[-1] + 2) * 86_400} and {end}"
    found = living_values(question.lake, stream, f"{began} || ' ' || record_key", recent)
    known = {export_id: int(seconds) for seconds, _, export_id in (each.partition(" ") for each in found)}
    refused = refused_records(question.lake, stream, "export_id")
    seconds_of = {str(each["export_id"]): _seconds(each.get("create_time")) for each in refused}
    again = {live: second for live, second in seconds_of.items() if second is not None}
    return lives(question.transport, window, known, again)


def _shop_orders(question: Question) -> Iterator[Any]:
    refused = refused_records(question.lake, STREAMS["video_account/shop_orders"], "order_id")
    return shop_orders(question.transport, question.window, [each["order_id"] for each in refused])


def _aftersales(question: Question) -> Iterator[Any]:
    stream = STREAMS["video_account/aftersales"]
    final = ", ".join(f"'{status}'" for status in FINAL_AFTERSALE_STATUSES)
    unsettled = f"coalesce(payload ->> '$.status', '') not in ({final})"
    given_up = given_up_keys(question.lake, stream, "after_sale_order_id")
    refused = refused_records(question.lake, stream, "after_sale_order_id")
    open_ones = living_values(question.lake, stream, "record_key", unsettled)
    again = [each for each in open_ones if each not in given_up]
    again += [each["after_sale_order_id"] for each in refused]
    return aftersales(question.transport, question.window, again)


SHOP_READERS: dict[str, Reader] = {
    "video_account/shop_orders": _shop_orders,
    "video_account/aftersales": _aftersales,
}
FINDER_READERS: dict[str, Reader] = {"video_account/lives": _lives}
