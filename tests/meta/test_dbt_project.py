"""The dbt project's own rules, read from its manifest: layers, contracts, descriptions."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from common.settings import DBT_PROJECT_DIR
from orchestration.rules.compiled import generated_files, sources_digest
from orchestration.rules.segment_models import gone_models
from tests.exactness.dbt_home import DbtHome

PUBLIC_SCHEMAS = ("marts", "activation")
# Columns of these models follow from the rules; their meaning is in the catalogue and in rules/features.yml.
GENERATED_COLUMNS = {
    "int_run__verdicts", "int_run__timeline", "int_run__sums", "int_run__days", "int_run__events", "int_run__daily",
}  # fmt: skip
REQUIRED_PUBLIC = {
    "customers", "customer_identities", "orders", "customer_tags", "tag_catalog", "tag_history", "member_tiers",
    "cohort_retention", "segments", "segment_members", "segment_lift", "touches", "moments", "moment_interactions",
    "official_followers", "personal_contacts", "leads", "events", "customer_predictions", "prediction_models",
    "prediction_catalog", "staff_tags", "customer_texts",
}  # fmt: skip


@pytest.fixture(scope="module")
def home(home: DbtHome) -> DbtHome:
    home.run("2026-01-31")
    return home


@pytest.fixture(scope="module")
def models(home: DbtHome) -> dict[str, dict[str, Any]]:
    manifest = json.loads((home.home / "target" / "manifest.json").read_text())
    return {node["name"]: node for node in manifest["nodes"].values() if node["resource_type"] == "model"}


def test_every_model__says_its_grain(models: dict[str, dict[str, Any]]) -> None:
    assert models
    assert not [name for name, node in models.items() if not node["description"].startswith("One row")]


def test_every_column__is_documented_and_real(home: DbtHome, models: dict[str, dict[str, Any]]) -> None:
    real: dict[str, set[str]] = {}
    for schema, table, column in home.query(
        "select table_schema, table_name, column_name from information_schema.columns"
    ):
        if schema != "meta":
            real.setdefault(table, set()).add(column)
    wrong = {}
    for name, node in models.items():
        documented = {column for column, about in node["columns"].items() if about["description"]}
        difference = documented - real[name] if name in GENERATED_COLUMNS else documented ^ real[name]
        if difference:
            wrong[name] = sorted(difference)
    assert not wrong


def test_models__are_made_in_one_statement(home: DbtHome, models: dict[str, dict[str, Any]]) -> None:
    """A setting that is for all models sends them all past macros/materializations.sql, and nothing else shows it."""
    run = home.home / "target" / "run" / "siyu"
    others = [
        name
        for name, node in models.items()
        if node["language"] == "sql"
        and "create or replace" not in (run / node["original_file_path"]).read_text(encoding="utf-8")
    ]
    assert not others


def test_unique_key__finds_a_key_that_stands_twice(home: DbtHome) -> None:
    def verdicts(arguments: list[str]) -> list[tuple[str, int]]:
        results = home.invoke(arguments, as_of="2026-01-31").result
        return [(str(each.status), each.failures) for each in results if each.node.resource_type == "test"]

    table = "marts.fct_order_lines"
    with duckdb.connect(str(home.warehouse)) as db:
        kinds = db.execute(f"select column_name, column_type from (describe {table})").fetchall()
        filled = {"VARCHAR": "'x'", "DATE": "date '2026-01-01'", "BOOLEAN": "true"}
        values = ", ".join(f"cast({filled.get(kind, '1')} as {kind}) as {name}" for name, kind in kinds)
        db.execute(f"insert into {table} by name select {values} from range(2)")
    asked = ["test", "--select", "unique_key_fct_order_lines_order_key__line_no"]
    found = verdicts(asked)
    with duckdb.connect(str(home.warehouse)) as db:
        db.execute(f"delete from {table}")
    assert found == [("fail", 1)]
    assert verdicts(asked) == [("pass", 0)]


def operators(plan: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield plan["name"], plan.get("extra_info") or {}
    for child in plan.get("children", []):
        yield from operators(child)


def test_no_outer_join__compares_every_pair(home: DbtHome, models: dict[str, dict[str, Any]]) -> None:
    """An outer join on more than comparisons of its two sides takes customers times customers.

    `or`, or a condition on one side alone, in `on` is enough: 45 s of 138 at 20,000 customers (2026-11-22). Put the
    condition into what is compared: coalesce(until, far) > day; key = case when condition then key end.
    """
    slow = {}
    for name, node in models.items():
        if node["language"] != "sql":
            continue
        compiled = (home.home / "target" / "compiled" / "siyu" / node["original_file_path"]).read_text()
        (plan,) = json.loads(home.query(f"explain (format json) {compiled}")[0][1])
        for operator, about in operators(plan):
            if operator == "BLOCKWISE_NL_JOIN" and about["Join Type"] != "INNER":
                slow[name] = about["Condition"]
    assert not slow


def test_layers__look_one_way(models: dict[str, dict[str, Any]]) -> None:
    """Staging reads sources only, activation reads marts only, and nothing reads activation."""
    wrong = []
    for name, node in models.items():
        for parent in node["depends_on"]["nodes"]:
            kind, parent_name = parent.split(".")[0], parent.split(".")[-1]
            parent_schema = models[parent_name]["schema"] if kind == "model" else kind
            allowed = {
                "staging": {"source"},
                "intermediate": {"staging", "intermediate", "marts"},
                "marts": {"staging", "intermediate", "marts"},
                "activation": {"marts"},
            }[node["schema"]]
            if parent_schema not in allowed:
                wrong.append(f"{name} reads {parent_name}")
    assert not wrong


def test_public_models__have_contracts(models: dict[str, dict[str, Any]]) -> None:
    public = [node for node in models.values() if node["schema"] in PUBLIC_SCHEMAS]
    assert public
    assert not [node["name"] for node in public if not node["contract"]["enforced"]]
    assert not [
        (node["name"], column["name"])
        for node in public
        for column in node["columns"].values()
        if not column["data_type"]
    ]


def test_published_tables__are_all_there(models: dict[str, dict[str, Any]]) -> None:
    published = {node["config"]["meta"].get("published_as") for node in models.values()}
    assert published >= REQUIRED_PUBLIC


def test_money__is_bigint(home: DbtHome) -> None:
    wrong = home.query(
        "select table_name, column_name, data_type from information_schema.columns "
        "where column_name like '%\\_fen' escape '\\' and data_type <> 'BIGINT'"
    )
    assert not wrong


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ({"member_tiers": [{"code": "a", "name_zh": "a", "min_spend_fen": 5}]}, "whole fen"),
        ({"member_tier_rules": {"window": {"kind": "lunar_year"}}}, "all_time, rolling or calendar_year"),
        ({"points_rules": {"fen_per_point": 0}}, "a whole number from 1"),
        ({"retention": {"left_censored_days": 31, "units": [{"unit": "fortnight"}]}}, "day, week or month"),
        ({"lifecycle_matrix": {"recency_days": [90, 30], "frequency": [1]}}, "rising whole numbers"),
        ({"prediction_scoring_days": 3}, "every day"),
        ({"segment_lift": {"within_days": [0]}}, "a whole number"),
        ({"segment_lift": {"within_days": [7], "measured_from": "soon"}}, "a business day like"),
        ({"entrance_baits": [{"entrance": "a", "bait": "b", "since": "soon"}]}, "a business day like"),
        ({"entrance_baits": [{"entrance": "a", "bate": "b"}]}, "entrance, bait and perhaps since"),
        ({"predictions": [{"code": "luck", "model": "purchases", "name_zh": "a"}]}, "luck of purchases"),
    ],
)
def test_wrong_policy__fails_at_parse(home: DbtHome, variable: dict[str, Any], expected: str) -> None:
    """Parsed anew with other vars: the message names the place, what was expected and what was got."""
    from dbt.cli.main import dbtRunner

    folders = {
        "--target-path": home.home / "other",
        "--project-dir": DBT_PROJECT_DIR,
        "--profiles-dir": DBT_PROJECT_DIR,
        "--log-path": home.home / "logs",
    }
    where = [str(word) for pair in folders.items() for word in pair]
    result = dbtRunner().invoke(
        ["parse", "--quiet", "--no-partial-parse", "--vars", json.dumps(variable), *where]
    )
    assert not result.success
    assert expected in str(result.exception)
    assert f"dbt_project.yml, vars.{next(iter(variable))}" in str(result.exception)


def test_dbt_unit_tests__all_pass(home: DbtHome) -> None:
    done = home.invoke(["test", "--resource-type", "unit_test"], as_of="2026-01-31")
    ran = {
        each.node.name: (str(each.status), each.message)
        for each in done.result or []
        if each.node.resource_type == "unit_test"
    }
    assert len(ran) >= 75, done.exception
    assert not {name: said for name, said in ran.items() if said[0] != "pass"}


def test_compiled_rules__are_those_of_the_files() -> None:
    """Else a plain `dbt build` refuses to run, and reviewers see another rule than the one that counts."""
    files = generated_files()
    assert not gone_models(DBT_PROJECT_DIR, files)
    for path, text in files.items():
        assert path.read_text(encoding="utf-8") == text, "run `siyu rules compile` and commit what it wrote"


def test_run__refuses_rules_that_are_not_compiled(home: DbtHome, tmp_path: Path) -> None:
    """Told by the engine from the files themselves; nothing is logged as a run."""
    project = tmp_path / "dbt_project"
    shutil.copytree(DBT_PROJECT_DIR, project, ignore=shutil.ignore_patterns("target", "logs"))
    digest = (
        next(project.joinpath("macros", "generated").glob("*.sql"))
        .read_text()
        .split("_digest()")[1]
        .split('"')[1]
    )
    assert home.query("select count(*) from meta.run_log") == [(1,)]
    with (project / "rules" / "segments.yml").open("a") as file:
        file.write("# a line more\n")
    assert sources_digest(project) != digest
    result = home.invoke(["run", "--select", "int_run__clock"], as_of="2026-01-31", project_dir=project)
    assert not result.success
    assert "rules changed since they were compiled: run `siyu rules compile`" in str(result.exception)
    assert home.query("select count(*) from meta.run_log") == [(1,)]
