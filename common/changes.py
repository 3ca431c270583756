"""What of a records arrival is new: records that differ from their last version, and keys that a full scan lacks."""

from __future__ import annotations

from pathlib import Path

from common.warehouse import connect


def keep_changes(arrival: Path, known: str, *, source: str, complete: bool) -> tuple[int, int]:
    """Rewrite the parts of an arrival to what changed; return how many upserts and deletes are left.

    ``known`` is a glob of the stream's admitted files. A ``complete`` arrival is a full scan: a living key that it
    lacks becomes a delete row, said by ``source``.
    """
    changes = arrival / "changes.parquet"
    with connect() as db:
        db.execute(
            _CHANGES_SQL.format(
                parts=_literal(str(arrival / "part-*.parquet")),
                known=_literal(known),
                source=_literal(source),
                complete=str(complete).lower(),
            )
        )
        counts = dict(db.execute("select op, count(*) from changes group by op").fetchall())
        if counts:
            db.execute(f"copy changes to {_literal(str(changes))} (format parquet)")
    for part in arrival.glob("part-*.parquet"):
        part.unlink()
    if counts:
        changes.rename(arrival / "part-0.parquet")
    return counts.get("upsert", 0), counts.get("delete", 0)


def count_changes(parts: str) -> tuple[int, int]:
    """Return the upserts and deletes in the Parquet files of a glob."""
    with connect() as db:
        counts = dict(db.read_parquet(parts).aggregate("op, count(*)").fetchall())
    return counts.get("upsert", 0), counts.get("delete", 0)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# One row per key of the arrival (the last one read wins), minus what the lake already has in the same state.
_CHANGES_SQL = """
create temp table changes as
with arrived as (
    select * exclude (file_row_number, filename) from read_parquet({parts}, file_row_number = true, filename = true)
    qualify row_number() over (partition by record_key order by filename desc, file_row_number desc) = 1
),
known as (
    select record_key, op, payload_hash
    from read_parquet({known}, hive_partitioning = true, hive_types = {{'load_id': varchar}})
    qualify row_number() over (partition by record_key order by load_id desc) = 1
)
select arrived.record_key, 'upsert' as op, arrived.payload, arrived.payload_hash, arrived.phone_hmacs, arrived.source
from arrived
left join known on known.record_key = arrived.record_key
where known.record_key is null or known.op = 'delete' or known.payload_hash <> arrived.payload_hash
union all
select known.record_key, 'delete', null, null, null, {source}
from known
anti join arrived on arrived.record_key = known.record_key
where {complete} and known.op <> 'delete'
order by record_key
"""
