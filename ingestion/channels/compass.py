"""The shop's compass (罗盘): the platform's own figures of a day, for the shop and for each seller in it.

They come a day late and settle for some days more: refunds are booked on the day that was paid for. So a day is
never asked for before it is over, and the last seven are read again each time. How far back they go is not
documented: a backfill asks backwards until the platform refuses.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from typing import Any

from ingestion.details import asked_for, too_many
from ingestion.http import Transport
from ingestion.paging import each_in_parallel
from ingestion.platform_days import days_over, ds
from ingestion.readers import Reader
from ingestion.records import Refused
from ingestion.windows import Window

SHOP_DAY = "/channels/ec/compass/shop/overall/get"
FINDER_DAY = "/channels/ec/compass/shop/finder/list/get"

_READ_AGAIN = dt.timedelta(days=7)
_SELLER_IDS = ("finder_id", "talent_id", "mp_id")

_log = logging.getLogger(__name__)


def shop_days(transport: Transport, window: Window) -> Iterator[Any]:
    """Yield {"ds", "data"} of every day that is over when the window ends, from a week before it on.

    What an empty day answers is not documented: a day without figures is unknown, not zero, and left out.
    """
    for day, answer in _answers(transport, SHOP_DAY, window):
        if isinstance(answer, Refused):
            yield answer
        elif answer.get("data"):
            yield {"ds": day, "data": answer["data"]}
        else:
            _log.info("%s: no figures for %s yet; asked for again for a week", SHOP_DAY, day)


def finder_days(transport: Transport, window: Window) -> Iterator[Any]:
    """Yield one object per day and seller: {"ds", "seller_id", ...}, days as of ``shop_days``.

    A seller is a video account, a talent (带货达人) or an official account, and has the id of its kind.
    """
    for day, answer in _answers(transport, FINDER_DAY, window):
        if isinstance(answer, Refused):
            yield answer
            continue
        for item in answer.get("finder_list") or []:
            ids = (f"{name}:{item[name]}" for name in _SELLER_IDS if item.get(name))
            yield {"ds": day, "seller_id": next(ids, None), **item}


def _answers(transport: Transport, path: str, window: Window) -> Iterator[tuple[str, Any]]:
    """Yield (ds, answer or Refused) of each day, the latest first, as far back as the platform goes.

    Raises:
        TooManyRefusedError: the latest eight days were all refused.
    """

    def ask(day: str) -> Any:
        return asked_for(lambda day: transport.post(path, {"ds": day}), day, lambda day: {"ds": day})

    days = [ds(day) for day in days_over(window, before=_READ_AGAIN)][::-1]
    read, in_a_row = 0, 0
    for day, answer in zip(days, each_in_parallel(ask, days), strict=True):
        if isinstance(answer, Refused):
            in_a_row += 1
            if in_a_row > _READ_AGAIN.days and not read:
                raise too_many(in_a_row, in_a_row, answer.reason)
            if in_a_row > _READ_AGAIN.days:
                _log.warning(
                    "%s: the platform refuses %s and the week after; asked no further back", path, day
                )
                return
        else:
            read, in_a_row = read + 1, 0
        yield day, answer


READERS: dict[str, Reader] = {
    "video_account/shop_days": lambda question: shop_days(question.transport, question.window),
    "video_account/finder_days": lambda question: finder_days(question.transport, question.window),
}
