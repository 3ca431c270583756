"""The sandbox's year: 2017, in New York, because the Complete Journey orders come from there."""

from __future__ import annotations

import datetime as dt
from random import Random
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/New_York")
YEAR = 2017
FIRST_DAY = dt.date(YEAR, 1, 1)
LAST_DAY = dt.date(YEAR, 12, 31)
# Hours at which people buy and chat; a list because random.choices wants weights beside it.
_HOURS = tuple(range(8, 24))
_HOUR_WEIGHTS = (2, 3, 4, 4, 5, 4, 4, 4, 4, 4, 5, 6, 9, 9, 6, 3)


def moment(day: dt.date, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    """Return the unix second of a New York wall-clock time."""
    return int(dt.datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=ZONE).timestamp())


YEAR_START = moment(FIRST_DAY)
YEAR_END = moment(dt.date(YEAR + 1, 1, 1))


def end_of(day: dt.date) -> int:
    """Return the first unix second after a New York day."""
    return moment(day + dt.timedelta(days=1))


def waking_moment(random: Random, earliest: int = YEAR_START) -> int:
    """Return a unix second at which somebody is awake, between ``earliest`` and the end of the year."""
    first = dt.datetime.fromtimestamp(earliest, ZONE).date()
    for _ in range(8):
        day = first + dt.timedelta(days=random.randint(0, (LAST_DAY - first).days))
        hour = random.choices(_HOURS, _HOUR_WEIGHTS)[0]
        found = moment(day, hour, random.randrange(60), random.randrange(60))
        if found >= earliest:
            return found
    return min(earliest + random.randrange(60, 1800), YEAR_END - 1)
