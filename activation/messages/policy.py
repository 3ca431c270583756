"""When and how often customers may be reached, as the policy file declares it."""

from __future__ import annotations

import datetime as dt
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class QuietHours(_Strict):
    """Nobody is reached from ``from`` until ``until``, in the business time zone; it may pass midnight."""

    begin: dt.time = Field(alias="from")
    until: dt.time

    def hold(self, instant: dt.datetime, zone: ZoneInfo) -> bool:
        """Return whether the instant lies in them; ``from`` does, ``until`` does not."""
        now = instant.astimezone(zone).time()
        if self.begin <= self.until:
            return self.begin <= now < self.until
        return now >= self.begin or now < self.until


class Cap(_Strict):
    """Most messages of these destinations that one customer may get: a calendar month, or so many days."""

    destinations: list[str] = Field(min_length=1)
    most: int = Field(ge=0)
    period: Literal["month"] | int = "month"

    @model_validator(mode="after")
    def _days(self) -> Cap:
        if isinstance(self.period, int) and not 1 <= self.period <= 366:
            raise ValueError("period: month, or 1 to 366 days")
        return self

    def since(self, now: dt.datetime, zone: ZoneInfo) -> dt.datetime:
        """Return the instant from which messages count at ``now``."""
        if self.period == "month":
            first = now.astimezone(zone).date().replace(day=1)
            return dt.datetime.combine(first, dt.time(), tzinfo=zone)
        return now - dt.timedelta(days=int(self.period))


class MessagesPolicy(_Strict):
    quiet_hours: QuietHours | None
    caps: list[Cap]
    # Messages of a destination in a calendar month, over all customers; the most valuable get them.
    allowance_per_month: dict[str, int]
    late_days: int = Field(ge=0, le=30)
    doubt_minutes: int = Field(ge=1)
    unknown_after_days: int = Field(ge=1)
    cancel_after_days: int = Field(ge=1, le=30)
    seconds_per_call: float = Field(gt=0)
    # Which version of the mini-program a tap on its subscribe message opens.
    miniprogram_state: Literal["formal", "trial", "developer"]

    def caps_of(self, destination: str) -> list[Cap]:
        """Return the caps that a message of this destination counts for."""
        return [each for each in self.caps if destination in each.destinations]
