"""`make bench`: the measures that stand today."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from bench.activation import p7
from bench.cohorts import p13
from bench.days import p1, p1r, p9
from bench.identity import p6, p6i
from bench.ingest import CEILING_ROWS_A_SECOND, rows_per_cpu_second
from bench.measure import ROUNDS, Measure
from bench.predict import p13s
from bench.rules import p5
from bench.sets import p4
from bench.throughput import p14
from bench.why import p8
from common.lake import Lake
from common.settings import load_settings
from sandbox.generate.plan import Mix, Plan
from sandbox.generate.writer import Writer

LAST_DAY = dt.date(2026, 10, 31)
P10_CUSTOMERS = 100_000
# Five orders a buyer over two years, everybody in the register: what P2 and P3 have been measured on from the start.
ORDERS_ONLY = Mix(
    members=1, phones=0, orders=5, most_lines=0, identified_orders=0, coupon_uses=0, points_changes=0,
    shop_orders=0, contacts=0, groups=0, lives=False,
)  # fmt: skip


def write_lake(lake: Lake, customers: int) -> None:
    """Fill an empty lake with one load of members and one of their orders."""
    Writer(lake, Plan(customers, mix=ORDERS_ONLY, last_day=LAST_DAY), lambda text: None).write_days()


def daily_run(home: Path, day: dt.date) -> float:
    """Run `siyu run` in a process of its own and return its seconds."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SIYU_")},
        "SIYU_HOME": str(home),
        "SIYU_FIRST_DAY": "2026-01-01",
    }
    command = [str(Path(sys.executable).with_name("siyu")), "run", "--as-of", day.isoformat()]
    start = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, cwd=home)
    return time.perf_counter() - start


def p2(asked: int | None, folder: Path) -> Measure:
    """Whole daily job that builds everything ÷ the same SQL in one plain DuckDB session."""
    customers, home = asked or 1_000_000, folder / "home"
    write_lake(Lake(home / "lake"), customers)
    whole, plain = [], []
    for round_no in range(ROUNDS):
        for path in home.glob("warehouse.duckdb*"):
            path.unlink()
        # Else unchanged tables of the last copy would be linked, not written.
        shutil.rmtree(home / "published", ignore_errors=True)
        whole.append(daily_run(home, LAST_DAY))
        target = home / "dbt_target"
        command = [sys.executable, "-m", "bench.plain", str(target), str(folder / f"plain{round_no}")]
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        plain.append(time.perf_counter() - start)
        shutil.rmtree(folder / f"plain{round_no}")
        print(f"  round {round_no + 1}: daily job {whole[-1]:.1f} s, plain SQL {plain[-1]:.1f} s", flush=True)
    ratio = statistics.median(whole) / statistics.median(plain)
    return Measure("P2", ratio, "ratio", 1.25, "same_sql_in_plain_duckdb", customers)


def p3(asked: int | None, folder: Path) -> Measure:
    """Seconds of a daily run in which nothing is new, in a home of 1,000 customers."""
    home = folder / "home"
    write_lake(Lake(home / "lake"), 1000)
    daily_run(home, LAST_DAY)
    seconds = []
    for offset in range(1, ROUNDS + 1):
        seconds.append(daily_run(home, LAST_DAY + dt.timedelta(days=offset)))
        print(f"  round {offset}: {seconds[-1]:.1f} s", flush=True)
    return Measure("P3", statistics.median(seconds), "seconds", 15, "absolute", 1000)


def p10(asked: int | None, folder: Path) -> Measure:
    """Rows of contacts per CPU second of ingestion ÷ the rows a second that the platform lets anybody ask for."""
    rate, rows = rows_per_cpu_second(asked or P10_CUSTOMERS, folder, ROUNDS)
    return Measure(
        "P10", rate / CEILING_ROWS_A_SECOND, "ratio", 1, "platform_ceiling_10000_calls_a_minute", rows
    )


MEASURES: dict[str, Callable[[int | None, Path], Measure]] = {
    "P1": p1,
    "P1r": p1r,
    "P2": p2,
    "P3": p3,
    "P4": p4,
    "P5": p5,
    "P6": p6,
    "P6i": p6i,
    "P7": lambda asked, folder: p7(asked or 10_000_000, folder, ROUNDS),
    "P8": p8,
    "P9": p9,
    "P10": p10,
    "P13": p13,
    "P13s": p13s,
    "P14": lambda asked, folder: p14(asked or 5000, folder, ROUNDS),
}


def main() -> None:
    """Run the asked measures and keep their lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=sorted(MEASURES), help="one measure instead of all")
    parser.add_argument("--customers", type=int, help="size: customers, or identifiers for P6 and P6i")
    arguments = parser.parse_args()
    record = load_settings().home / "bench.jsonl"
    record.parent.mkdir(parents=True, exist_ok=True)
    for code in [arguments.only] if arguments.only else sorted(MEASURES):
        with tempfile.TemporaryDirectory(prefix="siyu-bench-") as folder:
            measure = MEASURES[code](arguments.customers, Path(folder))
        with record.open("a") as file:
            file.write(json.dumps(asdict(measure)) + "\n")
        print(measure.line(), flush=True)


if __name__ == "__main__":
    main()
