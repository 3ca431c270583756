"""What a generated lake is to hold, and how its events lie over the days.

Events carry running numbers and stand in the order of their days, so that a day is a range of numbers: any day's
rows can be made without making the others, and everything else about an event follows from its number and the seed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from zoneinfo import ZoneInfo

from common.clock import UTC, day_bounds

ZONE = ZoneInfo("Asia/Shanghai")
BASE_DAY = -1  # the day number of customers who were there before the first day
LATE_SHARE, MOST_LATE_DAYS = 0.03, 7
CHANGE_DAYS = 30  # a record changes at most so many days after its day
# A slice becomes one list of numbers in memory; a part is one Parquet file.
SLICE_ROWS, PART_ROWS = 100_000, 1_000_000
LIVE_WEEKDAYS = (2, 4, 5)  # Wednesday, Friday, Saturday evenings

Slice = tuple[int, int, int]  # day number, first number, number after the last


@dataclass(frozen=True)
class Mix:
    """How much of each kind a customer brings on average, over all days.

    The default comes to 30 rows a customer: 6.5 orders with 13 lines, 3 coupon uses, 5 shop orders, 0.3 after-sales,
    0.3 changes of points, a register entry, and a third of a WeCom contact.
    """

    members: float = 0.8  # share of customers in the member register
    phones: float = 0.6  # share of members with a phone
    orders: float = 6.5
    most_lines: int = 3  # 1 to so many lines an order, evenly; 0 for none
    identified_orders: float = 0.4  # share of orders that show unionid and openid beside the buyer id
    coupon_uses: float = 3.0
    points_changes: float = 0.3
    shop_orders: float = 5.0
    contacts: float = 0.35
    groups: float = 0.25
    lives: bool = True


@dataclass(frozen=True)
class Plan:
    """A generated lake: ``customers`` in all, ``days`` daily loads, the first of which carries ``history`` days more.

    Raises:
        ValueError: a count that is not positive.
    """

    customers: int
    days: int = 1
    history: int = 729
    seed: int = 20_261_121
    last_day: dt.date = dt.date(2026, 10, 31)
    mix: Mix = field(default_factory=Mix)
    added: tuple[int, ...] = ()  # newcomers of each day that was added later

    def __post_init__(self) -> None:
        for name, least in (("customers", 1), ("days", 1), ("history", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}: expected at least {least}, got {getattr(self, name)}")

    @property
    def first_load(self) -> int:
        """Day number of the first load."""
        return self.history

    @property
    def last_load(self) -> int:
        return self.history + self.days - 1

    def date_of(self, day: int) -> dt.date:
        return self.last_day + dt.timedelta(days=day - self.last_load)

    def starts_at(self, day: int) -> int:
        """Unix second at which a business day begins."""
        return int(day_bounds(self.date_of(day), ZONE)[0].timestamp())

    def loaded_at(self, day: int) -> dt.datetime:
        """When a day's first load arrives: two hours after the day is over."""
        return dt.datetime.fromtimestamp(self.starts_at(day + 1), UTC) + dt.timedelta(hours=2)

    def is_live(self, day: int) -> bool:
        """Whether there is a livestream in the evening."""
        return self.date_of(day).weekday() in LIVE_WEEKDAYS

    @cached_property
    def registrations(self) -> Flow:
        """Customers by the day they come; half were there before the first day."""
        return Flow(self.customers, [1.0] * self._length, base=self.customers // 2)

    @cached_property
    def orders(self) -> Flow:
        return Flow(round(self.customers * self.mix.orders), self._weights())

    @cached_property
    def coupon_uses(self) -> Flow:
        return Flow(round(self.customers * self.mix.coupon_uses), self._weights())

    @cached_property
    def points_changes(self) -> Flow:
        return Flow(round(self.customers * self.mix.points_changes), self._weights())

    @cached_property
    def shop_orders(self) -> Flow:
        return Flow(round(self.customers * self.mix.shop_orders), self._weights(live=2.2))

    @property
    def _length(self) -> int:
        return self.history + self.days

    def _weights(self, live: float = 1.0) -> list[float]:
        return [
            popularity(self.date_of(day)) * (live if self.is_live(day) else 1.0)
            for day in range(self._length)
        ]

    def save(self, path: Path) -> None:
        """Keep the plan beside the lake, for the days that are added later."""
        path.write_text(json.dumps(asdict(self), default=str, indent=1))

    @classmethod
    def load(cls, path: Path) -> Plan:
        """Read a kept plan.

        Raises:
            FileNotFoundError: this lake was not generated.
        """
        kept = json.loads(path.read_text())
        kept["last_day"] = dt.date.fromisoformat(kept["last_day"])
        return cls(**{**kept, "mix": Mix(**kept["mix"]), "added": tuple(kept["added"])})


def popularity(day: dt.date) -> float:
    """How many times the orders of a plain weekday: weekends, pay days, and the shopping festivals."""
    festivals = {
        (6, 18): 6.0,
        (11, 11): 8.0,
        (12, 12): 4.0,
        (3, 8): 2.5,
        (9, 9): 2.0,
        (1, 5): 2.0,
        (5, 20): 2.5,
    }
    weight = festivals.get((day.month, day.day), 1.0)
    if (day.month, day.day - 1) in festivals or (day.month, day.day + 1) in festivals:
        weight = 2.0
    return weight * (1.25 if day.weekday() >= 5 else 1.0) * (1.15 if day.day in (10, 15) else 1.0)


class Flow:
    """Running numbers laid over days. ``base`` of them stand before the first day."""

    def __init__(self, total: int, weights: list[float], base: int = 0) -> None:
        whole = sum(weights)
        self._ends = [base, *(base + round((total - base) * each / whole) for each in accumulate(weights))]

    def until(self, day: int) -> int:
        """How many there are at the end of a day; after the last day all of them."""
        return self._ends[min(day + 1, len(self._ends) - 1)]

    def of_days(self, first: int, last: int) -> list[Slice]:
        """Return the numbers of the days from ``first`` (BASE_DAY for those before the first) to ``last``."""
        start = self._ends[first] if first > BASE_DAY else 0
        return self.of_numbers(start, self.until(last))

    def of_numbers(self, low: int, high: int) -> list[Slice]:
        """Return the numbers from ``low`` up to ``high`` (left out), cut by days."""
        starts = [0, *self._ends[:-1]]
        return [
            (day - 1, max(low, start), min(high, end))
            for day, (start, end) in enumerate(zip(starts, self._ends, strict=True))
            if max(low, start) < min(high, end)
        ]


def parts_of(slices: list[Slice], rows: int = PART_ROWS) -> Iterator[list[Slice]]:
    """Group slices into parts of about so many rows, cutting long days."""
    part: list[Slice] = []
    held = 0
    for day, low, high in slices:
        for start in range(low, high, SLICE_ROWS):
            part.append((day, start, min(start + SLICE_ROWS, high)))
            held += part[-1][2] - start
            if held >= rows:
                yield part
                part, held = [], 0
    if part:
        yield part


class Dice:
    """SQL of random figures that follow from a number, a name and the seed, and from nothing else."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def bits(self, number: str, name: str) -> str:
        """64 random bits. DuckDB's hash of a BIGINT mixes all bits and is the same in every session."""
        digest = hashlib.sha256(f"{self._seed}|{name}".encode()).digest()
        return f"hash(xor({number}, {int.from_bytes(digest[:7], 'big')}))"

    def share(self, number: str, name: str) -> str:
        """A fraction from 0 up to 1, left out."""
        return f"(({self.bits(number, name)} >> 11) / 9007199254740992.0)"

    def whole(self, number: str, name: str, count: int | str) -> str:
        """A whole number from 0 up to ``count``, left out."""
        return f"cast({self.bits(number, name)} % {count} as bigint)"
