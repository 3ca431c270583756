"""P10: what one core takes in, against what the platform lets anybody ask for."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from common.lake import Lake
from common.settings import Settings
from sandbox.credentials import as_environment
from sandbox.runner import running
from sandbox.world import WorldOptions

# 10,000 calls a minute, 100 rows a page.
CEILING_ROWS_A_SECOND = 10_000 / 60 * 100
# Made by the sandbox in memory: more shows nothing new, as every page costs the same.
MOST_PEOPLE = 150_000
_STREAM = "wecom/contacts"

Rows = int
Seconds = float


def rows_per_cpu_second(customers: int, folder: Path, rounds: int) -> tuple[float, Rows]:
    """Fetch and admit the contacts of a made world ``rounds`` times, each into a lake of its own.

    Returns the median rows per CPU second of this process, and the rows of a round. The sandbox runs in a
    process of its own, so its work does not count; what this process spends on HTTP, JSON, dlt, Parquet and the
    comparison with the lake does.
    """
    options = WorldOptions(extra_people=min(customers, MOST_PEOPLE), shop_orders=10)
    with running(options, folder / "sandbox") as base_url:
        hosts = {name.removeprefix("SIYU_").lower(): text for name, text in as_environment(base_url).items()}
        # The first round pays for imports and is not counted: a daily job pays for them once.
        measured = [_round(hosts, folder / f"home{number}", number) for number in range(rounds + 1)][1:]
    rates = [rows / cpu for rows, cpu in measured]
    return statistics.median(rates), measured[0][0]


def _round(hosts: dict[str, str], home: Path, number: int) -> tuple[Rows, Seconds]:
    # The sandbox has no quota; the pace must not be what is measured.
    settings = Settings(home=home, api_calls_per_minute=10**7, api_calls_per_hour=10**9, **hosts)  # type: ignore[arg-type]
    lake = Lake(settings.lake_dir)
    lake.ensure()
    rows, cpu, wall = _timed(lambda: _ingest(settings, lake))
    rate = rows / cpu
    print(
        f"  round {number}: {rows:,} rows, {cpu:.2f} CPU s, {wall:.2f} s in all, {rate:,.0f} rows a CPU second"
        f" = {rate / CEILING_ROWS_A_SECOND:.2f} of the ceiling",
        flush=True,
    )
    return rows, cpu


def _ingest(settings: Settings, lake: Lake) -> Rows:
    from ingestion.fetch import fetch

    (arrival,) = fetch(settings, lake, _STREAM, window=None)
    return lake.admit(arrival).rows


def _timed(work: Callable[[], Rows]) -> tuple[Rows, Seconds, Seconds]:
    began, cpu = time.perf_counter(), time.process_time()
    rows = work()
    return rows, time.process_time() - cpu, time.perf_counter() - began
