"""The ledger as tables for others to read: what was sent, removed and refused, what is there, and the runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from activation import overrides
from activation.archive import archived
from activation.contracts import ENDED_CLASSES, Outcome
from activation.destinations import MESSAGE_NAMES
from activation.ledger import Ledger
from activation.messages.held import held_messages
from activation.messages.record import contact_rows
from activation.tables import deliveries, destination_state, plans, refusals, runs
from common.settings import Settings

_TEXT = pa.string()
_UTC_MICROS = pa.timestamp("us", tz="UTC")
_BATCH_ROWS = 100_000

SYNC_LOG_SCHEMA = pa.schema(
    [
        ("plan_id", _TEXT),
        ("segment_code", _TEXT),
        ("destination", _TEXT),
        ("action", _TEXT),
        ("row_key", _TEXT),
        ("customer_id", _TEXT),
        ("outcome", _TEXT),
        ("code", _TEXT),
        ("code_class", _TEXT),
        ("message", _TEXT),
        ("settled_by", _TEXT),
        ("intent_at", _UTC_MICROS),
        ("receipt_at", _UTC_MICROS),
    ]
)
SYNC_RUNS_SCHEMA = pa.schema(
    [
        ("run_id", _TEXT),
        ("plan_id", _TEXT),
        ("segment_code", _TEXT),
        ("destination", _TEXT),
        ("mode", _TEXT),
        ("status", _TEXT),
        ("plan_status", _TEXT),
        ("reason", _TEXT),
        ("as_of", pa.date32()),
        ("add_count", pa.int64()),
        ("change_count", pa.int64()),
        ("remove_count", pa.int64()),
        ("held_count", pa.int64()),
        ("sent_count", pa.int64()),
        ("refused_count", pa.int64()),
        ("not_sent_count", pa.int64()),
        ("in_doubt_count", pa.int64()),
        ("waiting_count", pa.int64()),
        ("approved_by", _TEXT),
        ("started_at", _UTC_MICROS),
        ("finished_at", _UTC_MICROS),
    ]
)
DESTINATION_STATE_SCHEMA = pa.schema(
    [
        ("segment_code", _TEXT),
        ("destination", _TEXT),
        ("row_key", _TEXT),
        ("customer_id", _TEXT),
        ("content", _TEXT),
        ("plan_id", _TEXT),
        ("since", _UTC_MICROS),
    ]
)

CONTACT_LEDGER_SCHEMA = pa.schema(
    [
        ("customer_id", _TEXT),
        ("segment_code", _TEXT),
        ("destination", _TEXT),
        ("touch_code", _TEXT),
        ("content_code", _TEXT),
        ("variant_code", _TEXT),
        ("sender", _TEXT),
        ("receiver", _TEXT),
        ("state", _TEXT),
        ("code", _TEXT),
        ("code_class", _TEXT),
        ("plan_id", _TEXT),
        ("row_key", _TEXT),
        ("batch_id", _TEXT),
        ("reference", _TEXT),
        ("intended_at", _UTC_MICROS),
        ("asked_at", _UTC_MICROS),
        ("sent_at", _UTC_MICROS),
        ("receipt_at", _UTC_MICROS),
    ]
)


@dataclass(frozen=True)
class TargetSummary:
    """How one destination of one segment stands. ``present`` rows are known to be there.

    ``refused`` rows did not get through the last time they were tried; ``ended`` of them have no receiver.
    """

    segment_code: str
    destination: str
    present: int
    refused: int
    ended: int
    outcomes: dict[str, int]
    last_plan_id: str | None
    last_status: str | None

    @property
    def in_doubt(self) -> int:
        """Rows whose outcome is not known."""
        return self.outcomes.get(Outcome.IN_DOUBT, 0) + self.outcomes.get(Outcome.PENDING, 0)

    @property
    def waiting(self) -> int:
        """Messages that staff were asked to send and have not."""
        return self.outcomes.get(Outcome.WAITING, 0)

    def as_metadata(self) -> dict[str, Any]:
        """Return the summary as plain values."""
        return {
            "segment": self.segment_code, "destination": self.destination, "present": self.present,
            "refused": self.refused, "ended": self.ended, "in_doubt": self.in_doubt,
            "waiting_for_staff": self.waiting,
            "outcomes": dict(self.outcomes), "last_plan_id": self.last_plan_id,
            "last_status": self.last_status,
        }  # fmt: skip


def sync_log(settings: Settings) -> pa.Table:
    """Return one row per row that was ever sent or tried, removals too; oldest intent first.

    ``outcome`` is sent, refused, not_sent, in_doubt, or pending (being sent now, or by a run that died); of
    messages also waiting (for staff to press send) and unknown (for good).
    Instants are UTC; ``receipt_at`` is NULL while the outcome is not known. Rows that were moved to archives
    are here like the others.

    Raises:
        LedgerError: an archive is missing or was altered.
    """
    query = sa.select(*(deliveries.c[name] for name in SYNC_LOG_SCHEMA.names)).order_by(
        deliveries.c.intent_at, deliveries.c.plan_id, deliveries.c.row_key
    )
    with Ledger(settings) as ledger, ledger.reading() as db:
        older = [each.select(SYNC_LOG_SCHEMA.names) for each in archived(settings, db)]
        kept = _rows(db, query, SYNC_LOG_SCHEMA)
    if not older:
        return kept
    order = [(name, "ascending") for name in ("intent_at", "plan_id", "row_key")]
    return pa.concat_tables([*older, kept]).sort_by(order)


def sync_runs(settings: Settings) -> pa.Table:
    """Return one row per run that applied a plan, rehearsals (dry_run) too, and one per plan that had none.

    Oldest first. A plan without a run has the mode ``plan``, its own id as ``run_id`` and its own status and
    reason. ``plan_status`` is where the plan stands now. Counts are rows; those of what was sent are the run's
    own, and of rows that were settled later by reading back ``sync_log`` tells.
    """
    outcome = {
        f"{each}_count": sa.func.coalesce(runs.c.outcomes[str(each)].as_integer(), 0)
        for each in (Outcome.SENT, Outcome.REFUSED, Outcome.NOT_SENT, Outcome.IN_DOUBT, Outcome.WAITING)
    }
    own = {
        "run_id": plans.c.plan_id, "mode": sa.literal("plan"), "status": plans.c.status,
        "reason": plans.c.reason, "started_at": plans.c.created_at, "finished_at": plans.c.finished_at,
    }  # fmt: skip
    rows: dict[str, sa.ColumnElement[Any]] = {
        "plan_status": plans.c.status, "add_count": plans.c.adds, "change_count": plans.c.changes,
        "remove_count": plans.c.removes, "held_count": plans.c.held, **outcome,
    }  # fmt: skip
    no_run = runs.c.run_id.is_(None)
    for name in SYNC_RUNS_SCHEMA.names:
        if name in own:
            rows[name] = sa.case((no_run, own[name]), else_=runs.c[name])
    columns = [rows[name] if name in rows else plans.c[name] for name in SYNC_RUNS_SCHEMA.names]
    query = (
        sa.select(*columns)
        .join_from(plans, runs, plans.c.plan_id == runs.c.plan_id, isouter=True)
        .order_by(rows["started_at"], rows["run_id"])
    )
    held = SYNC_RUNS_SCHEMA.names.index("held_count")
    return _read(
        settings,
        query,
        SYNC_RUNS_SCHEMA,
        lambda row: (*row[:held], sum(row[held].values()), *row[held + 1 :]),
    )


def state(settings: Settings) -> pa.Table:
    """Return one row per row that is known to be at a destination of a segment, with since when (UTC)."""
    table = destination_state
    query = (
        sa.select(*(table.c[name] for name in DESTINATION_STATE_SCHEMA.names))
        .where(sa.not_(table.c.is_gone))
        .order_by(table.c.segment_code, table.c.destination, table.c.row_key)
    )
    return _read(settings, query, DESTINATION_STATE_SCHEMA)


def contact_ledger(settings: Settings) -> pa.Table:
    """Return one row per message that was ever tried, of one customer (or group); oldest intent first.

    ``state`` is as ``outcome`` of ``sync_log``, and ``waiting`` while staff have not pressed send: only that
    which is ``sent`` arrived.
    ``intended_at`` is when we were about to ask, ``asked_at`` when the answer came, ``sent_at`` when the platform says
    that it was delivered; UTC, NULL while not known.
    """
    query, columns = contact_rows()
    assert list(columns) == CONTACT_LEDGER_SCHEMA.names
    return _read(settings, query, CONTACT_LEDGER_SCHEMA)


def public_tables(settings: Settings) -> dict[str, pa.Table]:
    """Return the ledger's tables for the published copy, by their public names."""
    return {
        "sync_log": sync_log(settings),
        "sync_runs": sync_runs(settings),
        "destination_state": state(settings),
        "contact_ledger": contact_ledger(settings),
        "held_messages": held_messages(settings, MESSAGE_NAMES),
        "gate_overrides": overrides.table(settings),
    }


def summary(settings: Settings) -> list[TargetSummary]:
    """Return how every destination of every segment that ever had a plan stands."""
    there = destination_state
    with Ledger(settings) as ledger, ledger.reading() as db:
        last = {
            (row.segment_code, row.destination): row
            for row in db.execute(sa.select(plans).order_by(plans.c.created_at, plans.c.plan_id))
        }
        outcomes: dict[tuple[str, str], dict[str, int]] = {}
        for code, destination, outcome, count in db.execute(
            _counts(deliveries, deliveries.c.outcome)
        ).tuples():
            outcomes.setdefault((code, destination), {})[outcome] = count
        present = {
            (code, destination): count
            for code, destination, is_gone, count in db.execute(_counts(there, there.c.is_gone)).tuples()
            if not is_gone
        }
        refused: dict[tuple[str, str], dict[str, int]] = {}
        for code, destination, kind, count in db.execute(_counts(refusals, refusals.c.code_class)).tuples():
            refused.setdefault((code, destination), {})[kind] = count
    return [
        TargetSummary(
            *target,
            present=present.get(target, 0),
            refused=sum(refused.get(target, {}).values()),
            ended=sum(count for kind, count in refused.get(target, {}).items() if kind in ENDED_CLASSES),
            outcomes=outcomes.get(target, {}),
            last_plan_id=row.plan_id,
            last_status=row.status,
        )
        for target, row in sorted(last.items())
    ]


def _counts(table: sa.Table, what: sa.ColumnElement[Any]) -> sa.Select[tuple[str, str, Any, int]]:
    keys = (table.c.segment_code, table.c.destination, what)
    return sa.select(*keys, sa.func.count()).group_by(*keys)


def _read(
    settings: Settings,
    query: sa.Select[Any],
    schema: pa.Schema,
    convert: Callable[[tuple[Any, ...]], tuple[Any, ...]] = tuple,
) -> pa.Table:
    with Ledger(settings) as ledger, ledger.reading() as db:
        return _rows(db, query, schema, convert)


def _rows(
    db: sa.Connection,
    query: sa.Select[Any],
    schema: pa.Schema,
    convert: Callable[[tuple[Any, ...]], tuple[Any, ...]] = tuple,
) -> pa.Table:
    batches = []
    found = db.execute(query.execution_options(stream_results=True, yield_per=_BATCH_ROWS))
    for part in found.partitions():
        columns = zip(zip(*map(convert, part), strict=True), schema.types, strict=True)
        batches.append(pa.record_batch([pa.array(each, kind) for each, kind in columns], schema=schema))
    return pa.Table.from_batches(batches, schema)
