"""What the lake knows of a records stream: the last version of every record that was not deleted."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from common.lake import Lake
from common.streams import STREAMS, Stream
from common.warehouse import connect

# How often a record that was refused is asked for in all; the platform may never give it.
REFUSED_TRIES = 7
_PAYLOADS_AT_ONCE = 200


def living_values(lake: Lake, stream: Stream, expression: str, condition: str = "true") -> list[str]:
    """Return a SQL expression over the living records that meet a condition: distinct, sorted, text."""
    with connect() as db:
        names = {"expression": expression, "condition": condition, "parts": _literal(lake.glob(stream))}
        return [str(row[0]) for row in db.execute(_VALUES_SQL.format(**names)).fetchall() if row[0]]


def refused_records(lake: Lake, stream: Stream, id_name: str) -> list[dict[str, Any]]:
    """Return what the platform refused to give and has not given since: the records kept in quarantine.

    They are worth asking for again, a few times: a platform's list is sometimes ahead of its details, and the
    window they belong to is not asked for again. ``id_name`` is the field of the record that is the stream's key.
    """
    refusals = _refusals(lake, stream, id_name)
    return [json.loads(record) for _, record, times in refusals if times < REFUSED_TRIES]


def given_up_keys(lake: Lake, stream: Stream, id_name: str) -> set[str]:
    """Return the keys that the platform refused so often since it last gave them that nobody asks any more."""
    return {key for key, _, times in _refusals(lake, stream, id_name) if times >= REFUSED_TRIES}


def _refusals(lake: Lake, stream: Stream, id_name: str) -> list[tuple[str, str, int]]:
    names = {
        "refused": _literal(lake.glob(STREAMS["quarantine/rows"])),
        "parts": _literal(lake.glob(stream)),
        "channel": _literal(stream.channel),
        "stream": _literal(stream.name),
        "path": _literal(f"$.{id_name}"),
    }
    with connect() as db:
        return db.execute(_REFUSED_SQL.format(**names)).fetchall()


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
_REFUSED_SQL = """
with refused as (
    select distinct load_id, record, case when json_valid(record) then record ->> {path} end as id
    from read_parquet({refused}, hive_partitioning = true, hive_types = {{'load_id': varchar}})
    where channel = {channel} and stream = {stream}
),
landed as (
    select record_key, max(load_id) as load_id
    from read_parquet({parts}, hive_partitioning = true, hive_types = {{'load_id': varchar}})
    group by record_key
)
select refused.id, max(refused.record) as record, count(distinct refused.load_id) as times
from refused
left join landed on landed.record_key = refused.id
where refused.id is not null and refused.load_id > coalesce(landed.load_id, '')
group by refused.id
order by refused.id
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
