"""Old receipts move from the ledger to Parquet files in the home, so that the ledger stays small and the log whole.

A file counts once the ledger lists it, in the transaction that takes its rows out of the ledger: whatever is
killed in between leaves every row in exactly one place.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from activation.contracts import PlanStatus
from activation.ledger import Ledger, LedgerError
from activation.messages.tables import touches
from activation.tables import archives, deliveries, plan_parts, plans
from common.clock import utc_now
from common.durable import fsync
from common.settings import Settings

FEWEST_DAYS = 62
"""Receipts of two months stay: caps of contacts in a month are counted on them."""
_DONE = (PlanStatus.SENT, PlanStatus.REFUSED, PlanStatus.EXPIRED, PlanStatus.SUPERSEDED)
_BATCH_ROWS = 100_000
_SCHEMA = pa.schema(
    [
        (column.name, pa.timestamp("us", tz="UTC") if column.name.endswith("_at") else pa.string())
        for column in deliveries.columns
    ]
)


@dataclass(frozen=True)
class Pruned:
    """What a pruning moved: receipts into ``archive_id`` (None: there were none), and plans whose rows are gone."""

    receipts: int
    plans: int
    archive_id: str | None


def prune(settings: Settings, *, keep_days: int) -> Pruned:
    """Move the receipts of plans that ended more than so many days ago to a file; forget the rows they planned.

    Plans themselves stay, and what is known to be at the destinations. A plan that is open, being sent or in
    doubt is not touched, however old; nor is one of messages: caps may look back further, and ``contact_ledger``
    tells of all of them.

    Raises:
        ValueError: fewer days than must stay.
    """
    if keep_days < FEWEST_DAYS:
        raise ValueError(f"--keep-days: expected {FEWEST_DAYS} or more, got {keep_days}")
    before = utc_now() - dt.timedelta(days=keep_days)
    old = sa.select(plans.c.plan_id).where(
        plans.c.status.in_(_DONE),
        plans.c.finished_at < before,
        plans.c.plan_id.not_in(sa.select(touches.c.plan_id)),
    )
    folder = settings.ledger_archive_dir
    folder.mkdir(parents=True, exist_ok=True)
    with Ledger(settings) as ledger:
        with ledger.writing() as db:  # the write lock: nobody settles or sends meanwhile
            _drop_unlisted(db, folder)
            rows = deliveries.c.plan_id.in_(old)
            count = int(db.execute(sa.select(sa.func.count()).where(rows)).scalar_one())
            archive_id = _write(db, folder, rows) if count else None
            if archive_id:
                db.execute(
                    sa.insert(archives).values(
                        archive_id=archive_id,
                        rows=count,
                        sha256=_sha256(folder / f"{archive_id}.parquet"),
                        made_at=utc_now(),
                    )
                )
                db.execute(sa.delete(deliveries).where(rows))
            kept = sa.select(sa.func.count(plan_parts.c.plan_id.distinct())).where(
                plan_parts.c.plan_id.in_(old)
            )
            emptied = int(db.execute(kept).scalar_one())
            db.execute(sa.delete(plan_parts).where(plan_parts.c.plan_id.in_(old)))
        ledger.give_space_back()
    return Pruned(count, emptied, archive_id)


def archived(settings: Settings, db: sa.Connection) -> Iterator[pa.Table]:
    """Yield the receipts of every archive that the ledger lists, with the columns of ``deliveries``.

    Raises:
        LedgerError: a file is missing or was altered.
    """
    for row in db.execute(sa.select(archives).order_by(archives.c.made_at, archives.c.archive_id)):
        path = settings.ledger_archive_dir / f"{row.archive_id}.parquet"
        if not path.exists():
            raise LedgerError(
                f"the ledger lists the archive {path.name}, which is not in {path.parent}; "
                "copy it there from where `siyu ledger prune` ran, or from the backup"
            )
        if _sha256(path) != row.sha256:
            raise LedgerError(f"the archive {path} was altered since it was made; restore it from the backup")
        yield pq.read_table(path)


def _write(db: sa.Connection, folder: Path, rows: sa.ColumnElement[bool]) -> str:
    archive_id = f"receipts-{utc_now():%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}"
    query = (
        sa.select(deliveries)
        .where(rows)
        .order_by(deliveries.c.intent_at, deliveries.c.plan_id, deliveries.c.row_key)
    )
    path = folder / f"{archive_id}.parquet"
    with pq.ParquetWriter(path, _SCHEMA, compression="zstd") as writer:
        found = db.execute(query.execution_options(stream_results=True, yield_per=_BATCH_ROWS))
        for part in found.mappings().partitions():
            writer.write_batch(pa.RecordBatch.from_pylist([dict(row) for row in part], _SCHEMA))
    fsync(path)
    fsync(folder)
    return archive_id


def _drop_unlisted(db: sa.Connection, folder: Path) -> None:
    """Remove files of prunings that were killed before the ledger listed them."""
    listed: set[str] = set(db.execute(sa.select(archives.c.archive_id)).scalars())
    for path in folder.glob("receipts-*.parquet"):
        if path.stem not in listed:
            path.unlink()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
