"""The ledger's table of messages: who was meant to get what, in which call it went, what the platform calls it.

Instants are UTC. The outcome of a row stands in ``deliveries`` (same key), so that it stands in one place.
"""

from __future__ import annotations

import sqlalchemy as sa

from activation.tables import Instant, metadata

# One row per message row that got an intent. ``batch_id`` names the call it went with, and is ours: it is known
# before the call. ``reference`` is the platform's own name (msgid, jobid, moment_id), known after it.
touches = sa.Table(
    "touches",
    metadata,
    sa.Column("plan_id", sa.String, sa.ForeignKey("plans.plan_id"), primary_key=True),
    sa.Column("row_key", sa.String, primary_key=True),
    sa.Column("segment_code", sa.String, nullable=False),
    sa.Column("destination", sa.String, nullable=False),
    sa.Column("customer_id", sa.String, nullable=False),
    sa.Column("touch_code", sa.String, nullable=False),
    sa.Column("content_code", sa.String, nullable=False),
    sa.Column("variant_code", sa.String, nullable=False),
    sa.Column("sender", sa.String, nullable=False),
    sa.Column("receiver", sa.String, nullable=False),
    sa.Column("batch_id", sa.String, nullable=False),
    sa.Column("reference", sa.String),
    sa.Column("intended_at", Instant, nullable=False),
    sa.Column("asked_at", Instant),
    sa.Column("sent_at", Instant),
    sa.Index("touches_by_customer", "customer_id", "destination"),
    sa.Index("touches_by_batch", "batch_id"),
)
