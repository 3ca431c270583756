"""The last step of a table stream's rows before they arrive: verdicts, and only what the lake does not have yet.

Rows are staged flat with what quarantine would need. Of a source that is read again and again (a database, an
API) a row equal to the last landed version of its key is skipped, and so is a refusal that is known already.
The lines of an order are a set: they land whole or not at all, and one changed line lands them all again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from common.lake import Lake
from common.streams import STREAMS, Stream
from common.warehouse import connect
from ingestion.parts import PART_NAME, PartWriter

QUARANTINE = STREAMS["quarantine/rows"]
# What tells one version's origin, not its content.
_ORIGIN = ("source", "source_line")
_KEYS = {
    "orders": ("buyer_source", "order_id"),
    "members": ("buyer_source", "buyer_id"),
    "order_lines": ("buyer_source", "order_id"),
}


@dataclass(frozen=True)
class Settled:
    """``received`` = ``written`` + ``quarantined`` + ``skipped``; ``refused`` of the quarantined are news."""

    received: int
    written: int
    quarantined: int
    refused: int

    @property
    def skipped(self) -> int:
        return self.received - self.written - self.quarantined


class Staging:
    """Rows of one table stream on their way, in a Parquet file beside the parts to be."""

    def __init__(self, path: Path, stream: Stream) -> None:
        self._path, self._stream = path, stream
        self._in_sets = stream.name == "order_lines"
        self._nothing = (None,) * len(QUARANTINE.columns.names)
        columns = [
            *stream.columns,
            ("set_key", pa.string()),
            *((f"q_{field.name}", field.type) for field in QUARANTINE.columns),
        ]
        self._reason_at = QUARANTINE.columns.names.index("reason")
        self._writer = PartWriter(path, pa.schema(columns))

    @property
    def rows(self) -> int:
        """How many rows were added."""
        return self._writer.rows

    def add(
        self, values: tuple[Any, ...], refusal: tuple[Any, ...] | None, *, set_key: str | None = None
    ) -> None:
        """Take a row: its values in the stream's columns, and in quarantine's columns how it would be refused.

        An empty reason there means that the row is good. ``refusal`` may be None for a good row outside a set.
        """
        row = refusal or self._nothing
        if not self._in_sets and not row[self._reason_at]:
            row = self._nothing
        self._writer.add((*values, set_key, *row))

    def settle(self, good_dir: Path, bad_dir: Path, lake: Lake | None = None) -> Settled:
        """Write the good part and quarantine's part; with ``lake`` only what it does not know."""
        self._writer.close()
        stream, names = self._stream, self._stream.columns.names
        with connect() as db:
            db.execute(_JUDGED_SQL.format(staged=_literal(self._path), line_no=_line_no(self._in_sets)))
            # In the order of the file; sorting wide rows of a whole database would only cost memory.
            source = "good order by source_line"
            if lake is not None:
                db.execute((_NEW_SETS_SQL if self._in_sets else _NEW_ROWS_SQL).format(**_parts(lake, stream)))
                source = "fresh"
            good = _GOOD_SQL.format(columns=", ".join(names), source=source)
            bad = _BAD_SQL.format(columns=", ".join(_refused_columns()))
            if lake is not None:
                bad = _NEW_REFUSALS_SQL.format(bad=bad, known=_literal(lake.glob(QUARANTINE)))
            written = _copy(db, good, good_dir / PART_NAME)
            refused = _copy(db, bad, bad_dir / PART_NAME)
            counted = db.execute(_COUNT_SQL).fetchone()
        self._path.unlink()
        assert counted is not None
        return Settled(counted[0], written, counted[1], refused)


def _parts(lake: Lake, stream: Stream) -> dict[str, str]:
    keys = _KEYS[stream.name]
    content = [name for name in stream.columns.names if name not in (*_ORIGIN, *keys)]
    return {
        "known": _literal(lake.glob(stream)),
        "keys": ", ".join(keys),
        "same_key": " and ".join(f"known.{name} = arrived.{name}" for name in keys),
        "missing": f"known.{keys[0]} is null",
        "differs": " or ".join(f"known.{name} is distinct from arrived.{name}" for name in content),
        "content": ", ".join(content),
    }


def _line_no(in_sets: bool) -> str:
    if not in_sets:
        return ""
    number = "row_number() over (partition by staged.set_key order by source_line)"
    return f"replace (coalesce(line_no, {number}) as line_no)"


def _refused_columns() -> list[str]:
    return [
        f"{'verdict' if name == 'reason' else 'q_' + name} as {name}" for name in QUARANTINE.columns.names
    ]


def _copy(db: duckdb.DuckDBPyConnection, query: str, path: Path) -> int:
    row = db.execute(f"copy ({query}) to {_literal(path)} (format parquet, compression zstd)").fetchone()
    return int(row[0]) if row else 0


def _literal(path: Path | str) -> str:
    return "'" + str(path).replace("'", "''") + "'"


# The reason is the same at every reading: it names no line, or an old refusal would look like a new one.
_JUDGED_SQL = """
create temp table refused_sets as
select set_key, min(q_reason) as reason
from read_parquet({staged})
where q_reason <> '' and set_key is not null
group by set_key;

create temp view judged as
select
    staged.* {line_no},
    case
        when staged.q_reason <> '' then staged.q_reason
        when refused_sets.set_key is not null
            then 'another line of this order was refused: ' || refused_sets.reason
    end as verdict
from read_parquet({staged}) as staged
left join refused_sets on refused_sets.set_key = staged.set_key;

create temp view good as select * from judged where verdict is null
"""
_COUNT_SQL = "select count(*), count(verdict) from judged"

# Only the last row of a key counts: a query that gives a key twice gives versions. Only line numbers are kept in
# memory; the rows are read from the file again.
_NEW_ROWS_SQL = """
create temp table last_lines as select {keys}, max(source_line) as source_line from good group by {keys};

create temp table fresh_lines as
with arrived as (
    select good.* from good semi join last_lines using (source_line)
),
known as (
    select lake.*
    from read_parquet({known}, hive_partitioning = true, hive_types = {{'load_id': varchar}}, file_row_number = true)
        as lake
    semi join last_lines using ({keys})
    qualify row_number() over (partition by {keys} order by load_id desc, file_row_number desc) = 1
)
select arrived.source_line
from arrived
left join known on {same_key}
where {missing} or {differs};

create temp view fresh as select good.* from good semi join fresh_lines using (source_line)
"""
_NEW_SETS_SQL = """
create temp table unchanged as
with arrived as (
    select {keys}, count(*) as lines, sum(hash({content})) as digest from good group by {keys}
),
last_set as (
    select lake.*
    from read_parquet({known}, hive_partitioning = true, hive_types = {{'load_id': varchar}}) as lake
    semi join arrived using ({keys})
    qualify load_id = max(load_id) over (partition by {keys})
),
known as (
    select {keys}, count(*) as lines, sum(hash({content})) as digest from last_set group by {keys}
)
select * from arrived intersect select * from known;

create temp view fresh as select good.* from good anti join unchanged using ({keys})
"""
_GOOD_SQL = "select {columns} from {source}"
_BAD_SQL = "select {columns} from judged where verdict is not null order by q_source_line"
_NEW_REFUSALS_SQL = """
select new.*
from ({bad}) as new
anti join read_parquet({known}) as known
    on known.channel = new.channel and known.stream = new.stream
    and known.reason = new.reason and known.record = new.record
order by new.source_line
"""
