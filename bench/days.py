"""P1 and P1r: a day's run ÷ a full build of the same lake, side by side, with the same answer.

Seconds are those of the models (dbt's run_results.json); the whole process is printed beside it. P1: orders of 1% of
the customers come, and the business day does not move, so nobody else is touched. P1r: one day later, with the
orders, register entries, contacts and after-sales of that day, late and corrected ones, and whatever leaves a window.
"""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from bench.dbt import Build, answers, build, differing, query
from bench.measure import ROUNDS, Measure
from common.lake import Lake, load_id_of
from sandbox.generate.added import AddedDay, add_day
from sandbox.generate.plan import Mix, Plan
from sandbox.generate.writer import Writer

CUSTOMERS, TEN_MILLION = 1_000_000, 10_000_000
ONE_PERCENT = AddedDay(share=0.01, moved=0, newcomers=0)
# So many events that, with six windows to leave, 4 to 6% of the customers are touched by a day.
REALISTIC = Mix(orders=3, coupon_uses=1.5, shop_orders=2)
GOALS = {"P1": (0.03, 0.08), "P1r": (0.06, 0.06)}
TOUCHED = (
    "select (select count(*) from intermediate.int_run__touched_customers) "
    "/ (select count(*) from marts.dim_customers)"
)


def p1(asked: int | None, folder: Path) -> Measure:
    """1% of the customers changed ÷ full build."""
    customers, home = asked or CUSTOMERS, folder / "home"
    lake = _lake(home, Plan(customers))
    build(home, rebuild=True)

    def day(_: int) -> Build:
        add_day(lake, ONE_PERCENT, lambda text: None)
        return build(home, rebuild=False)

    return _compared("P1", customers, home, day, lambda _: build(home, rebuild=True))


def p1r(asked: int | None, folder: Path) -> Measure:
    """A realistic day ÷ full build."""
    customers, home = asked or CUSTOMERS, folder / "home"
    plan = Plan(customers, days=1 + ROUNDS, mix=REALISTIC)
    _lake(home, plan)

    def run(number: int, *, rebuild: bool) -> Build:
        day = plan.first_load + number
        known = load_id_of(plan.loaded_at(day) + dt.timedelta(minutes=1))
        return build(home, rebuild=rebuild, as_of=plan.date_of(day).isoformat(), known_at=known)

    run(0, rebuild=True)
    return _compared(
        "P1r", customers, home, lambda no: run(no, rebuild=False), lambda no: run(no, rebuild=True)
    )


def _compared(
    code: str, customers: int, home: Path, day: Callable[[int], Build], full: Callable[[int], Build]
) -> Measure:
    days: list[Build] = []
    fulls: list[Build] = []
    shares = []
    for number in range(1, ROUNDS + 1):
        days.append(day(number))
        shares.append(float(query(home, TOUCHED)[0][0]))
        said = answers(home)
        fulls.append(full(number))
        if others := differing(home, said):
            raise RuntimeError(
                f"{code}: expected the rebuild's answer, these marts differ: {', '.join(others)}"
            )
        print(
            f"  round {number}: {shares[-1]:.2%} touched {days[-1].seconds:.1f} s, full {fulls[-1].seconds:.1f} s, "
            f"{len(said)} marts equal; processes {days[-1].process_seconds:.0f} and {fulls[-1].process_seconds:.0f} s",
            flush=True,
        )
    print(f"  day: {days[-1].slowest()}", flush=True)
    print(f"  full: {fulls[-1].slowest()}", flush=True)
    one, whole = (statistics.median(each.seconds for each in builds) for builds in (days, fulls))
    details = {
        "day_seconds": one, "full_seconds": whole, "touched_ratio": statistics.median(shares),
        "process_ratio": statistics.median(each.process_seconds for each in days)
        / statistics.median(each.process_seconds for each in fulls),
        "peak_gib": max(each.peak_gib for each in fulls),
    }  # fmt: skip
    at_ten_million, below = GOALS[code]
    goal = at_ten_million if customers >= TEN_MILLION else below
    return Measure(code, one / whole, "ratio", goal, "full_build_of_the_same_lake", customers, details)


def _lake(home: Path, plan: Plan) -> Lake:
    start, lake = time.perf_counter(), Lake(home / "lake")
    Writer(lake, plan, lambda text: None).write_days()
    print(f"  lake of {plan.customers:,} customers: {time.perf_counter() - start:.0f} s", flush=True)
    return lake


def p9(asked: int | None, folder: Path) -> Measure:
    """Growth: full build of N customers ÷ that of N / 10, alternating."""
    customers = asked or CUSTOMERS
    sizes = (customers // 10, customers)
    homes = {size: folder / str(size) for size in sizes}
    for size, home in homes.items():
        _lake(home, Plan(size))
    builds: dict[int, list[Build]] = {size: [] for size in sizes}
    for number in range(1, ROUNDS + 1):
        for size, home in homes.items():
            builds[size].append(build(home, rebuild=True))
        each = ", ".join(f"{size:,}: {builds[size][-1].seconds:.1f} s" for size in sizes)
        print(f"  round {number}: {each}", flush=True)
    small, large = (statistics.median(each.seconds for each in builds[size]) for size in sizes)
    details = {
        "small_seconds": small, "large_seconds": large,
        "large_peak_gib": max(each.peak_gib for each in builds[customers]),
    }  # fmt: skip
    return Measure(
        "P9", large / small, "ratio", 10, f"full_build_of_{sizes[0]}_customers", customers, details
    )
