"""Made lakes of any size, written straight with DuckDB: orders of N buyers, skewed, and their member register."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from common.clock import UTC
from common.lake import Lake, LoadReport
from common.streams import STREAMS
from common.warehouse import connect

LAST_DAY = dt.date(2026, 10, 31)
ORDERS_PER_BUYER = 5

# Pareto-like: most buyers order once or twice, a few very often. hash() is fixed for a DuckDB version.
_ORDERS = """
select
    'o' || order_no as order_id,
    'b' || buyer_no as buyer_id,
    'bench' as buyer_source,
    timestamp '{last_day}' - to_days(cast(hash(order_no * 3) % 730 as integer))
    - to_seconds(hash(order_no * 5) % 86400) as paid_at,
    cast(500 + hash(order_no * 7) % 50000 as bigint) as amount_fen,
    cast(0 as bigint) as refunded_fen,
    cast(1 + hash(order_no * 11) % 5 as bigint) as item_count,
    'completed' as status,
    cast(null as varchar) as unionid,
    cast(null as varchar) as openid,
    cast(null as varchar) as app_id,
    cast(null as varchar) as phone,
    cast(null as varchar) as phone_hmac,
    'bench' as source,
    order_no as source_line
from (
    select range as order_no, cast({buyers} * pow((hash(range) % 1000000) / 1000000.0, 2) as bigint) as buyer_no
    from range({orders})
)
"""

_MEMBERS = """
select
    'b' || range as buyer_id,
    'bench' as buyer_source,
    'u' || range as unionid,
    'om' || range as openid,
    'wxbench' as app_id,
    cast(null as varchar) as phone,
    cast(null as varchar) as phone_hmac,
    '名' || range as name,
    case range % 3 when 0 then 'male' when 1 then 'female' else 'unknown' end as gender,
    date '1980-01-01' + cast(hash(range) % 9000 as integer) as birthday,
    '杭州' as city,
    timestamp '{last_day}' - to_days(cast(hash(range * 13) % 730 as integer)) as registered_at,
    'bench' as source,
    range as source_line
from range({buyers})
"""


def write_lake(lake: Lake, buyers: int) -> None:
    """Fill an empty lake with ``buyers`` members and five times as many orders over two years."""
    lake.ensure()
    names = {"last_day": LAST_DAY.isoformat(), "buyers": buyers, "orders": buyers * ORDERS_PER_BUYER}
    at = dt.datetime(2026, 11, 1, tzinfo=UTC)
    for key, sql in (("miniprogram/members", _MEMBERS), ("miniprogram/orders", _ORDERS)):
        _admit(lake, key, sql.format(**names), at)
        at += dt.timedelta(seconds=1)


def _admit(lake: Lake, key: str, sql: str, at: dt.datetime) -> None:
    stream = STREAMS[key]
    folder = lake.new_arrival_dir(stream)
    columns = ", ".join(stream.columns.names)
    part = str(folder / "part-0.parquet").replace("'", "''")
    with connect() as db:
        rows = db.execute(f"copy (select {columns} from ({sql})) to '{part}' (format parquet)").fetchall()[0][
            0
        ]
    lake.admit(lake.arrive(stream, Path(folder), LoadReport(stream=key, source="bench", rows=rows)), at=at)
