"""Runs dbt for a measure, in a process of its own, and says what its models took."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

from common.settings import DBT_PROJECT_DIR

# What earlier runs said of tiers is no function of the lake.
REMEMBERED = {"tier_restatements"}
# After all that generated lakes hold.
AS_OF = "2026-12-31"


@dataclass(frozen=True)
class Build:
    """One dbt run of all models: seconds by model, seconds of the whole process, its peak memory in GiB."""

    models: dict[str, float]
    process_seconds: float
    peak_gib: float

    @property
    def seconds(self) -> float:
        """Of the models alone: what dbt itself needs to start is the same for a small lake and a large one (P3)."""
        return sum(self.models.values())

    def slowest(self, count: int = 8) -> str:
        """The slowest models, for people."""
        found = sorted(self.models.items(), key=lambda each: -each[1])[:count]
        return ", ".join(f"{name} {seconds:.2f}" for name, seconds in found)


def build(
    home: Path, *, rebuild: bool, as_of: str = AS_OF, known_at: str = "", project: Path = DBT_PROJECT_DIR
) -> Build:
    """Run all models.

    Raises:
        RuntimeError: dbt failed, or the run was not of the asked kind.
    """
    # One model at a time, or the seconds of models that run side by side would be counted twice.
    arguments = ["run", "--threads", "1", *(["--full-refresh"] if rebuild else [])]
    start = time.perf_counter()
    peak = run_dbt(home, *arguments, known_at=known_at, as_of=as_of, project=project)
    seconds = time.perf_counter() - start
    kind = query(home, "select is_rebuild from meta.run_log order by run_no desc limit 1")
    if kind != [(rebuild,)]:
        raise RuntimeError(f"expected a run with is_rebuild = {rebuild}, got {kind}")
    results = json.loads((home / "target" / "run_results.json").read_text())["results"]
    return Build(
        {each["unique_id"].split(".")[-1]: each["execution_time"] for each in results}, seconds, peak
    )


def answers(home: Path) -> dict[str, tuple[int, str]]:
    """Return rows and digest of every mart; of what has two times what is said now, as `tests/exactness` compares."""
    tables = query(
        home,
        "select table_name from duckdb_tables() where schema_name in ('marts', 'activation') order by table_name",
    )
    found = {}
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as db:
        for (name,) in tables:
            if name in REMEMBERED:
                continue
            schema = "activation" if name.startswith("act_") else "marts"
            rows = f"from {schema}.{name}"
            if name == "tag_history":
                rows = f"select * exclude (known_from, known_to) {rows} where known_to is null"
            row = db.execute(
                f"select count(*), coalesce(sum(hash(t)), 0)::varchar from ({rows}) as t"
            ).fetchone()
            assert row is not None
            found[name] = (row[0], row[1])
    return found


def differing(home: Path, before: dict[str, tuple[int, str]]) -> list[str]:
    """Return the marts whose rows are others now."""
    now = answers(home)
    return sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name))


def query(home: Path, sql: str) -> list[tuple]:
    """Return the rows of a query against a home's warehouse."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as db:
        return db.execute(sql).fetchall()


def run_dbt(
    home: Path, *arguments: str, known_at: str = "", as_of: str = AS_OF, project: Path = DBT_PROJECT_DIR
) -> float:
    """Run dbt in a process of its own; returns its peak memory in GiB, as the operating system counts it.

    Raises:
        RuntimeError: it failed; with its last words.
    """
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SIYU_")},
        "SIYU_HOME": str(home),
        "SIYU_KNOWN_AT": known_at,
        "SIYU_AS_OF": as_of,
        # Beyond that DuckDB spills, and the graph beside it finds room in 16 GiB at 40 M identifiers.
        "SIYU_WAREHOUSE_MEMORY": "11GiB",
    }
    folders = ["--project-dir", str(project), "--profiles-dir", str(project)]
    folders += ["--target-path", str(home / "target"), "--log-path", str(home / "logs")]
    command = [str(Path(sys.executable).with_name("dbt")), *arguments, *folders, "--no-use-colors"]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    words = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"dbt ended with {process.returncode}: {words[-3000:]}")
    return usage.ru_maxrss / 2**20
