"""How a member's tier is held between upgrades: reviews, protection, falls. Pure functions over numpy arrays.

Customers are walked side by side: round k takes the k-th thing that happens to each of them, so that the work is in
proportion to what happened and the number of rounds to the busiest customer's history.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

# A day that never comes.
NEVER = 99_999_999
# Reasons by the number that stands for them in the arrays.
REASONS = ("entered", "upgrade", "downgrade", "downgrade_at_review", "kept_at_review", "protected")
ENTERED, UPGRADE, DOWNGRADE, DOWNGRADE_AT_REVIEW, KEPT_AT_REVIEW, PROTECTED = range(len(REASONS))

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class HoldingRules:
    """When a tier may be lost.

    ``downgrade`` is ``at_once``, ``after_days`` (``review_days`` after the tier began or was last reviewed) or
    ``yearly`` (on ``review_month``/``review_day``). For ``protection_days`` after an upgrade nothing takes it away.
    """

    downgrade: str
    protection_days: int = 0
    review_days: int = 0
    review_month: int = 1
    review_day: int = 1

    def next_review(self, days: Numbers) -> Numbers:
        """Return the first review after each of ``days`` (days since 1970-01-01); NEVER when there are none."""
        if self.downgrade == "after_days":
            return days + self.review_days
        if self.downgrade == "yearly":
            years = days.astype("datetime64[D]").astype("datetime64[Y]")
            this_year = self._in_year(years)
            return np.where(this_year > days, this_year, self._in_year(years + 1))
        return np.full(len(days), NEVER, dtype=np.int64)

    def _in_year(self, years: npt.NDArray[np.datetime64]) -> Numbers:
        months = years.astype("datetime64[M]") + (self.review_month - 1)
        return months.astype("datetime64[D]").astype(np.int64) + (self.review_day - 1)


@dataclass(frozen=True)
class Decisions:
    """What was decided about whom on which day, by customer and day.

    ``review_days`` and ``protected_until_days``: as they stand after the decision (NEVER: no review); on
    ``protected_until_days`` the protection is over.
    """

    customers: Numbers
    days: Numbers
    ranks: Numbers
    reasons: Numbers
    review_days: Numbers
    protected_until_days: Numbers


def hold_tiers(
    customers: Numbers, days: Numbers, ranks: Numbers, rules: HoldingRules, as_of_day: int
) -> Decisions:
    """Return every decision up to ``as_of_day``, 1 being the lowest rank.

    Rows say that from the day on the customer's spend qualifies for the rank; they are sorted by customer and day, no
    day stands twice, and a customer's first row is the day she entered.
    """
    starts = np.flatnonzero(np.r_[True, customers[1:] != customers[:-1]]) if len(customers) else customers[:0]
    state = _State(customers, days, ranks, rules, starts)
    told = [state.tell(np.arange(len(starts)), days[starts], ENTERED)]
    active = np.arange(len(starts))
    while len(active):
        due = state.next_day(active)
        active, due = active[due <= as_of_day], due[due <= as_of_day]
        told += state.step(active, due)
    columns = [np.concatenate(parts) for parts in zip(*told, strict=True)]
    order = np.lexsort((columns[1], columns[0]))
    return Decisions(*(column[order] for column in columns))


class _State:
    """Where every customer stands; the arrays have one place per customer."""

    def __init__(
        self, customers: Numbers, days: Numbers, ranks: Numbers, rules: HoldingRules, starts: Numbers
    ) -> None:
        self.customers, self.days, self.ranks, self.rules = customers[starts], days, ranks, rules
        self.next_row = starts + 1
        self.end_row = np.r_[starts[1:], len(days)].astype(np.int64)
        self.rank = ranks[starts].copy()
        self.qualified = self.rank.copy()
        entered = days[starts]
        raised = self.rank > 1
        self.review = np.where(raised, rules.next_review(entered), NEVER)
        self.protected = np.where(raised, entered + rules.protection_days, entered)

    def next_day(self, who: Numbers) -> Numbers:
        """The next day on which something happens to each, NEVER when nothing does."""
        row = self.next_row[who]
        change = np.full(len(who), NEVER, dtype=np.int64)
        has_more = row < self.end_row[who]
        change[has_more] = self.days[row[has_more]]
        if self.rules.downgrade == "at_once":
            held = self.qualified[who] < self.rank[who]
            return np.minimum(change, np.where(held, self.protected[who], NEVER))
        return np.minimum(change, self.review[who])

    def step(self, who: Numbers, day: Numbers) -> list[tuple[Numbers, ...]]:
        """Let the day happen to each and return what was decided."""
        was_held = self.qualified[who] < self.rank[who]
        row = self.next_row[who]
        changed = row < self.end_row[who]
        changed[changed] = self.days[row[changed]] == day[changed]
        self.qualified[who[changed]] = self.ranks[row[changed]]
        self.next_row[who[changed]] += 1
        above = self.qualified[who] > self.rank[who]
        below = self.qualified[who] < self.rank[who]
        safe = day < self.protected[who]
        told = [self._rise(who[above], day[above])]
        if self.rules.downgrade == "at_once":
            told.append(self._fall(who[below & ~safe], day[below & ~safe], DOWNGRADE))
            told.append(self.tell(who[below & safe & ~was_held], day[below & safe & ~was_held], PROTECTED))
            return told
        reviewed = (self.review[who] == day) & ~above
        told.append(
            self._fall(who[reviewed & below & ~safe], day[reviewed & below & ~safe], DOWNGRADE_AT_REVIEW)
        )
        protected, kept = who[reviewed & below & safe], who[reviewed & ~below]
        self.review[protected] = self.protected[protected]
        told.append(self.tell(protected, day[reviewed & below & safe], PROTECTED))
        self.review[kept] = self.rules.next_review(day[reviewed & ~below])
        told.append(self.tell(kept, day[reviewed & ~below], KEPT_AT_REVIEW))
        return told

    def _rise(self, who: Numbers, day: Numbers) -> tuple[Numbers, ...]:
        self.rank[who] = self.qualified[who]
        self.protected[who] = day + self.rules.protection_days
        self.review[who] = self.rules.next_review(day)
        return self.tell(who, day, UPGRADE)

    def _fall(self, who: Numbers, day: Numbers, reason: int) -> tuple[Numbers, ...]:
        self.rank[who] = self.qualified[who]
        self.protected[who] = day
        self.review[who] = np.where(self.rank[who] > 1, self.rules.next_review(day), NEVER)
        return self.tell(who, day, reason)

    def tell(self, who: Numbers, day: Numbers, reason: int) -> tuple[Numbers, ...]:
        """Rows of Decisions, one per customer of ``who``."""
        reasons = np.full(len(who), reason, dtype=np.int64)
        return (
            self.customers[who], day.copy(), self.rank[who], reasons, self.review[who], self.protected[who]
        )  # fmt: skip
