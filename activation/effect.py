"""What treating a segment did: the arms of a draw compared, with intervals. Numbers in, numbers out.

Everybody who was drawn into an arm counts there, whatever was sent to her (intention to treat): who could be
reached, opened or answered differs from who did not, and only the draw is by chance.
"""

# scipy.special and not scipy.stats, which takes 1.6 s more to import: every run's report page asks here.
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
FEWEST = 30
"""Members an arm needs before an interval is given: with fewer the approximations below do not hold."""
SUSPECT_RATIO = 0.001
"""A split as uneven as this comes by chance once in a thousand draws: something else decided who is in which arm."""


@dataclass(frozen=True)
class Arm:
    """What one arm did: how many members, the sum of a metric over them, and the sum of its squares."""

    code: str
    members: int
    value_sum: float
    value_square_sum: float

    @property
    def mean(self) -> float:
        """Value per member, 0 without any."""
        return self.value_sum / self.members if self.members else 0.0

    @property
    def variance(self) -> float:
        """Variance of the value between members, as estimated from them; 0 with fewer than two."""
        if self.members < 2:
            return 0.0
        # Rounding may take it a little below nothing.
        return max(self.value_square_sum - self.members * self.mean**2, 0.0) / (self.members - 1)


@dataclass(frozen=True)
class Lift:
    """Mean of ``arm`` minus mean of ``against``; ``low`` and ``high`` bound it, None with too few members."""

    arm: Arm
    against: Arm
    difference: float
    low: float | None
    high: float | None

    @property
    def is_significant(self) -> bool:
        """True when the interval leaves out zero."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high

    @property
    def ratio(self) -> float | None:
        """The difference as a share of the other arm's mean, None where that is nothing."""
        return self.difference / self.against.mean if self.against.mean > 0 else None


def lift(arm: Arm, against: Arm, *, is_share: bool) -> Lift:
    """Compare two arms. ``is_share`` metrics are 0 or 1 for a member; others may be anything.

    Shares get Newcombe's interval (of two Wilson intervals), which holds for small shares too. Other metrics get
    Student's with one variance for both arms, as when nothing was done: what people spend is so skewed that the
    variance of a small holdout alone (Welch's interval) shows an effect in 7% of splits where there is none.
    """
    difference = arm.mean - against.mean
    if min(arm.members, against.members) < FEWEST:
        return Lift(arm, against, difference, None, None)
    low, high = _newcombe(arm, against) if is_share else _student(arm, against)
    return Lift(arm, against, difference, low, high)


def sample_ratio(members: Sequence[int], drawn: Sequence[float]) -> float | None:
    """Return how likely chance alone is to split members so far from the shares they were drawn by.

    Below ``SUSPECT_RATIO`` no lift of these arms should be believed. None with nobody, or a single arm.
    """
    from scipy.special import chdtrc

    arms = [(count, share) for count, share in zip(members, drawn, strict=True) if share > 0]
    total, shares = sum(count for count, _ in arms), sum(share for _, share in arms)
    if len(arms) < 2 or not total:
        return None
    expected = [total * share / shares for _, share in arms]
    far = sum((count - wanted) ** 2 / wanted for (count, _), wanted in zip(arms, expected, strict=True))
    return float(chdtrc(len(arms) - 1, far))


def _newcombe(arm: Arm, against: Arm) -> tuple[float, float]:
    (low, high), (other_low, other_high) = _wilson(arm), _wilson(against)
    p, q = arm.mean, against.mean
    return (
        p - q - math.hypot(p - low, other_high - q),
        p - q + math.hypot(high - p, q - other_low),
    )


def _wilson(arm: Arm) -> tuple[float, float]:
    from scipy.special import ndtri

    z, n, p = float(ndtri((1 + CONFIDENCE) / 2)), arm.members, arm.mean
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return middle - reach, middle + reach


def _student(arm: Arm, against: Arm) -> tuple[float, float]:
    from scipy.special import stdtrit

    freedom = arm.members + against.members - 2
    squares = sum(each.variance * (each.members - 1) for each in (arm, against))
    error = math.sqrt(squares / freedom * (1 / arm.members + 1 / against.members))
    difference, reach = arm.mean - against.mean, float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    return difference - reach, difference + reach
