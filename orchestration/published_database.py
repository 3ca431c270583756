"""The published copy's DuckDB file: all public tables in one place, for readers that speak SQL."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from orchestration.project import PublicTable

DATABASE = "siyu.duckdb"


def table_query(table: PublicTable) -> str:
    """Return the query of a public table's rows, in a session that has the warehouse attached as ``warehouse``."""
    return f"select * from warehouse.{table.sql}"  # noqa: S608


def write_database(
    db: duckdb.DuckDBPyConnection, target: Path, tables: Sequence[PublicTable], queries: Mapping[str, str]
) -> None:
    """Write the rows of each query into a new DuckDB file, as a table of its name.

    Views over public tables stay views. From the warehouse, not from the Parquet files: a third faster (2.8 s against
    4.2 s for the tables of 200,000 customers, 2026-11-21).
    """
    views = _views(db, tables, queries)
    db.execute(f"attach '{str(target).replace(chr(39), chr(39) * 2)}' as published")
    for name, query in queries.items():
        if name not in views:
            db.execute(f'create table published."{name}" as {query}{_order(db, query)}')
    db.execute("use published")
    for name, sql in views.items():
        db.execute(f'create view "{name}" as {sql}')
    if "tag_history" in queries:
        add_table_functions(db)
    db.execute("use memory")
    db.execute("detach published")


def _views(
    db: duckdb.DuckDBPyConnection, tables: Sequence[PublicTable], queries: Mapping[str, str]
) -> dict[str, str]:
    """Return the public tables that are views over public tables: in the DuckDB file they stay views."""
    found = db.execute(
        "select schema_name, view_name, sql from duckdb_views() where database_name = 'warehouse'"
    ).fetchall()
    bodies = {(schema, name): sql.partition(" AS ")[2].rstrip(" ;\n") for schema, name, sql in found}
    views = {}
    for table in tables:
        body = bodies.get((table.schema, table.relation))
        if body is None or queries[table.name] != table_query(table):
            continue
        for other in tables:
            if (other.schema, other.relation) not in bodies:
                body = re.sub(rf"\bwarehouse\.{other.schema}\.{other.relation}\b", f'"{other.name}"', body)
        if "warehouse." not in body:
            views[table.name] = body
    return views


def _order(db: duckdb.DuckDBPyConnection, query: str) -> str:
    """Rows of a customer stand together, so that a question about her reads little of a table.

    Writing 5 M orders takes a fifth longer, finding one customer's takes 4 ms instead of 360 ms (2026-11-22).
    """
    columns = {row[0] for row in db.execute(f"describe {query}").fetchall()}
    return " order by customer_id" if "customer_id" in columns else ""


def add_table_functions(db: duckdb.DuckDBPyConnection) -> None:
    """`from tags_as_of(day)` and `from tags_as_known(day, evening)`, as the dbt macros; in the database in use."""
    known = (
        "select customer_id, tag_code, tag_value, valid_from, "
        "case when valid_to <= {evening} then valid_to end as valid_to, rule_version "
        "from tag_history where known_from <= {evening} and (known_to is null or known_to > {evening}) "
        "and valid_from <= a_day and (valid_to is null or valid_to > a_day) and a_day <= {evening}"
    )
    of_now = known.format(evening="date '9999-12-30'")
    db.execute(f"create macro tags_as_of(a_day) as table {of_now}")
    db.execute(f"create macro tags_as_known(a_day, an_evening) as table {known.format(evening='an_evening')}")
