"""Instants are UTC; a business day is a date in the business time zone. Nothing else converts between them."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

UTC = dt.UTC


def utc_now() -> dt.datetime:
    """Return the present instant, aware, in UTC."""
    return dt.datetime.now(UTC)


def business_date(instant: dt.datetime, zone: ZoneInfo) -> dt.date:
    """Return the business day of an aware instant.

    Raises:
        ValueError: the instant carries no time zone.
    """
    if instant.tzinfo is None:
        raise ValueError(f"expected an aware instant, got naive {instant!r}; attach a time zone first")
    return instant.astimezone(zone).date()


def day_bounds(day: dt.date, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
    """Return [start, end) of a business day as UTC instants (23 or 25 hours long where clocks change)."""
    start = dt.datetime.combine(day, dt.time(), tzinfo=zone)
    end = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), tzinfo=zone)
    return start.astimezone(UTC), end.astimezone(UTC)
