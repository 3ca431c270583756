"""The ledger: plans, intents, receipts and what is known to be where. Never derivable, never lost.

SQLite in WAL mode through SQLAlchemy core. Every write transaction takes the write lock at its start, so that
what it read is still true when it writes. A file lock, held by the kernel for a living process, tells a plan
that is being sent from one whose sender died.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from activation.contracts import ApplierBusyError
from common.clock import UTC
from common.settings import Settings


class Instant(sa.types.TypeDecorator[dt.datetime]):
    """An aware UTC instant; databases that keep no zone get it without."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"expected an aware instant, got naive {value!r}; use common.clock.utc_now")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


metadata = sa.MetaData()

plans = sa.Table(
    "plans",
    metadata,
    sa.Column("plan_id", sa.String, primary_key=True),
    sa.Column("segment_code", sa.String, nullable=False),
    sa.Column("destination", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("plan_hash", sa.String, nullable=False),
    sa.Column("as_of", sa.Date, nullable=False),
    sa.Column("segment", sa.JSON, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("adds", sa.Integer, nullable=False),
    sa.Column("changes", sa.Integer, nullable=False),
    sa.Column("removes", sa.Integer, nullable=False),
    sa.Column("unchanged", sa.Integer, nullable=False),
    sa.Column("known", sa.Integer, nullable=False),
    sa.Column("held", sa.JSON, nullable=False),
    sa.Column("estimated_calls", sa.Integer, nullable=False),
    sa.Column("estimated_minutes", sa.Float, nullable=False),
    sa.Column("reason", sa.String),
    sa.Column("approved_by", sa.String),
    sa.Column("approved_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Index("plans_by_target", "segment_code", "destination", "status"),
)

plan_rows = sa.Table(
    "plan_rows",
    metadata,
    sa.Column("plan_id", sa.String, sa.ForeignKey("plans.plan_id"), primary_key=True),
    sa.Column("row_key", sa.String, primary_key=True),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("customer_id", sa.String, nullable=False),
    sa.Column("values", sa.JSON, nullable=False),
    sa.Column("before", sa.JSON),
    sa.Column("reason", sa.String),
)

# One row per (plan, row): the intent is committed before the call, the receipt fills the rest after.
deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("plan_id", sa.String, sa.ForeignKey("plans.plan_id"), primary_key=True),
    sa.Column("row_key", sa.String, primary_key=True),
    sa.Column("segment_code", sa.String, nullable=False),
    sa.Column("destination", sa.String, nullable=False),
    sa.Column("action", sa.String, nullable=False),
    sa.Column("customer_id", sa.String, nullable=False),
    sa.Column("outcome", sa.String, nullable=False),
    sa.Column("code", sa.String),
    sa.Column("code_class", sa.String),
    sa.Column("message", sa.String),
    sa.Column("settled_by", sa.String),
    sa.Column("intent_at", Instant, nullable=False),
    sa.Column("receipt_at", Instant),
    sa.Index("deliveries_by_target", "segment_code", "destination", "outcome"),
)

destination_state = sa.Table(
    "destination_state",
    metadata,
    sa.Column("segment_code", sa.String, primary_key=True),
    sa.Column("destination", sa.String, primary_key=True),
    sa.Column("row_key", sa.String, primary_key=True),
    sa.Column("customer_id", sa.String, nullable=False),
    sa.Column("values", sa.JSON, nullable=False),
    sa.Column("ended", sa.Boolean, nullable=False),
    sa.Column("plan_id", sa.String, nullable=False),
    sa.Column("since", Instant, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("plan_id", sa.String, nullable=False),
    sa.Column("segment_code", sa.String, nullable=False),
    sa.Column("destination", sa.String, nullable=False),
    sa.Column("mode", sa.String, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("outcomes", sa.JSON, nullable=False),
    sa.Column("reason", sa.String),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
)


class Ledger:
    """One ledger file. Use as a context manager, so that the file is let go."""

    def __init__(self, settings: Settings) -> None:
        self.path: Path = settings.ledger_path
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.engine = sa.create_engine(f"sqlite:///{self.path}", connect_args={"timeout": 60})
        sa.event.listen(self.engine, "connect", _configure)
        sa.event.listen(self.engine, "begin", _begin)
        with self.writing() as db:
            metadata.create_all(db)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction that holds the write lock from its start; rolled back on error."""
        with self.engine.connect() as db, db.begin():
            yield db

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent view; does not wait for a writer."""
        with self.engine.connect().execution_options(siyu_reads=True) as db, db.begin():
            yield db

    @contextmanager
    def exclusive(self, segment_code: str, destination: str) -> Iterator[None]:
        """Be the only living sender to one destination of one segment.

        Raises:
            ApplierBusyError: another living process (or thread) is.
        """
        folder = self.path.with_name(self.path.name + ".locks")
        folder.mkdir(exist_ok=True)
        descriptor = os.open(folder / f"{segment_code}.{destination}", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise ApplierBusyError(
                f"another run is sending {segment_code} to {destination}; wait for it to end, then plan again"
            ) from error
        try:
            yield
        finally:
            os.close(descriptor)


def _configure(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver must not begin by itself: _begin does
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")  # a receipt survives a power cut
    connection.execute("pragma foreign_keys = on")


def _begin(connection: sa.Connection) -> None:
    reads = connection.get_execution_options().get("siyu_reads", False)
    connection.exec_driver_sql("begin" if reads else "begin immediate")
