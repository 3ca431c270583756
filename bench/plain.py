"""Runs the SQL of the last daily job, from the home's ``dbt_target``, in one plain DuckDB session: no dbt, no Dagster.

Usage: python -m bench.plain TARGET_DIR FOLDER   (the warehouse is built anew as FOLDER/warehouse.duckdb)
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import duckdb
import yaml

from common.settings import DBT_PROJECT_DIR


class _Dbt:
    """What a Python model asks dbt for."""

    def __init__(self, db: duckdb.DuckDBPyConnection, relations: dict[str, str]) -> None:
        self._db, self._relations = db, relations

    def config(self, **_: Any) -> None:
        """Accept the model's configuration."""

    def ref(self, name: str) -> duckdb.DuckDBPyRelation:
        """Return the relation of a model."""
        return self._db.query(f"from {self._relations[name]}")


def run_plain(target: Path, folder: Path) -> int:
    """Build every model of the last ``dbt build`` in its order; returns how many."""
    manifest = json.loads((target / "manifest" / "manifest.json").read_text())
    results = json.loads((target / "build" / "run_results.json").read_text())["results"]
    nodes = [
        manifest["nodes"][each["unique_id"]] for each in results if each["unique_id"].startswith("model.")
    ]
    relations = {node["name"]: f"{node['schema']}.{node['alias']}" for node in nodes}
    folder.mkdir(parents=True, exist_ok=True)
    profile = yaml.safe_load((DBT_PROJECT_DIR / "profiles.yml").read_text())["siyu"]["outputs"]["dev"]
    with duckdb.connect(str(folder / "warehouse.duckdb"), config=profile["config_options"]) as db:
        db.execute(
            "set TimeZone = 'UTC'; set preserve_insertion_order = false; set enable_progress_bar = false"
        )
        for schema in {node["schema"] for node in nodes}:
            db.execute(f"create schema if not exists {schema}")
        for node in nodes:
            if node["language"] == "python":
                _run_python_model(db, node, relations)
            else:
                db.execute(_statement(node, target))
    return len(nodes)


def _statement(node: dict[str, Any], target: Path) -> str:
    compiled = (target / "build" / "compiled" / "siyu" / node["original_file_path"]).read_text()
    kind = "view" if node["config"]["materialized"] == "view" else "table"
    return f"create {kind} {node['schema']}.{node['alias']} as {compiled}"


def _run_python_model(db: duckdb.DuckDBPyConnection, node: dict[str, Any], relations: dict[str, str]) -> None:
    spec = importlib.util.spec_from_file_location(node["name"], DBT_PROJECT_DIR / node["original_file_path"])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table = module.model(_Dbt(db, relations), db)
    db.register("answer", table)
    db.execute(f"create table {node['schema']}.{node['alias']} as from answer")


if __name__ == "__main__":
    print(run_plain(Path(sys.argv[1]), Path(sys.argv[2])))
