"""The truncation guard: a full scan that shrinks sharply is held until somebody says that it is true.

A full scan deletes what it no longer shows. When the app loses part of its visible range (可见范围), or a platform
answers with half of a list, thousands of customers would seem to be gone, and lose their tags.
"""

from __future__ import annotations

from common.lake import Arrival, Lake
from common.settings import Settings
from common.warehouse import connect


def shrink_reason(settings: Settings, lake: Lake, arrival: Arrival) -> str | None:
    """Return why an arrival is to be held, None when it may pass: no full scan, or it did not shrink sharply."""
    if not arrival.stream.complete:
        return None
    names = {
        "known": lake.glob(arrival.stream).replace("'", "''"),
        "parts": arrival.parts.replace("'", "''"),
    }
    with connect() as db:
        row = db.execute(_COUNTS.format(**names)).fetchone()
    known, arrived, gone = row or (0, 0, 0)
    limit, fewest = settings.scan_shrink_limit, settings.scan_shrink_rows
    if known == 0 or gone <= fewest or gone <= known * limit:
        return None
    return (
        f"{arrival.stream.key}: the full scan shows {arrived:,} records and no longer {gone:,} of the {known:,} "
        f"that the lake holds ({gone / known:.0%}; the limit is {limit:.0%} and {fewest} records). Look whether the "
        f"app lost part of its visible range (可见范围); if they are really gone: "
        f"siyu gate release {arrival.path.name[:8]}"
    )


_COUNTS = """
with known as (
    select record_key, op
    from read_parquet('{known}', hive_partitioning = true, hive_types = {{'load_id': varchar}})
    qualify row_number() over (partition by record_key order by load_id desc) = 1
),
arrived as (select distinct record_key from read_parquet('{parts}')),
living as (select record_key from known where op <> 'delete')
select
    (select count(*) from living),
    (select count(*) from arrived),
    (select count(*) from living anti join arrived on arrived.record_key = living.record_key)
"""
