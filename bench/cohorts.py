"""P13: cohort retention and RFM of generated orders, by our models' SQL and by polars, from the same Parquet.

Ours is the compiled SQL of the models from ``int_run__purchases`` to the marts, run in a plain DuckDB session whose
other relations are views over Parquet files; the tables are written. The peer reads the same files and writes its
answers as Parquet. Both sides must give the same rows.

A million customers go through identity and the facts (402 s of dbt, 2026-12-01). More are copies of these under ids of
their own: what is measured begins after the facts.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import duckdb

from bench.dbt import run_dbt
from bench.measure import ROUNDS, Measure
from common.lake import Lake
from sandbox.generate.plan import Mix, Plan
from sandbox.generate.writer import Writer

# Orders of one channel with lines and refunds; nobody to talk to: what a shop system alone can give.
MIX = Mix(
    members=1,
    phones=0,
    orders=5,
    most_lines=2,
    coupon_uses=0,
    points_changes=0,
    shop_orders=0,
    contacts=0,
    groups=0,
    lives=False,
)
CHAIN = [
    "int_run__purchases", "int_run__main_categories", "int_run__purchase_days", "int_run__cohort_members",
    "int_members__purchase_days", "int_members__cohort_members", "int_members__cohort_activity",
    "int_members__cohort_cells", "int_members__cohort_cell_activity", "cohort_retention",
    "cohort_retention_clean", "agg_customer_rfm",
]  # fmt: skip
COHORT_COLUMNS = (
    "period_unit, split_by, split_value, cohort_date, period_index, cohort_size, active_customers, order_count, "
    "gross_fen, net_fen, cumulative_net_fen"
)
BUILT = 1_000_000  # customers; the rest are copies
TEXT_KEYS = ("customer_id", "order_key", "identifier_key")
NUMBER_KEYS = ("customer_no", "identifier_no")
RFM_COLUMNS = (
    "customer_id, frequency, active_days, monetary_fen, recency_days, r_ntile, f_ntile, m_ntile, r_tiesafe, f_tiesafe, "
    "m_tiesafe"
)


def p13(customers: int | None, folder: Path) -> Measure:
    """Cohorts and RFM ÷ polars."""
    size = customers or BUILT
    copies = max(1, round(size / BUILT))
    home, inputs = folder / "home", folder / "inputs"
    Writer(Lake(home / "lake"), Plan(size // copies, mix=MIX), lambda text: None).write_days()
    run_dbt(home, "run", "--select", *(f"+{name}" for name in CHAIN))
    orders = _export(home, inputs, copies)
    print(f"  {orders:,} orders", flush=True)
    ours: list[float] = []
    polars: list[float] = []
    for round_no in range(ROUNDS):
        ours.append(_run("ours", home, inputs))
        polars.append(_run("polars", home, inputs))
        print(f"  round {round_no + 1}: ours {ours[-1]:.1f} s, polars {polars[-1]:.1f} s", flush=True)
    _compare(inputs)
    ratio = statistics.median(ours) / statistics.median(polars)
    return Measure("P13", ratio, "ratio", 1, "polars_same_parquet", size, {"orders": orders})


def run_ours(home: Path, inputs: Path) -> None:
    """Run the chain's compiled SQL over the exported relations; the warehouse is ``inputs/ours.duckdb``."""
    nodes = _nodes(home)
    target = inputs / "ours.duckdb"
    target.unlink(missing_ok=True)
    with duckdb.connect(str(target)) as db:
        db.execute(
            "set TimeZone = 'UTC'; set preserve_insertion_order = false; set enable_progress_bar = false"
        )
        for path in inputs.glob("*.parquet"):
            schema, name, _ = path.name.split(".")
            db.execute(f"create schema if not exists {schema}")
            db.execute(f"create view {schema}.{name} as from '{path}'")
        for name in CHAIN:
            node = nodes[name]
            db.execute(f"create schema if not exists {node['schema']}")
            compiled = (home / "target/compiled/siyu" / node["original_file_path"]).read_text()
            db.execute(
                f"create table {node['schema']}.{node['alias']} as {compiled.replace(_database(node), '')}"
            )


def _nodes(home: Path) -> dict[str, Any]:
    manifest = json.loads((home / "target/manifest.json").read_text())
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}


def _database(node: dict[str, Any]) -> str:
    return f'"{node["database"]}".'


def _export(home: Path, inputs: Path, copies: int) -> int:
    """Write what the chain reads from outside it, so many times over; returns how many orders."""
    inputs.mkdir()
    nodes = _nodes(home)
    read = {each.split(".")[-1] for name in CHAIN for each in nodes[name]["depends_on"]["nodes"]} - set(CHAIN)
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as db:
        db.execute("set preserve_insertion_order = false")
        for name in sorted(read):
            relation = f"{nodes[name]['schema']}.{nodes[name]['alias']}"
            db.execute(f"copy ({_copies(db, relation, copies)}) to '{inputs}/{relation}.parquet'")
        return copies * int(db.execute("select count(*) from intermediate.int_run__orders").fetchall()[0][0])


def _copies(db: duckdb.DuckDBPyConnection, relation: str, copies: int) -> str:
    """Return a query of the relation: each row so many times, under ids of its own; a row without ids once."""
    columns = {name for name, *_ in db.execute(f"describe {relation}").fetchall()}
    ids = [f"{name} || '~' || copy_no as {name}" for name in TEXT_KEYS if name in columns]
    ids += [f"{name} * {copies} + copy_no as {name}" for name in NUMBER_KEYS if name in columns]
    if copies == 1 or not ids:
        return f"from {relation}"
    return f"select * exclude (copy_no) replace ({', '.join(ids)}) from {relation}, range({copies}) as t (copy_no)"


def _run(side: str, home: Path, inputs: Path) -> float:
    """Run a side in a process of its own; returns its seconds without start and imports."""
    command = [sys.executable, "-m", "bench.cohorts", side, str(home), str(inputs)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.splitlines()[-1])


def _compare(inputs: Path) -> None:
    """Raise RuntimeError when the sides differ in a row."""
    with duckdb.connect(str(inputs / "ours.duckdb"), read_only=True) as db:
        for table, columns in (
            ("marts.cohort_retention", COHORT_COLUMNS), ("marts.cohort_retention_clean", COHORT_COLUMNS),
            ("marts.agg_customer_rfm", RFM_COLUMNS),
        ):  # fmt: skip
            theirs = f"'{inputs}/polars/{table.split('.')[-1]}.parquet'"
            for left, right in ((table, theirs), (theirs, table)):
                differing = f"select {columns} from {left} except all select {columns} from {right}"
                rows = db.execute(f"select * from ({differing}) limit 3").fetchall()
                if rows:
                    raise RuntimeError(f"{left} has rows that {right} lacks: {rows}")


def main() -> None:
    """Print the seconds of one side: python -m bench.cohorts ours|polars HOME INPUTS."""
    side, home, inputs = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if side == "polars":
        from bench.cohorts_polars import run_polars  # a peer's import is not part of its time

        start = time.perf_counter()
        run_polars(inputs)
    else:
        start = time.perf_counter()
        run_ours(home, inputs)
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main()
