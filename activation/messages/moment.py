"""The present as messages see it: one place, so that quiet hours, caps and due dates mean the same instant."""

from __future__ import annotations

import datetime as dt

from common.clock import UTC, utc_now
from common.settings import Settings

_LIVED_AT = dt.time(10)


def present(settings: Settings) -> dt.datetime:
    """Return the present instant, UTC.

    A home whose data ends (``SIYU_LAST_DAY``, like the demo's) lives at 10:00 of the day after: nothing falls
    due there by the calendar on the wall, and it behaves the same whenever it is run.
    """
    now = utc_now()
    if settings.last_day is None:
        return now
    day = settings.last_day + dt.timedelta(days=1)
    return min(now, dt.datetime.combine(day, _LIVED_AT, tzinfo=settings.zone).astimezone(UTC))
