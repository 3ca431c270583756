"""Windows of time to ask for, frozen before the first call; where one ends the next begins."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from common.clock import UTC, day_bounds, utc_now
from common.lake import Lake
from common.settings import Settings
from common.streams import Stream

# An order that changes while its window is being paged may slip between pages; the next window looks again.
OVERLAP = dt.timedelta(minutes=10)
# Platforms settle their indexes a little after the fact.
SETTLING = dt.timedelta(seconds=120)


class NothingKeptError(ValueError):
    """The platform keeps nothing of the window any more."""


@dataclass(frozen=True)
class Window:
    """[start, end), aware UTC instants.

    Raises:
        ValueError: naive, or end not after start.
    """

    start: dt.datetime
    end: dt.datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError(f"expected aware instants, got {self.start!r} and {self.end!r}")
        if self.end <= self.start:
            raise ValueError(f"expected an end after {self.start.isoformat()}, got {self.end.isoformat()}")

    def split(self, longest: dt.timedelta) -> Iterator[Window]:
        """Yield this window in consecutive pieces no longer than ``longest``."""
        start = self.start
        while start < self.end:
            end = min(start + longest, self.end)
            yield Window(start, end)
            start = end

    @property
    def seconds(self) -> tuple[int, int]:
        """Start and end as Unix seconds."""
        return int(self.start.timestamp()), int(self.end.timestamp())

    def __str__(self) -> str:
        return f"[{self.start.astimezone(UTC).isoformat()}, {self.end.astimezone(UTC).isoformat()})"


def default_window(
    settings: Settings, lake: Lake, stream: Stream, day: dt.date, *, since: dt.date | None = None
) -> Window:
    """Return what to fetch so that business day ``day`` is complete.

    From the end of the last admitted window (a little earlier, for records that moved while being paged; by
    ``stream.reread`` days for those that settle late), or from ``settings.first_day``, to the end of the day.
    When the lake is past that already, exactly the day. ``since`` moves the beginning back to that day, never
    forward, so nothing is skipped. What the platform no longer keeps is left out.

    Raises:
        ValueError: the day has not begun, or lies before ``settings.first_day``.
        NothingKeptError: the platform keeps nothing of it any more.
    """
    day_start, day_end = day_bounds(day, settings.zone)
    end = min(day_end, utc_now() - SETTLING)
    if end <= day_start:
        raise ValueError(f"{stream.key}: expected a day that has begun, got {day}; run it when it is over")
    start = _start(settings, lake, stream, day_start, end)
    if since is not None:
        start = min(start, day_bounds(since, settings.zone)[0])
    if end <= start:
        raise ValueError(
            f"{stream.key}: {day} lies before SIYU_FIRST_DAY={settings.first_day}; set that earlier"
        )
    oldest = _oldest_kept(settings, stream)
    if end <= oldest:
        raise NothingKeptError(f"the platform keeps {stream.kept_days} days, and {day} is older")
    return Window(max(start, oldest), end)


def _start(
    settings: Settings, lake: Lake, stream: Stream, day_start: dt.datetime, end: dt.datetime
) -> dt.datetime:
    cursor = lake.cursor(stream)
    if cursor is None:
        return day_bounds(settings.first_day, settings.zone)[0]
    if cursor >= end:
        return day_start
    days = getattr(settings, stream.reread) if stream.reread else 0
    return cursor - max(OVERLAP, dt.timedelta(days=days))


def _oldest_kept(settings: Settings, stream: Stream) -> dt.datetime:
    """A day later than the platform says: it refuses what is too old, and reading takes a while."""
    if stream.kept_days is None:
        return dt.datetime.min.replace(tzinfo=UTC)
    present = utc_now()
    if settings.last_day is not None:  # the world outside ends there: the sandbox's is 2017
        present = min(present, day_bounds(settings.last_day, settings.zone)[1])
    return present - dt.timedelta(days=stream.kept_days - 1)
