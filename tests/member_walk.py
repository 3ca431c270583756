"""Tiers and points worked out the slow way, for the tests: one customer, one day after the other, in plain Python."""

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


@dataclass
class Lot:
    """What one order earns, and what is left of that."""

    day: dt.date
    expires: dt.date
    amount_fen: int
    percent: int
    refunds: list[tuple[dt.date, int]]
    left: int = 0

    def points_after(self, refunded_fen: int, fen_per_point: int) -> int:
        amount = max(0, min(self.amount_fen - refunded_fen, self.amount_fen))
        return amount * self.percent // (fen_per_point * 100)


# What happens first on a day: points are gone in the morning.
EXPIRE, EARN, GRANT, CLAW_BACK, SPEND = range(5)


def walk_points(
    lots: list[Lot],
    grants: list[tuple[dt.date, dt.date, int]],
    spends: list[tuple[dt.date, int]],
    as_of: dt.date,
    fen_per_point: int,
) -> dict[tuple[dt.date, str], int]:
    """Points by day and kind. Lots lie in a queue; what is taken and not there is a debt that the next lots pay.

    ``grants`` are (day, day on which they expire, points), ``spends`` (day, points).
    """
    events: list[tuple[dt.date, int, Lot | None, int]] = [
        (day, SPEND, None, points) for day, points in spends
    ]
    for lot in lots:
        events += _events_of(lot, fen_per_point)
    for day, expires, points in grants:
        granted = Lot(day, expires, amount_fen=0, percent=0, refunds=[])
        events += [(day, GRANT, granted, points), (expires, EXPIRE, granted, 0)]
    entries: dict[tuple[dt.date, str], int] = {}
    queue: list[Lot] = []
    debt = 0

    def take(points: int) -> int:
        """From the lots that expire first; returns what was not there."""
        for lot in sorted(queue, key=lambda each: each.expires):
            taken = min(points, lot.left)
            lot.left -= taken
            points -= taken
        return points

    def enter(day: dt.date, kind: str, points: int) -> None:
        if points:
            entries[day, kind] = entries.get((day, kind), 0) + points

    for day, what, lot, points in sorted(events, key=lambda each: each[:2]):
        if day > as_of:
            break
        if lot is None:
            enter(day, "spend", -points)
            debt += take(points)
        elif what == EXPIRE:
            enter(day, "expire", -lot.left)
            lot.left = 0
        elif what in (EARN, GRANT):
            enter(day, "earn" if what == EARN else "grant", points)
            lot.left = points
            queue.append(lot)
            debt = take(debt)
        else:
            enter(day, "claw_back", -points)
            own = min(points, lot.left)
            lot.left -= own
            debt += take(points - own)
    return entries


def _events_of(lot: Lot, fen_per_point: int) -> list[tuple[dt.date, int, Lot | None, int]]:
    events: list[tuple[dt.date, int, Lot | None, int]] = [
        (lot.day, EARN, lot, lot.points_after(0, fen_per_point)),
        (lot.expires, EXPIRE, lot, 0),
    ]
    refunded = 0
    for day, fen in lot.refunds:
        lost = lot.points_after(refunded, fen_per_point) - lot.points_after(refunded + fen, fen_per_point)
        refunded += fen
        if max(day, lot.day) < lot.expires:
            events.append((max(day, lot.day), CLAW_BACK, lot, lost))
    return events
