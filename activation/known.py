"""What the ledger knows to be at a destination, as DuckDB relations: millions of rows in a second or two.

The ledger is the truth. Beside it, in the home, lies a copy in Parquet of each large state; rows that changed
since the copy was made are read from the ledger and laid over it. A copy counts only while the ledger lists
it, so a ledger that was restored from a backup, or that another machine writes, is never mistaken.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from activation.ledger import Ledger
from activation.tables import deliveries, destination_state, refusals, state_copies, targets
from common.settings import Settings

STATE = "known"
"""Temporary view: one row per row that is there (row_key, customer_id, content)."""

COPY_FROM_ROWS = 20_000
"""States with fewer rows than this beyond their copy are read from the ledger as they are."""
_COPY_SHARE = 0.05
_BATCH_ROWS = 100_000

_SCHEMA = pa.schema(
    [
        ("row_key", pa.string()),
        ("customer_id", pa.string()),
        ("content", pa.string()),
        ("is_gone", pa.bool_()),
    ]
)
_KEYS_SCHEMA = pa.schema([("row_key", pa.string()), ("outcome", pa.string())])
_REFUSAL_SCHEMA = pa.schema(
    [
        ("row_key", pa.string()),
        ("customer_id", pa.string()),
        ("content", pa.string()),
        ("code_class", pa.string()),
        ("retry", pa.string()),
        ("first_at", pa.timestamp("us", tz="UTC")),
        ("last_at", pa.timestamp("us", tz="UTC")),
    ]
)


@dataclass(frozen=True)
class Copy:
    """One Parquet copy of a state as it was at ``version``."""

    copy_id: str
    version: int
    rows: int
    path: Path


def load_known(
    db: duckdb.DuckDBPyConnection, settings: Settings, ledger: Ledger, segment_code: str, destination: str
) -> int:
    """Create the temporary view ``known`` and the tables ``open_intents`` and ``refused``; return the rows known.

    A state that outgrew its copy gets a new one first.
    """
    target = (segment_code, destination)
    with ledger.reading() as book:
        copy = _newest_copy(settings, book, target)
        waiting = _count_since(book, target, copy.version if copy else -1)
        if waiting <= max(COPY_FROM_ROWS, _COPY_SHARE * (copy.rows if copy else 0)):
            return _load(db, book, target, copy)
    _make_copy(settings, ledger, target, copy)
    with ledger.reading() as book:
        return _load(db, book, target, _newest_copy(settings, book, target))


def _load(
    db: duckdb.DuckDBPyConnection, book: sa.Connection, target: tuple[str, str], copy: Copy | None
) -> int:
    overlay = pa.Table.from_batches(_changes(book, target, copy.version if copy else -1), _SCHEMA)
    _table(db, "changed_since", overlay)
    _table(db, "open_intents", _keys(book, target))
    _table(db, "refused", _refused(book, target))
    newer = "select row_key, customer_id, content from changed_since where not is_gone"
    if copy is None:
        db.execute(f"create or replace temp view {STATE} as {newer}")
        return _counted(db)
    copied = f"select row_key, customer_id, content from read_parquet('{_text(copy.path)}')"  # noqa: S608
    if overlay.num_rows:
        copied += f" where row_key not in (select row_key from changed_since) union all {newer}"  # noqa: S608
    db.execute(f"create or replace temp view {STATE} as {copied}")
    return _counted(db)


def _counted(db: duckdb.DuckDBPyConnection) -> int:
    row = db.execute(f"select count(*) from {STATE}").fetchone()  # noqa: S608
    assert row is not None
    return int(row[0])


def _table(db: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    db.register(f"{name}_arrow", rows)
    db.execute(f"create or replace temp table {name} as select * from {name}_arrow")  # noqa: S608
    db.unregister(f"{name}_arrow")


def _newest_copy(settings: Settings, book: sa.Connection, target: tuple[str, str]) -> Copy | None:
    table = state_copies
    query = (
        sa.select(table.c.copy_id, table.c.version, table.c.rows)
        .where(table.c.segment_code == target[0], table.c.destination == target[1])
        .order_by(table.c.version.desc(), table.c.copy_id)
    )
    for copy_id, version, rows in book.execute(query).tuples():
        path = settings.state_copies_dir / f"{copy_id}.parquet"
        if path.exists():
            return Copy(copy_id, version, rows, path)
    return None


def _make_copy(settings: Settings, ledger: Ledger, target: tuple[str, str], old: Copy | None) -> None:
    """Write what is there now to a new file, list it, and drop the copy before it."""
    folder = settings.state_copies_dir
    folder.mkdir(parents=True, exist_ok=True)
    copy_id = f"{target[0]}.{target[1]}.{uuid.uuid4().hex[:12]}"
    path = folder / f"{copy_id}.parquet"
    scratch = path.with_suffix(".new")
    with ledger.reading() as book:
        version = _version(book, target)
        rows = _write(scratch, book, target)
    scratch.replace(path)
    with ledger.writing() as book:
        book.execute(
            sa.insert(state_copies).values(
                segment_code=target[0], destination=target[1], copy_id=copy_id, version=version, rows=rows
            )
        )
        if old is not None:
            book.execute(sa.delete(state_copies).where(state_copies.c.copy_id == old.copy_id))
    if old is not None:
        old.path.unlink(missing_ok=True)


def _write(path: Path, book: sa.Connection, target: tuple[str, str]) -> int:
    rows = 0
    schema = pa.schema([field for field in _SCHEMA if field.name != "is_gone"])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in _changes(book, target, -1, present_only=True):
            writer.write_batch(batch.select(schema.names))
            rows += batch.num_rows
    return rows


def _of(table: sa.Table, target: tuple[str, str]) -> sa.ColumnElement[bool]:
    return (table.c.segment_code == target[0]) & (table.c.destination == target[1])


def _version(book: sa.Connection, target: tuple[str, str]) -> int:
    return book.execute(sa.select(targets.c.version).where(_of(targets, target))).scalar() or 0


def _count_since(book: sa.Connection, target: tuple[str, str], version: int) -> int:
    state = destination_state
    query = sa.select(sa.func.count()).where(_of(state, target), state.c.version > version)
    return int(book.execute(query).scalar_one())


def _changes(
    book: sa.Connection, target: tuple[str, str], version: int, *, present_only: bool = False
) -> Iterator[pa.RecordBatch]:
    state = destination_state
    query = sa.select(*(state.c[name] for name in _SCHEMA.names)).where(
        _of(state, target), state.c.version > version
    )
    if present_only:
        query = query.where(sa.not_(state.c.is_gone))
    found = book.execute(query.execution_options(stream_results=True, yield_per=_BATCH_ROWS))
    for part in found.partitions():
        columns = zip(zip(*part, strict=True), _SCHEMA.types, strict=True)
        yield pa.record_batch([pa.array(values, kind) for values, kind in columns], schema=_SCHEMA)


def _keys(book: sa.Connection, target: tuple[str, str]) -> pa.Table:
    query = sa.select(deliveries.c.row_key, deliveries.c.outcome).where(
        _of(deliveries, target), deliveries.c.outcome.in_(["pending", "in_doubt", "waiting"])
    )
    rows = [dict(row) for row in book.execute(query).mappings()]
    return pa.Table.from_pylist(rows, _KEYS_SCHEMA)


def _refused(book: sa.Connection, target: tuple[str, str]) -> pa.Table:
    query = sa.select(*(refusals.c[name] for name in _REFUSAL_SCHEMA.names)).where(_of(refusals, target))
    rows = [dict(row) for row in book.execute(query).mappings()]
    return pa.Table.from_pylist(rows, _REFUSAL_SCHEMA)


def _text(path: Path) -> str:
    return str(path).replace("'", "''")
