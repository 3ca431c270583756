"""Tiers worked out the slow way, for the tests: one customer, one day after the other, in plain Python."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

EPOCH = dt.date(1970, 1, 1)


@dataclass
class DayWalk:
    """The policy of a walk, in the words of vars.member_tier_rules."""

    downgrade: str
    protection_days: int = 0
    review_days: int = 0
    review_month: int = 1
    review_day: int = 1

    def review_after(self, day: int) -> int | None:
        if self.downgrade == "after_days":
            return day + self.review_days
        if self.downgrade == "yearly":
            date = EPOCH + dt.timedelta(days=day)
            years = (date.year, date.year + 1)
            reviews = [(dt.date(year, self.review_month, self.review_day) - EPOCH).days for year in years]
            return min(review for review in reviews if review > day)
        return None


def walk_days(policy: DayWalk, qualified: dict[int, int], as_of_day: int) -> list[tuple[int, int, str]]:
    """Return (day, rank, reason) of every decision; ``qualified`` gives the rank earned from a day on."""
    decisions: list[tuple[int, int, str]] = []
    rank, earned, protected_until, review, waits = 0, 0, 0, None, False
    for day in range(min(qualified), as_of_day + 1):
        earned = qualified.get(day, earned)
        if rank == 0:
            rank, reason = earned, "entered"
        elif earned > rank:
            rank, reason = earned, "upgrade"
        elif policy.downgrade == "at_once":
            if earned < rank and day >= protected_until:
                rank, reason = earned, "downgrade"
            elif earned < rank and not waits:
                reason = "protected"
            else:
                waits = earned < rank
                continue
        elif review == day:
            if earned == rank:
                reason = "kept_at_review"
            elif day < protected_until:
                reason = "protected"
            else:
                rank, reason = earned, "downgrade_at_review"
        else:
            continue
        waits = earned < rank
        decisions.append((day, rank, reason))
        if reason in ("entered", "upgrade"):
            protected_until = day + policy.protection_days
        if reason == "protected":
            review = protected_until if policy.downgrade != "at_once" else None
        else:
            review = policy.review_after(day) if rank > 1 else None
    return decisions
