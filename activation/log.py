"""The ledger as tables for others to read: what was sent, removed, refused, and what is still in doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from activation import ledger as tables
from activation.contracts import Outcome
from activation.ledger import Ledger
from common.settings import Settings

_UTC_MICROS = pa.timestamp("us", tz="UTC")
SYNC_LOG_SCHEMA = pa.schema(
    [
        ("plan_id", pa.string()),
        ("segment_code", pa.string()),
        ("destination", pa.string()),
        ("action", pa.string()),
        ("row_key", pa.string()),
        ("customer_id", pa.string()),
        ("outcome", pa.string()),
        ("code", pa.string()),
        ("code_class", pa.string()),
        ("message", pa.string()),
        ("intent_at", _UTC_MICROS),
        ("receipt_at", _UTC_MICROS),
    ]
)


@dataclass(frozen=True)
class TargetSummary:
    """How one destination of one segment stands. ``present`` rows are known to be there."""

    segment_code: str
    destination: str
    present: int
    ended: int
    outcomes: dict[str, int]
    last_plan_id: str | None
    last_status: str | None

    @property
    def in_doubt(self) -> int:
        """Rows whose outcome is not known."""
        return self.outcomes.get(Outcome.IN_DOUBT, 0) + self.outcomes.get(Outcome.PENDING, 0)

    def as_metadata(self) -> dict[str, Any]:
        """Return the summary as plain values."""
        return {
            "segment": self.segment_code, "destination": self.destination, "present": self.present,
            "ended": self.ended, "in_doubt": self.in_doubt, "outcomes": dict(self.outcomes),
            "last_plan_id": self.last_plan_id, "last_status": self.last_status,
        }  # fmt: skip


def sync_log(settings: Settings) -> pa.Table:
    """Return one row per row that was ever sent or tried, removals too; oldest intent first.

    ``outcome`` is sent, refused, not_sent, in_doubt, or pending (being sent now, or by a run that died).
    Instants are UTC; ``receipt_at`` is NULL while the outcome is not known.
    """
    table = tables.deliveries
    query = sa.select(*(table.c[name] for name in SYNC_LOG_SCHEMA.names)).order_by(
        table.c.intent_at, table.c.plan_id, table.c.row_key
    )
    with Ledger(settings) as ledger, ledger.reading() as db:
        rows = [dict(row) for row in db.execute(query).mappings()]
    return pa.Table.from_pylist(rows, schema=SYNC_LOG_SCHEMA)


def summary(settings: Settings) -> list[TargetSummary]:
    """Return how every destination of every segment that ever had a plan stands."""
    plans, sent, state = tables.plans, tables.deliveries, tables.destination_state
    with Ledger(settings) as ledger, ledger.reading() as db:
        last = {
            (row.segment_code, row.destination): row
            for row in db.execute(sa.select(plans).order_by(plans.c.created_at, plans.c.plan_id))
        }
        outcomes: dict[tuple[str, str], dict[str, int]] = {}
        for code, destination, outcome, count in db.execute(_counts(sent, sent.c.outcome)).tuples():
            outcomes.setdefault((code, destination), {})[outcome] = count
        known: dict[tuple[str, str], dict[bool, int]] = {}
        for code, destination, ended, count in db.execute(_counts(state, state.c.ended)).tuples():
            known.setdefault((code, destination), {})[bool(ended)] = count
    return [
        TargetSummary(
            *target,
            present=known.get(target, {}).get(False, 0),
            ended=known.get(target, {}).get(True, 0),
            outcomes=outcomes.get(target, {}),
            last_plan_id=row.plan_id,
            last_status=row.status,
        )
        for target, row in sorted(last.items())
    ]


def _counts(table: sa.Table, what: sa.ColumnElement[Any]) -> sa.Select[tuple[str, str, Any, int]]:
    keys = (table.c.segment_code, table.c.destination, what)
    return sa.select(*keys, sa.func.count()).group_by(*keys)
