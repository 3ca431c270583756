"""One more day for a generated lake, of a chosen size: a share of the customers changes, and newcomers come.

Every hundredth customer (with ``share=0.01``) places an order, a third of them a shop order too, a tenth get a new
phone (换绑: the edge to the old one is withdrawn); newcomers register, buy, and some add a staff member.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from common.lake import Lake
from common.streams import STREAMS
from sandbox.generate import miniprogram, shop, wecom
from sandbox.generate.people import People
from sandbox.generate.plan import PART_ROWS, Plan, Slice, parts_of
from sandbox.generate.writer import PLAN_FILE, Recipe, Writer

_NUMBERS_A_DAY = 10**12  # orders of added days get numbers far above the plan's own


@dataclass(frozen=True)
class AddedDay:
    """What an added day brings: shares of all customers, each between 0 and 1.

    Raises:
        ValueError: a share outside.
    """

    share: float = 0.01  # customers who buy
    moved: float = 0.001  # members with a new phone
    newcomers: float = 0.0005

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value <= 1:
                raise ValueError(f"{name}: expected a share from 0 to 1, got {value}")


class _AddedPeople(People):
    """The customer behind an added order is its number, less what was added to it."""

    def __init__(self, plan: Plan, offset: int) -> None:
        super().__init__(plan)
        self._offset = offset

    def buyer(self, number: str, name: str) -> str:
        return f"({number} - {self._offset})"

    def heard(self, number: str, name: str) -> str:
        return "day_no"


class _MovedPeople(People):
    """Members whose phone is a new one on every added day."""

    def __init__(self, plan: Plan, load: int) -> None:
        super().__init__(plan)
        self._prefix = f"{13 + load % 4}"

    def phone(self, customer: str, *, moved: str = "false") -> str:
        return f"'{self._prefix}' || lpad(cast({customer} as varchar), 9, '0')"


def add_day(lake: Lake, day: AddedDay, line: Callable[[str], None]) -> int:
    """Write one more day's loads into a generated lake; returns the rows written.

    Raises:
        FileNotFoundError: the lake was not generated.
    """
    path = lake.root / PLAN_FILE
    if not path.exists():
        raise FileNotFoundError(f"no {PLAN_FILE} in {lake.root}: only a generated lake can get one more day")
    plan = Plan.load(path)
    load = plan.last_load + 1 + len(plan.added)
    newcomers = round(plan.customers * day.newcomers)
    known = plan.customers + sum(plan.added)
    rows = Writer(lake, plan, line).write_load(
        load, list(_recipes(plan, day, load, (known, known + newcomers)))
    )
    replace(plan, added=(*plan.added, newcomers)).save(path)
    return rows


def _recipes(plan: Plan, day: AddedDay, load: int, new: tuple[int, int]) -> list[Recipe]:
    offset = _NUMBERS_A_DAY + load * 10**10
    buyers = _AddedPeople(plan, offset)
    bought = {"number": f"no + {offset}", "taken": _every(day.share, load, new[0])}

    def everybody(load: int) -> list[list[Slice]]:
        return list(parts_of([(load, 0, plan.customers), (load, *new)], 10 * PART_ROWS))

    def by_day_of_coming(load: int) -> list[list[Slice]]:
        return list(parts_of(plan.registrations.of_numbers(0, plan.customers), 10 * PART_ROWS))

    def newly_come(load: int) -> list[list[Slice]]:
        return list(parts_of([(load, *new)]))

    mix = plan.mix
    moved = {"taken": _every(day.moved, load + 50, plan.customers)}
    phones = miniprogram.members(_MovedPeople(plan, load))
    also_shop = bought | {"taken": f"({bought['taken']}) and no % 3 = 0"}
    offered = [
        (mix.members * day.moved, "miniprogram/members", phones, by_day_of_coming, moved),
        (mix.members, "miniprogram/members", miniprogram.members(People(plan)), newly_come, {"taken": "true"}),
        (mix.contacts, "wecom/contacts", wecom.contacts(People(plan)), newly_come, {"taken": "true"}),
        (mix.orders, "miniprogram/orders", miniprogram.orders(buyers), everybody, bought),
        (mix.orders * mix.most_lines, "miniprogram/order_lines", miniprogram.order_lines(buyers), everybody, bought),
        (mix.shop_orders, "video_account/shop_orders", shop.shop_orders(buyers), everybody, also_shop),
    ]  # fmt: skip
    return [Recipe(STREAMS[key], body, pieces, **how) for wanted, key, body, pieces, how in offered if wanted]


def _every(share: float, load: int, first_newcomer: int) -> str:
    """SQL that takes a share of the customers, others on each added day, and all newcomers."""
    if not share:
        return f"no >= {first_newcomer}"
    step = round(1 / share)
    return f"no % {step} = {load % step} or no >= {first_newcomer}"
