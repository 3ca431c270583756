"""P8: `siyu why` for one customer, from the published copy of a whole run."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import duckdb

from bench.measure import Measure
from common.lake import Lake
from common.settings import Settings
from orchestration.why_rule import explain_rule
from sandbox.generate.plan import Plan
from sandbox.generate.writer import Writer

CUSTOMERS, ASKED = 1_000_000, 40


def p8(asked: int | None, folder: Path) -> Measure:
    """Median milliseconds of an explanation with its witness, the copy warm; the process's start is not counted."""
    from bench.__main__ import LAST_DAY, daily_run

    customers, home = asked or CUSTOMERS, folder / "home"
    Writer(Lake(home / "lake"), Plan(customers, last_day=LAST_DAY), lambda text: None).write_days()
    daily_run(home, LAST_DAY)
    settings = Settings(_env_file=None, home=home)  # type: ignore[call-arg]
    with duckdb.connect(str(settings.published_dir / "current" / "siyu.duckdb"), read_only=True) as db:
        rows = db.execute(
            "select customer_id, segment_code from segment_members using sample reservoir(400 rows) repeatable (7)"
        ).fetchall()
    chosen = sorted(rows)[:: max(1, len(rows) // ASKED)][:ASKED]
    seconds = []
    for customer, segment in chosen:
        start = time.perf_counter()
        explained = explain_rule(settings, customer, kind="segment", code=segment)
        seconds.append(time.perf_counter() - start)
        assert explained.verdict is True
    slowest = 1000 * max(seconds)
    print(f"  {len(seconds)} explanations, slowest {slowest:.0f} ms", flush=True)
    return Measure(
        "P8", 1000 * statistics.median(seconds), "ms", 200, "absolute", customers, {"slowest_ms": slowest}
    )
