"""What the lake knows of a records stream: the last version of every record that was not deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from common.lake import Lake
from common.streams import Stream
from common.warehouse import connect

_PAYLOADS_AT_ONCE = 200


def living_values(lake: Lake, stream: Stream, expression: str, condition: str = "true") -> list[str]:
    """Return a SQL expression over the living records that meet a condition: distinct, sorted, text."""
    with connect() as db:
        names = {"expression": expression, "condition": condition, "parts": _literal(lake.glob(stream))}
        return [str(row[0]) for row in db.execute(_VALUES_SQL.format(**names)).fetchall() if row[0]]


def living_rows(
    lake: Lake, stream: Stream, expressions: Sequence[str], condition: str = "true"
) -> list[tuple[Any, ...]]:
    """Return several SQL expressions over the living records that meet a condition, as text."""
    names = {
        "expressions": ", ".join(f"cast({each} as varchar)" for each in expressions),
        "condition": condition,
        "parts": _literal(lake.glob(stream)),
    }
    with connect() as db:
        return db.execute(_ROWS_SQL.format(**names)).fetchall()


def living_payloads(lake: Lake, stream: Stream, keys: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the payloads of the living records with these keys, a few hundred in memory at a time."""
    for start in range(0, len(keys), _PAYLOADS_AT_ONCE):
        some = ", ".join(map(_literal, keys[start : start + _PAYLOADS_AT_ONCE]))
        for (payload,) in living_rows(lake, stream, ["payload"], f"record_key in ({some})"):
            yield json.loads(payload or "null")


def carry_over(lake: Lake, stream: Stream, folder: Path) -> int:
    """Add to the full scan in ``folder`` the living records that it lacks; return how many."""
    names = {
        "parts": _literal(lake.glob(stream)),
        "arrived": _literal(str(folder / "part-*.parquet")),
        "target": _literal(str(folder / "part-carried.parquet")),
    }
    with connect() as db:
        row = db.execute(_CARRY_SQL.format(**names)).fetchone()
    return int(row[0]) if row else 0


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_VALUES_SQL = """
with last as (
    select * from read_parquet({parts}, hive_partitioning = true, hive_types = {{'load_id': varchar}})
    qualify row_number() over (partition by record_key order by load_id desc) = 1
)
select distinct {expression} as found from last where op <> 'delete' and {condition} order by found
"""
_ROWS_SQL = """
with last as (
    select * from read_parquet({parts}, hive_partitioning = true, hive_types = {{'load_id': varchar}})
    qualify row_number() over (partition by record_key order by load_id desc) = 1
)
select {expressions} from last where op <> 'delete' and ({condition}) order by record_key
"""
_CARRY_SQL = """
copy (
    with last as (
        select * from read_parquet({parts}, hive_partitioning = true, hive_types = {{'load_id': varchar}})
        qualify row_number() over (partition by record_key order by load_id desc) = 1
    )
    select last.record_key, last.op, last.payload, last.payload_hash, last.phone_hmacs, last.source
    from last
    anti join read_parquet({arrived}) as arrived on arrived.record_key = last.record_key
    where last.op <> 'delete'
) to {target} (format parquet)
"""
