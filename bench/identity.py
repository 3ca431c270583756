"""Runs the real dbt models of identity on generated lakes, and the same edges through scipy and splink."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

from common.lake import Lake
from common.settings import DBT_PROJECT_DIR
from sandbox.generate.plan import Mix, Plan
from sandbox.generate.writer import Writer

# Few orders a customer: an edge between identifiers is shown by one or two records, as in a register.
MIX = Mix(orders=0.5, most_lines=0, coupon_uses=0, shop_orders=0.6, groups=0, lives=False)
IDENTIFIERS_PER_CUSTOMER = 3.74
IDENTITY = (
    "int_identity__", "int_run__record_identifiers", "int_run__links_before", "int_run__limited_before",
    "int_run__touched_identifiers", "int_run__components", "bridge_customer_identities",
)  # fmt: skip

SELECTED = ("+bridge_customer_identities", "+int_identity__components")


@dataclass(frozen=True)
class IdentityRun:
    """One dbt run: seconds of each identity model, and the peak memory of the process in GiB."""

    models: dict[str, float]
    peak_gib: float

    @property
    def seconds(self) -> float:
        return sum(self.models.values())


def write_identity_lake(home: Path, identifiers: int) -> None:
    """Fill a home's lake with customers who have about so many identifiers in all."""
    plan = Plan(round(identifiers / IDENTIFIERS_PER_CUSTOMER), mix=MIX)
    Writer(Lake(home / "lake"), plan, lambda text: None).write_days()


def prepare(home: Path) -> None:
    """Build every model from an empty view of the lake, so that identity alone can be run incrementally after."""
    _dbt(home, "run", known_at="19700101T000000000000Z")


def run_identity(home: Path, *, rebuild: bool) -> IdentityRun:
    """Run the models up to the identity bridge, and no others; staging runs too and is not counted.

    Raises:
        RuntimeError: dbt failed, or the run was not of the asked kind.
    """
    peak = _dbt(home, "run", "--select", *SELECTED, *(["--full-refresh"] if rebuild else []))
    with duckdb.connect(str(home / "warehouse.duckdb")) as db:
        kind = db.execute("select is_rebuild from meta.run_log order by run_no desc limit 1").fetchall()
        if kind != [(rebuild,)]:
            raise RuntimeError(f"expected a run with is_rebuild = {rebuild}, got {kind}")
        # A run of a part is no base to build on; here nothing but identity is looked at.
        db.execute("update meta.run_log set state = 'complete'")
    results = json.loads((home / "target" / "run_results.json").read_text())["results"]
    times = {each["unique_id"].split(".")[-1]: each["execution_time"] for each in results}
    return IdentityRun({name: each for name, each in times.items() if name.startswith(IDENTITY)}, peak)


def _dbt(home: Path, *arguments: str, known_at: str = "") -> float:
    """Run dbt in a process of its own; returns its peak memory in GiB."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SIYU_")},
        "SIYU_HOME": str(home),
        "SIYU_KNOWN_AT": known_at,
        "SIYU_AS_OF": "2026-12-31",
    }
    folders = ["--project-dir", str(DBT_PROJECT_DIR), "--profiles-dir", str(DBT_PROJECT_DIR)]
    folders += ["--target-path", str(home / "target"), "--log-path", str(home / "logs")]
    command = [str(Path(sys.executable).with_name("dbt")), *arguments, *folders, "--no-use-colors"]
    return run_measured(command, environment)[1]


def run_measured(command: list[str], environment: dict[str, str] | None = None) -> tuple[float, float]:
    """Run a program to its end; returns its seconds and its peak memory in GiB, as the operating system counts it.

    Raises:
        RuntimeError: it failed; with its last words.
    """
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    words = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}: {words[-3000:]}")
    return time.perf_counter() - start, usage.ru_maxrss / 2**20
