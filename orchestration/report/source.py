"""Where the figures come from: public tables by their public names, read-only."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from common.settings import Settings
from common.warehouse import connect
from orchestration.project import PublicTable
from orchestration.published_database import DATABASE

_PARAMETER = re.compile(r"\$([a-z_]+)")


class MissingInputError(LookupError):
    """A table or column that a section reads is not there."""


@dataclass(frozen=True)
class Source:
    """Public tables as of one business day, with the columns they have. ``held`` are codes of held segments."""

    db: duckdb.DuckDBPyConnection
    as_of: dt.date
    columns: dict[str, frozenset[str]]
    held: tuple[str, ...] = ()

    def has(self, table: str, *columns: str) -> bool:
        """Whether the table is there and has these columns."""
        return table in self.columns and self.columns[table].issuperset(columns)

    def need(self, table: str, *columns: str) -> None:
        """Do nothing when the table is there with these columns.

        Raises:
            MissingInputError: it is not; the text names what is missing.
        """
        if table not in self.columns:
            raise MissingInputError(table)
        lacking = sorted(set(columns) - self.columns[table])
        if lacking:
            raise MissingInputError(f"{table}.{', '.join(lacking)}")

    def rows(self, sql: str, **parameters: dt.date | int) -> list[dict[str, Any]]:
        """Return the rows of a query; ``$as_of`` is always known, other parameters are given by name."""
        # Written into the text: DuckDB imports pandas, half a second, to bind even a date.
        known = {"as_of": self.as_of, **parameters}
        found = self.db.execute(_PARAMETER.sub(lambda name: _literal(known[name[1]]), sql))
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@contextmanager
def opened_copy(folder: Path, *, as_of: dt.date, held: Sequence[str] = ()) -> Iterator[Source]:
    """Open the DuckDB file of a published copy.

    Raises:
        FileNotFoundError: the folder holds no published copy.
    """
    path = folder / DATABASE
    if not path.exists():
        raise FileNotFoundError(f"no published copy in {folder}; run `siyu run` first")
    with connect(path, read_only=True) as db:
        yield Source(db, as_of, _columns(db), tuple(held))


@contextmanager
def opened_warehouse(
    settings: Settings, tables: Sequence[PublicTable], *, as_of: dt.date
) -> Iterator[Source]:
    """Open the warehouse with its public tables under their public names; what was not built is left out."""
    with connect() as db:
        path = str(settings.warehouse_path).replace("'", "''")
        db.execute(f"attach '{path}' as warehouse (read_only)")
        there = set(db.execute(_RELATIONS).fetchall())
        for table in tables:
            if (table.schema, table.relation) in there:
                db.execute(f'create view "{table.name}" as select * from warehouse.{table.sql}')  # noqa: S608
        yield Source(db, as_of, _columns(db))


_RELATIONS = """
select schema_name, table_name from duckdb_tables() where database_name = 'warehouse'
union all
select schema_name, view_name from duckdb_views() where database_name = 'warehouse'
"""


def _literal(value: dt.date | int) -> str:
    if isinstance(value, dt.datetime):
        return f"timestamptz '{value.isoformat()}'"
    return f"date '{value.isoformat()}'" if isinstance(value, dt.date) else str(int(value))


def _columns(db: duckdb.DuckDBPyConnection) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    query = (
        "select table_name, column_name from duckdb_columns() "
        "where database_name = current_database() and schema_name = 'main' and not internal"
    )
    for table, column in db.execute(query).fetchall():
        found.setdefault(table, set()).add(column)
    return {table: frozenset(names) for table, names in found.items()}
