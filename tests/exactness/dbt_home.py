"""Runs the real dbt project in one home, in this process, parsing it once.

The path of the home is part of the parsed manifest, so one home is emptied and used again instead of making many.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import duckdb

from common.lake import Lake
from common.settings import DBT_PROJECT_DIR, Settings
from orchestration.dbt_events import skip_unheard_events
from orchestration.dbt_run import draw_digest

# The same people are held out in every home of a test, so that homes can be compared.
DRAW_KEY = "the same in all homes of the tests"
COMPARED_SCHEMAS = ("staging", "marts", "activation")
COMPARED_STATE = ("int_identity__", "int_prediction__")  # what is kept from run to run
# What earlier runs said is no function of the lake (tests/exactness/test_tier_restatements.py has its own proof).
REMEMBERED = {"tier_restatements"}
TWO_TIMES = {("marts", "tag_history")}

_manifests: dict[tuple[Any, ...], Any] = {}


@contextlib.contextmanager
def _garbage_left_alone() -> Iterator[None]:
    """A dbt run makes a million objects, and looking through them (and all that pytest holds) takes a fifth of it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class DbtHome:
    """One home with its lake and warehouse; ``run`` is one daily dbt run.

    ``variables`` stand in for vars of dbt_project.yml. ``project`` may be a copy of the dbt project, with other rules
    say: the same home may be run by several projects, one after the other.
    """

    def __init__(
        self,
        home: Path,
        zone: str = "Asia/Shanghai",
        variables: dict[str, Any] | None = None,
        project: Path = DBT_PROJECT_DIR,
    ) -> None:
        self.home = home
        self.project = project
        self.zone = zone
        self.variables = variables or {}
        self.lake = Lake(home / "lake")
        self._draw_digest = draw_digest(Settings(_env_file=None, home=home, draw_key=DRAW_KEY))

    @property
    def warehouse(self) -> Path:
        return self.home / "warehouse.duckdb"

    def _target(self, project: Path) -> Path:
        return self.home / ("target" if project == DBT_PROJECT_DIR else f"target_{project.name}")

    def clear(self) -> None:
        """Forget everything but dbt's own files."""
        gc.collect()  # a failed run's connection hangs in the traceback of what it raised
        self.home.mkdir(parents=True, exist_ok=True)
        for path in self.home.iterdir():
            if path.is_file():
                path.unlink()
            elif path != self._target(self.project):
                shutil.rmtree(path)
        self.lake.ensure()

    def run(
        self, as_of: str, *, known_at: str = "", select: str | None = None, full_refresh: bool = False
    ) -> None:
        """Run the models as the daily job does; raises AssertionError with dbt's words when one fails."""
        arguments = ["run"]
        if select:
            arguments += ["--select", select]
        if full_refresh:
            arguments.append("--full-refresh")
        result = self.invoke(arguments, as_of=as_of, known_at=known_at)
        failed = [
            f"{each.node.name}: {each.message}"
            for each in result.result or []
            if str(each.status) != "success"
        ]
        assert result.success, f"dbt failed: {result.exception or failed}"

    def invoke(
        self,
        arguments: list[str],
        *,
        as_of: str = "",
        known_at: str = "",
        project_dir: Path | None = None,
    ):
        """Call dbt with arguments and return its result object; another project is parsed anew."""
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner

        skip_unheard_events()
        variables = {
            "SIYU_HOME": str(self.home),
            "SIYU_BUSINESS_TIMEZONE": self.zone,
            "SIYU_DRAW_DIGEST": self._draw_digest,
            "SIYU_AS_OF": as_of,
            "SIYU_KNOWN_AT": known_at,
            "DBT_LOG_LEVEL_FILE": "info",  # the debug log costs a second a run
        }
        project = project_dir or self.project
        common = [
            "--project-dir",
            str(project),
            "--profiles-dir",
            str(project),
            "--target-path",
            str(self._target(project)),
            "--log-path",
            str(self.home / "logs"),
            "--quiet",
            "--no-use-colors",
            # Tests run side by side already; two models at a time only cost more CPU here.
            *(["--threads", "1"] if arguments[0] in ("run", "test") else []),
            *(["--vars", json.dumps(self.variables, ensure_ascii=False)] if self.variables else []),
        ]
        # Only meanwhile: other tests of this process read settings from the environment.
        with mock.patch.dict(os.environ, variables), _garbage_left_alone():
            if project != self.project:
                try:
                    return dbtRunner().invoke(["--no-partial-parse", *arguments, *common])
                finally:
                    DuckDBConnectionManager.close_all_connections()
            parsed_of = (self.home, self.project, self.zone, json.dumps(self.variables))
            if parsed_of not in _manifests:
                parsed = dbtRunner().invoke(["parse", *common])
                assert parsed.success, parsed.exception
                _manifests[parsed_of] = parsed.result
            try:
                return dbtRunner(manifest=_manifests[parsed_of]).invoke([*arguments, *common])
            finally:
                DuckDBConnectionManager.close_all_connections()

    def put_warehouse_aside(self, name: str) -> Path:
        """Move the warehouse away (the next run builds a new one) and return where it went."""
        target = self.home / "warehouses" / f"{name}.duckdb"
        target.parent.mkdir(exist_ok=True)
        self.warehouse.rename(target)
        return target

    def query(self, sql: str) -> list[tuple]:
        """Return the rows of a query against the warehouse."""
        with duckdb.connect(str(self.warehouse), read_only=True) as db:
            return db.execute(sql).fetchall()


def differing_rows(left: Path, right: Path) -> dict[str, int]:
    """Count, per table, the rows that stand in one warehouse and not in the other (duplicates count).

    Every table and view of the compared schemas takes part, so a new mart is in the comparison from its first day.
    """
    with duckdb.connect() as db:
        tables = {"l": _copy(db, left, "l"), "r": _copy(db, right, "r")}
        assert tables["l"] == tables["r"], tables["l"] ^ tables["r"]
        assert tables["l"], "nothing to compare"
        return {
            name: db.execute(
                f'select (select count(*) from (from l."{name}" except all from r."{name}")) '
                f'+ (select count(*) from (from r."{name}" except all from l."{name}"))'
            ).fetchone()[0]
            for name in sorted(tables["l"])
        }


def _copy(db: duckdb.DuckDBPyConnection, path: Path, side: str) -> set[str]:
    """Copy the compared tables into schema ``side``; views name the database `warehouse`, so attach it as that."""
    db.execute(f"attach '{path}' as warehouse (read_only); create schema {side}")
    names = db.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = 'warehouse' "
        "union all select schema_name, view_name from duckdb_views() where database_name = 'warehouse'"
    ).fetchall()
    compared = [
        (schema, name)
        for schema, name in names
        if (schema in COMPARED_SCHEMAS and name not in REMEMBERED) or name.startswith(COMPARED_STATE)
    ]
    for schema, name in compared:
        # When something was said depends on when runs were; that it is said now does not.
        now = "select * exclude (known_from, known_to)" if (schema, name) in TWO_TIMES else ""
        only = "where known_to is null" if now else ""
        db.execute(f'create table {side}."{schema}.{name}" as {now} from warehouse.{schema}.{name} {only}')
    db.execute("detach warehouse")
    return {f"{schema}.{name}" for schema, name in compared}
