"""Mini-program payments, as 发货信息管理 (shipping management) lists them: who paid what, by pay time.

Only pay times can be asked for, and a payment changes for weeks afterwards (shipped, received, refunded): each
fetch reads the last ``SIYU_PAYMENTS_RESCAN_DAYS`` again. How long a window and how large a page may be is not
documented; both are settings.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

from ingestion.http import Transport
from ingestion.paging import pages_by_key
from ingestion.readers import Question, Reader
from ingestion.windows import Window

PAYMENTS = "/wxa/sec/order/get_order_list"


def payments(
    transport: Transport, window: Window, *, longest: dt.timedelta, page_size: int
) -> Iterator[dict[str, Any]]:
    """Yield the payments made inside the window, as they are now; amounts are fen, ids text."""
    for piece in window.split(longest):
        begin, end = piece.seconds
        body = {"pay_time_range": {"begin_time": begin, "end_time": end - 1}, "page_size": page_size}
        for page in pages_by_key(transport, PAYMENTS, body, "order_list", key="last_index"):
            yield from page


def _payments(question: Question) -> Iterator[dict[str, Any]]:
    settings, window = question.settings, question.window
    return payments(
        question.transport,
        Window(window.start - dt.timedelta(days=settings.payments_rescan_days), window.end),
        longest=dt.timedelta(days=settings.payments_window_days),
        page_size=settings.payments_page_size,
    )


READERS: dict[str, Reader] = {"miniprogram/payments": _payments}
