"""The tables of the ledger: plans, intents, receipts and what is known to be where.

Instants are UTC. A row key names one row at one destination of one segment; content is the JSON text of the
destination's value columns.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from common.clock import UTC

FORMAT = "3"
"""Raised with every change of a table here; ``migrations`` says how an older ledger becomes this one."""


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

facts = sa.Table(
    "facts",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)

# One row per destination of a segment. Every change of its state gets the next version.
targets = sa.Table(
    "targets",
    metadata,
    sa.Column("segment_code", sa.String, primary_key=True),
    sa.Column("destination", sa.String, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
)

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
    sa.Column("adds", sa.BigInteger, nullable=False),
    sa.Column("changes", sa.BigInteger, nullable=False),
    sa.Column("removes", sa.BigInteger, nullable=False),
    sa.Column("unchanged", sa.BigInteger, nullable=False),
    sa.Column("known", sa.BigInteger, nullable=False),
    sa.Column("held", sa.JSON, nullable=False),
    sa.Column("estimated_calls", sa.BigInteger, nullable=False),
    sa.Column("estimated_minutes", sa.Float, nullable=False),
    sa.Column("reason", sa.String),
    sa.Column("approved_by", sa.String),
    sa.Column("approved_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Index("plans_by_target", "segment_code", "destination", "status"),
)

# The rows of a plan as Parquet, part by part: ten million of them are written and compared in seconds.
plan_parts = sa.Table(
    "plan_parts",
    metadata,
    sa.Column("plan_id", sa.String, sa.ForeignKey("plans.plan_id"), primary_key=True),
    sa.Column("part_no", sa.Integer, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
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
    sa.Column("content", sa.String, nullable=False),
    sa.Column("before", sa.String),
    sa.Column("outcome", sa.String, nullable=False),
    sa.Column("code", sa.String),
    sa.Column("code_class", sa.String),
    sa.Column("message", sa.String),
    sa.Column("settled_by", sa.String),
    sa.Column("intent_at", Instant, nullable=False),
    sa.Column("receipt_at", Instant),
    sa.Index("deliveries_by_target", "segment_code", "destination", "outcome"),
    sa.Index("deliveries_by_customer", "customer_id"),
)

# Two appliers cannot both intend to send one row, whatever else goes wrong.
one_open_intent = sa.Index(
    "one_open_intent",
    deliveries.c.segment_code,
    deliveries.c.destination,
    deliveries.c.row_key,
    unique=True,
    sqlite_where=sa.text("outcome in ('pending', 'in_doubt', 'waiting')"),
    postgresql_where=sa.text("outcome in ('pending', 'in_doubt', 'waiting')"),
)

# What is there. A row that was taken away stays, marked, so that copies of this table can follow by version.
destination_state = sa.Table(
    "destination_state",
    metadata,
    sa.Column("segment_code", sa.String, primary_key=True),
    sa.Column("destination", sa.String, primary_key=True),
    sa.Column("row_key", sa.String, primary_key=True),
    sa.Column("customer_id", sa.String, nullable=False),
    sa.Column("content", sa.String, nullable=False),
    sa.Column("is_gone", sa.Boolean, nullable=False),
    sa.Column("plan_id", sa.String, nullable=False),
    sa.Column("since", Instant, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Index("state_by_version", "segment_code", "destination", "version"),
)

# Copies of one target's state that this ledger vouches for (see activation.known).
state_copies = sa.Table(
    "state_copies",
    metadata,
    sa.Column("segment_code", sa.String, primary_key=True),
    sa.Column("destination", sa.String, primary_key=True),
    sa.Column("copy_id", sa.String, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
)

# Rows that the destination refused the last time they were sent; gone when one gets through.
refusals = sa.Table(
    "refusals",
    metadata,
    sa.Column("segment_code", sa.String, primary_key=True),
    sa.Column("destination", sa.String, primary_key=True),
    sa.Column("row_key", sa.String, primary_key=True),
    sa.Column("customer_id", sa.String, nullable=False),
    sa.Column("content", sa.String, nullable=False),
    sa.Column("code", sa.String),
    sa.Column("code_class", sa.String, nullable=False),
    sa.Column("retry", sa.String, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("first_at", Instant, nullable=False),
    sa.Column("last_at", Instant, nullable=False),
)

# What customers said about being reached, word by word; the newest about an identifier and channel counts.
# It hangs on identifiers, so that it stays hers when customers are joined or parted.
consents = sa.Table(
    "consents",
    metadata,
    sa.Column("consent_id", sa.String, primary_key=True),
    sa.Column("identifier_key", sa.String, nullable=False),
    sa.Column("channel", sa.String, nullable=False),
    sa.Column("is_allowed", sa.Boolean, nullable=False),
    sa.Column("said_at", Instant, nullable=False),
    sa.Column("recorded_by", sa.String, nullable=False),
    sa.Column("reason", sa.String),
    sa.Index("consents_by_channel", "channel", "identifier_key"),
)

# Who let a payload leave that the gate had held, and why: for exactly these rows, judged by exactly this suite.
overrides = sa.Table(
    "overrides",
    metadata,
    sa.Column("override_id", sa.String, primary_key=True),
    sa.Column("segment_code", sa.String, nullable=False),
    sa.Column("suite", sa.String, nullable=False),
    sa.Column("payload_digest", sa.String, nullable=False),
    sa.Column("verdict", sa.String, nullable=False),
    sa.Column("granted_by", sa.String, nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("granted_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Index("overrides_by_payload", "segment_code", "payload_digest"),
)

# Parquet files in the home that rows of ``deliveries`` were moved to; a file that is not listed does not count.
archives = sa.Table(
    "archives",
    metadata,
    sa.Column("archive_id", sa.String, primary_key=True),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
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
