"""The platform counts in natural days of Shanghai, whatever the brand's own business days are."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from common.clock import day_bounds
from ingestion.windows import Window

PLATFORM_ZONE = ZoneInfo("Asia/Shanghai")
_DAY = dt.timedelta(days=1)


def days_touched(window: Window, *, before: dt.timedelta = dt.timedelta()) -> Iterator[dt.date]:
    """Yield the platform's days that have an instant in the window, or up to ``before`` earlier."""
    day = (window.start - before).astimezone(PLATFORM_ZONE).date()
    last = window.end.astimezone(PLATFORM_ZONE).date()
    while day <= last:
        yield day
        day += _DAY


def days_over(window: Window, *, before: dt.timedelta = dt.timedelta()) -> Iterator[dt.date]:
    """Yield those of ``days_touched`` that are over when the window ends: a day's figures come when it is over."""
    return (
        day for day in days_touched(window, before=before) if day_bounds(day, PLATFORM_ZONE)[1] <= window.end
    )


def ds(day: dt.date) -> str:
    """Return a day as the platform writes it, ``20250108``."""
    return day.strftime("%Y%m%d")
