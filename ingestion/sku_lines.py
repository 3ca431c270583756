"""Splitting a file with one row per order line into orders and order lines.

An order lands whole or not at all: when one of its lines is refused, or order-level fields differ between
lines, all its lines go to quarantine. So do ids that a spreadsheet rounded: of its 15 digits' worth of a long
number the rest are zeros. One such id may be chance, many in a file are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from common.streams import STREAMS
from common.warehouse import connect
from ingestion.parts import PART_NAME

ORDERS = STREAMS["miniprogram/orders"]
LINES = STREAMS["miniprogram/order_lines"]
QUARANTINE = STREAMS["quarantine/rows"]

# What a line of a file tells: what lands, and its refund, which only its order keeps.
FILE_LINE = pa.schema([*LINES.columns, ("refunded_fen", pa.int64())])

# One flat row per line of the file: key, order part, line part, and what quarantine would need.
STAGED_COLUMNS = pa.schema(
    [
        ("order_key", pa.string()),
        *((f"o_{field.name}", field.type) for field in ORDERS.columns),
        *((f"l_{field.name}", field.type) for field in FILE_LINE),
        *((f"q_{field.name}", field.type) for field in QUARANTINE.columns),
    ]
)


@dataclass(frozen=True)
class SplitCounts:
    """What came out of the split: orders and lines that are good, lines for quarantine."""

    orders: int
    lines: int
    quarantined: int


def split_orders_and_lines(
    staged: Path, orders_dir: Path, lines_dir: Path, bad_dir: Path, summed: frozenset[str]
) -> SplitCounts:
    """Write the three parts from the staged rows.

    ``summed`` names the order fields (``amount``, ``item_count``, ``refunded``) that are the sum over the
    order's lines.
    """
    repeated = [name for name in ORDERS.columns.names if name != "source_line"]
    amount = "sum(l_amount_fen)" if "amount" in summed else "any_value(o_amount_fen)"
    count = "sum(l_quantity)" if "item_count" in summed else "any_value(o_item_count)"
    refunded = "sum(l_refunded_fen)" if "refunded" in summed else "any_value(o_refunded_fen)"
    special = {
        "amount_fen": f"cast({amount} as bigint)",
        "refunded_fen": f"cast({refunded} as bigint)",
        "item_count": f"cast({count} as bigint)",
        "order_id": "order_key",
        "source_line": "min(o_source_line)",
    }
    order_columns = [f"{special.get(n, f'any_value(o_{n})')} as {n}" for n in ORDERS.columns.names]
    line_columns = {
        "order_id": "order_key",
        "line_no": "coalesce(l_line_no, row_number() over (partition by order_key order by l_source_line))",
    }
    queries = {
        orders_dir: _ORDERS_SQL.format(columns=", ".join(order_columns)),
        lines_dir: _LINES_SQL.format(columns=_select(LINES.columns, "l_", line_columns)),
        bad_dir: _BAD_SQL.format(columns=_select(QUARANTINE.columns, "q_", {"reason": "verdict"})),
    }
    with connect() as db:
        db.execute(_JUDGED_SQL.format(staged=_literal(staged), fields=", ".join(f"o_{n}" for n in repeated)))
        counts = [_copy(db, query, folder / PART_NAME) for folder, query in queries.items()]
    return SplitCounts(*counts)


def _select(schema: pa.Schema, prefix: str, special: dict[str, str]) -> str:
    return ", ".join(f"{special.get(name, prefix + name)} as {name}" for name in schema.names)


def _copy(db: object, query: str, path: Path) -> int:
    row = db.execute(_COPY_SQL.format(query=query, path=_literal(path))).fetchone()  # type: ignore[attr-defined]
    return int(row[0])


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


_COPY_SQL = "copy ({query}) to {path} (format parquet, compression zstd)"

# Only the verdict on each order is kept in memory; the rows are read from the file again for each part.
_JUDGED_SQL = """
create temp table orders as
select
    order_key,
    min(q_source_line) filter (where q_reason <> '') as refused_line,
    count(distinct hash({fields})) filter (where q_reason = '') as versions
from read_parquet({staged})
where order_key is not null
group by order_key;

create temp table long_ids as
with ids as (
    select distinct order_key, regexp_full_match(order_key, '[0-9]{{15}}000+') as ends_in_zeros
    from read_parquet({staged})
    where regexp_full_match(order_key, '[0-9]{{18,}}')
)
select count(*) as many, count(*) filter (where ends_in_zeros) as rounded from ids;

create temp view judged as
select
    staged.*,
    case
        when staged.q_reason <> '' then staged.q_reason
        when regexp_full_match(staged.order_key, '[0-9]{{15}}000+')
            and (long_ids.rounded = long_ids.many or long_ids.rounded >= greatest(2, 0.05 * long_ids.many))
            then 'order_id: expected an exact id, got ' || staged.order_key || '; ' || long_ids.rounded || ' of '
                || long_ids.many || ' long ids end in zeros after the 15th digit, as a spreadsheet leaves them: '
                || 'export again and do not save it from one'
        when orders.refused_line is not null
            then 'another line of this order was refused: source line ' || orders.refused_line
        when orders.versions > 1 then 'order-level fields differ between the lines of this order'
    end as verdict
from read_parquet({staged}) as staged
cross join long_ids
left join orders on orders.order_key = staged.order_key
"""

_ORDERS_SQL = """
select {columns} from judged where verdict is null group by order_key order by min(o_source_line)
"""
_LINES_SQL = "select {columns} from judged where verdict is null order by l_source_line"
_BAD_SQL = "select {columns} from judged where verdict is not null order by q_source_line"
