"""What the lake knows of a records stream: the last version of every record that was not deleted."""

from __future__ import annotations

from pathlib import Path

from common.lake import Lake
from common.streams import Stream
from common.warehouse import connect


def living_values(lake: Lake, stream: Stream, expression: str, condition: str = "true") -> list[str]:
    """Return a SQL expression over the living records that meet a condition: distinct, sorted, text."""
    with connect() as db:
        names = {"expression": expression, "condition": condition, "parts": _literal(lake.glob(stream))}
        return [str(row[0]) for row in db.execute(_VALUES_SQL.format(**names)).fetchall() if row[0]]


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
