"""Which business days a training looks from. A look is a replay of that day, so each is a scoring day."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from common.scoring import CHURN_DAYS, REPURCHASE_DAYS

# A Sunday, like every scoring day whatever the cadence (dbt: scoring_date).
_A_SCORING_DAY = dt.date(1970, 1, 4)
_STEP = 7

TRAIN_LOOKS = 2


@dataclass(frozen=True)
class Looks:
    """Days of one training. What follows a look is known when its horizon has passed.

    No day that the labels of ``train`` reach into comes after the first of the test looks: what is tested on is later
    than everything learned from.
    """

    as_of: dt.date
    train: tuple[dt.date, ...]
    test_long: tuple[dt.date, ...]  # of models that look 90 days ahead
    test_short: tuple[dt.date, ...]  # of models that look 30 days ahead

    @property
    def newest(self) -> dt.date:
        """The scoring day that customers would be scored on now."""
        return scoring_day(self.as_of)

    @property
    def all(self) -> tuple[dt.date, ...]:
        """Every day to replay, oldest first."""
        return tuple(sorted({*self.train, *self.test_long, *self.test_short, self.newest}))


def scoring_day(day: dt.date) -> dt.date:
    """Return the last Sunday up to a day."""
    return day - dt.timedelta(days=(day - _A_SCORING_DAY).days % _STEP)


def looks_for(as_of: dt.date, first_order: dt.date) -> Looks:
    """Return the looks of a training that has seen days up to ``as_of``; there is an order before each.

    Train looks lie whole horizons before the test look, oldest first; a short history has fewer of them, or none.
    """
    horizon = dt.timedelta(days=CHURN_DAYS)
    test = scoring_day(as_of - horizon)
    train: list[dt.date] = []
    day = test
    for _ in range(TRAIN_LOOKS):
        day = scoring_day(day - horizon)
        # A look at the shop's first month sees nobody who could come back.
        if day - dt.timedelta(days=REPURCHASE_DAYS) >= first_order:
            train.insert(0, day)
    latest = scoring_day(as_of - dt.timedelta(days=REPURCHASE_DAYS))
    tests = tuple(each for each in (test,) if each > first_order)
    return Looks(
        as_of, tuple(train), tests, tuple(sorted({*tests, latest})) if latest > first_order else tests
    )
