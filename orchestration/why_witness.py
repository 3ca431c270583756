"""A smallest set of a customer's rows without which a verdict would be another.

Rows are taken away in orders that rules care about (newest, oldest, largest first), coarsely at first and then finely;
what was taken away in vain is given back. The result is minimal: with any of its rows back, the verdict holds again.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

from orchestration.why_replay import Fact, Removed, dependents

Judge = Callable[[list[Removed]], list[Any]]
FINE, GROWTH, MOST_FINE, ALL_CHOICES = 8, 1.3, 120, 4


def orderings_of(facts: list[Fact]) -> list[list[Fact]]:
    """Return the orders in which rows are taken away: those of each table and all together (newest first)."""
    whole = [fact for fact in facts if not fact.is_part]
    found = [whole]
    for table in dict.fromkeys(fact.table for fact in whole):
        rows = [fact for fact in whole if fact.table == table]
        found += [rows, rows[::-1]]
        if any(fact.amount_fen for fact in rows):
            found.append(sorted(rows, key=lambda fact: -fact.amount_fen))
    return found


def coarse_sets(facts: list[Fact], orderings: list[list[Fact]]) -> list[Removed]:
    """Return the first n rows of every order, for n up to 8 each and then growing by a third."""
    sets = [dependents(facts, rows[:size]) for rows in orderings for size in _sizes(len(rows))]
    return list(dict.fromkeys(sets))


def smallest_witness(
    facts: list[Fact], orderings: list[list[Fact]], known: dict[Removed, Any], verdict: Any, judge: Judge
) -> tuple[Removed | None, Any]:
    """Return a minimal witness and the verdict without it; None where no set of rows changes the verdict.

    ``known`` are the verdicts of the coarse sets, ``judge`` gives those of further ones.
    """
    flips = _flips(known, verdict)
    if not flips:
        return None, verdict
    least = len(min(flips, key=len))
    between = list(_between(facts, orderings, flips, least)) if least > FINE else []
    if between:
        flips |= _flips(dict(zip(between, judge(between), strict=True)), verdict)
    best = min(flips, key=_place)
    return _minimal(best, flips[best], verdict, judge)


def _minimal(best: Removed, other: Any, verdict: Any, judge: Judge) -> tuple[Removed, Any]:
    while len(best) > 1:
        units = sorted({_with_order(best, fact) for fact in best}, key=_place)
        # Of few rows every choice is judged at once, of many those with one given back.
        kept = range(1, len(units)) if len(units) <= ALL_CHOICES else [len(units) - 1]
        fewer = [frozenset().union(*some) for count in kept for some in combinations(units, count) if count]
        flips = _flips(dict(zip(fewer, judge(fewer), strict=True)), verdict) if fewer else {}
        if not flips:
            break
        best = min(flips, key=_place)
        other = flips[best]
        if len(units) <= ALL_CHOICES:
            break
    return best, other


def _place(removed: Removed) -> tuple[int, list[str]]:
    return len(removed), sorted(fact.key for fact in removed)


def _flips(known: dict[Removed, Any], verdict: Any) -> dict[Removed, Any]:
    return {removed: found for removed, found in known.items() if removed and found != verdict}


def _between(
    facts: list[Fact], orderings: list[list[Fact]], flips: dict[Removed, Any], least: int
) -> dict[Removed, None]:
    """The sets between the last coarse one that changed nothing and the first that did, where it pays to look."""
    found: dict[Removed, None] = {}
    for rows in orderings:
        before = 0
        for size in _sizes(len(rows)):
            if dependents(facts, rows[:size]) in flips:
                if before < least:
                    found |= dict.fromkeys(dependents(facts, rows[:each]) for each in range(before + 1, size))
                break
            before = size
    return dict.fromkeys(list(found)[:MOST_FINE])


def _sizes(count: int) -> list[int]:
    sizes, size = list(range(1, min(count, FINE) + 1)), FINE
    while size < count:
        size = min(count, int(size * GROWTH) + 1)
        sizes.append(size)
    return sizes


def _with_order(facts: Removed, fact: Fact) -> Removed:
    """Giving back a refund gives back its order too, if that is gone as well, and the other way about."""
    return frozenset(
        each
        for each in facts
        if each == fact or (fact.order_key is not None and each.order_key == fact.order_key)
    )
