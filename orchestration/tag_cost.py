"""What each tag costs: the time its expression takes by itself, and the rows it has.

Timed over a sample of the last run's timeline, with the SQL of that run. The engine leaves out whatever a tag does not
need, so what is left is the tag, the tags it leans on, and reading the columns it asks about. The sum is more than the
run pays, since the run reads each column once.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb
from rich.table import Table

from common.settings import Settings
from common.warehouse import reading
from orchestration.dbt_run import build_target
from orchestration.verdict_chain import VERDICTS, bare, compiled_models

SAMPLE_ROWS, ROUNDS = 200_000, 3
_TIMELINE = "int_run__timeline"
_LAST_OF_SAMPLE = """
select max(customer_id)
from (select customer_id from warehouse.intermediate.int_run__days order by customer_id limit ?)
"""


@dataclass(frozen=True)
class TagCost:
    """One tag. ``milliseconds_per_million`` rows of the timeline (customer and day of change), median of three.

    ``history_rows`` count what is said now, corrected rows left out; ``customers`` carry the tag now.
    """

    code: str
    milliseconds_per_million: float
    history_rows: int
    customers: int


def tag_costs(
    db: duckdb.DuckDBPyConnection, verdicts_sql: str, codes: Iterable[str], *, kept: Path | None = None
) -> list[TagCost]:
    """Return the cost of each tag, dearest first; ``db`` knows the warehouse as ``warehouse``.

    ``verdicts_sql`` is that of ``int_run__verdicts`` with bare names. Times in the file ``kept`` are taken from there
    as long as that SQL is the same: a tag's time changes with the rules, its rows with every run.
    """
    codes = list(codes)
    digest = hashlib.md5(verdicts_sql.encode(), usedforsecurity=False).hexdigest()
    times = _kept_times(kept, digest)
    if times is None:
        times = _timed(db, verdicts_sql, codes)
        if kept is not None and times:
            kept.write_text(json.dumps({"verdicts": digest, "milliseconds_per_million": times}))
    history = {
        code: (total, present)
        for code, total, present in db.execute(
            "select tag_code, count(*), count(*) filter (valid_to is null) "
            "from warehouse.marts.tag_history where known_to is null group by tag_code"
        ).fetchall()
    }
    found = [TagCost(code, times.get(code, 0.0), *history.get(code, (0, 0))) for code in codes]
    return sorted(found, key=lambda each: (-each.milliseconds_per_million, each.code))


def _timed(db: duckdb.DuckDBPyConnection, verdicts_sql: str, codes: Iterable[str]) -> dict[str, float]:
    """Milliseconds per million rows of the timeline by tag; nothing where there are no rows."""
    # Whole customers, up to one named in the text: the timeline is a view, and with a bare limit, or a subquery for the
    # last customer, it would be put together for everybody first (4.3 s, not 1.1, at 20,000 customers, 2026-11-22).
    last = db.execute(_LAST_OF_SAMPLE, [SAMPLE_ROWS]).fetchone()
    if last is None or last[0] is None:
        return {}
    db.execute(
        f"create or replace temp table {_TIMELINE} as from warehouse.intermediate.{_TIMELINE} "
        f"where customer_id <= '{last[0]}'"
    )
    (rows,) = db.execute("select count(*) from int_run__timeline").fetchall()[0]
    times = {}
    for code in codes if rows else ():
        sql = f'select count("tag_{code}") from ({verdicts_sql})'  # noqa: S608 - checked codes
        times[code] = 1_000_000 * _milliseconds(db, sql) / rows
    db.execute(f"drop table {_TIMELINE}")
    return times


def _kept_times(kept: Path | None, digest: str) -> dict[str, float] | None:
    if kept is None or not kept.exists():
        return None
    found = json.loads(kept.read_text())
    return dict(found["milliseconds_per_million"]) if found["verdicts"] == digest else None


def last_verdicts(settings: Settings) -> str:
    """Return the SQL of the last run's verdicts, with bare names.

    Raises:
        FileNotFoundError: nothing was built yet.
    """
    path = compiled_models(build_target(settings) / "compiled").get(VERDICTS)
    if path is None:
        raise FileNotFoundError(f"no compiled SQL of {VERDICTS}; run `siyu run` first")
    return bare(path.read_text(encoding="utf-8"))


def cost_table(settings: Settings, codes: Iterable[str]) -> Table:
    """Return the costs as a table for the terminal.

    Raises:
        FileNotFoundError: nothing was built yet.
        duckdb.IOException: a run is writing the warehouse.
    """
    sql = last_verdicts(settings)
    with reading(settings) as db:
        found = tag_costs(db, sql, codes)
    table = Table(title="Tags (标签): what each costs", title_justify="left", box=None, pad_edge=False)
    table.add_column("tag")
    for name in ("ms per million days", "rows of history", "customers"):
        table.add_column(name, justify="right")
    for each in found:
        table.add_row(
            each.code,
            f"{each.milliseconds_per_million:,.1f}",
            f"{each.history_rows:,}",
            f"{each.customers:,}",
        )
    return table


def _milliseconds(db: duckdb.DuckDBPyConnection, sql: str) -> float:
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        db.execute(sql).fetchall()
        taken.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken)
