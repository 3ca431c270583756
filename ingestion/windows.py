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


def default_window(settings: Settings, lake: Lake, stream: Stream, day: dt.date) -> Window:
    """Return what to fetch so that business day ``day`` is complete.

    From the end of the last admitted window (a little earlier, for records that moved while being paged), or
    from ``settings.first_day``, to the end of the day. When the lake is past that already, exactly the day.

    Raises:
        ValueError: the day has not begun, or lies before ``settings.first_day``.
    """
    day_start, day_end = day_bounds(day, settings.zone)
    end = min(day_end, utc_now() - SETTLING)
    if end <= day_start:
        raise ValueError(f"{stream.key}: expected a day that has begun, got {day}; run it when it is over")
    cursor = lake.cursor(stream)
    if cursor is not None:
        return Window(day_start, end) if cursor >= end else Window(cursor - OVERLAP, end)
    start, _ = day_bounds(settings.first_day, settings.zone)
    if end <= start:
        raise ValueError(
            f"{stream.key}: {day} lies before SIYU_FIRST_DAY={settings.first_day}; set that earlier"
        )
    return Window(start, end)
