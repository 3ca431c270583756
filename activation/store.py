"""What is asked of and written to the ledger, in the words of plans, intents and receipts.

Every function takes an open connection: the caller decides what is one transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from activation import ledger
from activation.contracts import (
    ENDED_CLASSES,
    Action,
    Change,
    KnownRow,
    Outcome,
    Plan,
    PlanStateError,
    PlanStatus,
    Receipt,
    Segment,
)
from common.clock import utc_now

OPEN_STATUSES = (PlanStatus.PLANNED, PlanStatus.NEEDS_APPROVAL, PlanStatus.APPROVED)
_PLAN_FIELDS = [each.name for each in fields(Plan)]


def load_plan(db: sa.Connection, plan_id: str) -> Plan:
    """Return a plan.

    Raises:
        PlanStateError: no plan has this id.
    """
    row = db.execute(sa.select(ledger.plans).where(ledger.plans.c.plan_id == plan_id)).mappings().first()
    if row is None:
        raise PlanStateError(
            f"no plan {plan_id!r} in the ledger; make one with make_plan (siyu plan SEGMENT)"
        )
    return _plan(row)


def plans_of(db: sa.Connection, segment_code: str, destination: str, statuses: Iterable[str]) -> list[Plan]:
    """Return the plans of one destination of one segment in any of the statuses, oldest first."""
    table = ledger.plans
    query = sa.select(table).where(
        table.c.segment_code == segment_code,
        table.c.destination == destination,
        table.c.status.in_(list(statuses)),
    )
    return [_plan(row) for row in db.execute(query.order_by(table.c.created_at, table.c.plan_id)).mappings()]


def segment_of(db: sa.Connection, plan_id: str) -> Segment:
    """Return the segment as it was declared when the plan was made."""
    kept: dict[str, Any] = db.execute(
        sa.select(ledger.plans.c.segment).where(ledger.plans.c.plan_id == plan_id)
    ).scalar_one()
    return Segment(**{**kept, "destinations": tuple(kept["destinations"])})


def save_plan(db: sa.Connection, plan: Plan, segment: Segment, rows: Sequence[Change]) -> None:
    """Insert a plan with its rows (those to send and those held)."""
    values = {name: getattr(plan, name) for name in _PLAN_FIELDS} | {"segment": asdict(segment)}
    db.execute(sa.insert(ledger.plans), [values])
    if rows:
        db.execute(sa.insert(ledger.plan_rows), [{"plan_id": plan.plan_id, **asdict(each)} for each in rows])


def set_status(
    db: sa.Connection, plan_id: str, to: PlanStatus, *, only_from: Sequence[str] | None = None, **values: Any
) -> bool:
    """Move a plan to a status; False when it was not in one of ``only_from``."""
    change = sa.update(ledger.plans).where(ledger.plans.c.plan_id == plan_id).values(status=to, **values)
    if only_from is not None:
        change = change.where(ledger.plans.c.status.in_(list(only_from)))
    return db.execute(change).rowcount == 1


def rows_of(db: sa.Connection, plan_id: str, *, held: bool = False, limit: int | None = None) -> list[Change]:
    """Return the rows of a plan that are to be sent (or, ``held``, those that are not), in row key order."""
    table = ledger.plan_rows
    wanted = table.c.action == Action.HELD if held else table.c.action != Action.HELD
    query = sa.select(table).where(table.c.plan_id == plan_id, wanted).order_by(table.c.row_key).limit(limit)
    return [_change(row) for row in db.execute(query).mappings()]


def known_rows(db: sa.Connection, segment_code: str, destination: str) -> dict[str, KnownRow]:
    """Return what is known to be at one destination of one segment, by row key."""
    table = ledger.destination_state
    query = sa.select(
        table.c.row_key, table.c.customer_id, table.c["values"], table.c.ended, table.c.since
    ).where(table.c.segment_code == segment_code, table.c.destination == destination)
    return {row["row_key"]: KnownRow(**row) for row in db.execute(query).mappings()}


def unsettled_keys(db: sa.Connection, segment_code: str, destination: str) -> set[str]:
    """Return the row keys whose last outcome is not known."""
    table = ledger.deliveries
    query = sa.select(table.c.row_key).where(
        table.c.segment_code == segment_code,
        table.c.destination == destination,
        table.c.outcome.in_([Outcome.PENDING, Outcome.IN_DOUBT]),
    )
    return set(db.execute(query).scalars())


def unsettled_changes(db: sa.Connection, plan_id: str) -> list[Change]:
    """Return the rows of one plan whose outcome is not known."""
    rows, sent = ledger.plan_rows, ledger.deliveries
    query = (
        sa.select(rows)
        .join(sent, (sent.c.plan_id == rows.c.plan_id) & (sent.c.row_key == rows.c.row_key))
        .where(rows.c.plan_id == plan_id, sent.c.outcome.in_([Outcome.PENDING, Outcome.IN_DOUBT]))
        .order_by(rows.c.row_key)
    )
    return [_change(row) for row in db.execute(query).mappings()]


def outcomes_of(db: sa.Connection, plan_id: str) -> dict[str, int]:
    """Return how many rows of a plan have each outcome."""
    table = ledger.deliveries
    query = (
        sa.select(table.c.outcome, sa.func.count())
        .where(table.c.plan_id == plan_id)
        .group_by(table.c.outcome)
    )
    return {str(row[0]): int(row[1]) for row in db.execute(query)}


def refusals_of(db: sa.Connection, plan_id: str) -> dict[str, int]:
    """Return how many rows of a plan were certainly not sent, by code class."""
    table = ledger.deliveries
    unsent = table.c.outcome.in_([Outcome.REFUSED, Outcome.NOT_SENT])
    query = sa.select(table.c.code_class, sa.func.count()).where(table.c.plan_id == plan_id, unsent)
    return {str(row[0]): int(row[1]) for row in db.execute(query.group_by(table.c.code_class))}


def write_intents(db: sa.Connection, plan: Plan, changes: Sequence[Change]) -> None:
    """Insert the intents of changes about to be sent. A second intent for one row of a plan is an error."""
    now = utc_now()
    db.execute(
        sa.insert(ledger.deliveries),
        [
            {
                "plan_id": plan.plan_id, "row_key": each.row_key, "segment_code": plan.segment_code,
                "destination": plan.destination, "action": each.action, "customer_id": each.customer_id,
                "outcome": Outcome.PENDING, "intent_at": now,
            }
            for each in changes
        ],
    )  # fmt: skip


def write_receipts(
    db: sa.Connection, plan: Plan, receipts: Sequence[tuple[Change, Receipt]], *, settled_by: str
) -> None:
    """Fill in what became of changes and, with it, what is now known to be at the destination."""
    now, table = utc_now(), ledger.deliveries
    for change, receipt in receipts:
        db.execute(
            sa.update(table)
            .where(table.c.plan_id == plan.plan_id, table.c.row_key == change.row_key)
            .values(
                outcome=receipt.outcome, code=receipt.code, code_class=receipt.code_class,
                message=receipt.message, settled_by=settled_by,
                receipt_at=None if receipt.outcome == Outcome.IN_DOUBT else now,
            )
        )  # fmt: skip
    gone, there = [], []
    for change, receipt in receipts:
        ended = receipt.outcome == Outcome.REFUSED and receipt.code_class in ENDED_CLASSES
        if receipt.outcome != Outcome.SENT and not ended:
            continue
        if change.action == Action.REMOVE:
            gone.append(change.row_key)
        else:
            there.append(
                {
                    "segment_code": plan.segment_code, "destination": plan.destination,
                    "row_key": change.row_key, "customer_id": change.customer_id,
                    "values": change.values, "ended": ended,
                    "plan_id": plan.plan_id, "since": now,
                }
            )  # fmt: skip
    forget_rows(db, plan.segment_code, plan.destination, gone)
    if there:
        _upsert_state(db, there)


def forget_rows(db: sa.Connection, segment_code: str, destination: str, row_keys: Sequence[str]) -> None:
    """Drop rows from what is known to be at a destination."""
    table = ledger.destination_state
    if row_keys:
        db.execute(
            sa.delete(table).where(
                table.c.segment_code == segment_code,
                table.c.destination == destination,
                table.c.row_key == sa.bindparam("gone_key"),
            ),
            [{"gone_key": key} for key in row_keys],
        )


def start_run(db: sa.Connection, run_id: str, plan: Plan, mode: str, started_at: dt.datetime) -> None:
    """Insert an apply run."""
    db.execute(
        sa.insert(ledger.runs).values(
            run_id=run_id, plan_id=plan.plan_id, segment_code=plan.segment_code, destination=plan.destination,
            mode=mode, status="started", outcomes={}, started_at=started_at,
        )
    )  # fmt: skip


def finish_run(
    db: sa.Connection, run_id: str, status: str, outcomes: dict[str, int], reason: str | None
) -> None:
    """Fill in how an apply run ended."""
    db.execute(
        sa.update(ledger.runs)
        .where(ledger.runs.c.run_id == run_id)
        .values(status=status, outcomes=outcomes, reason=reason, finished_at=utc_now())
    )


def _upsert_state(db: sa.Connection, rows: list[dict[str, Any]]) -> None:
    dialect: Any = postgresql if db.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(ledger.destination_state)
    keys = ["segment_code", "destination", "row_key"]
    renewed = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    db.execute(insert.on_conflict_do_update(index_elements=keys, set_=renewed), rows)


def _plan(row: sa.RowMapping) -> Plan:
    return Plan(**{**{name: row[name] for name in _PLAN_FIELDS}, "status": PlanStatus(row["status"])})


def _change(row: sa.RowMapping) -> Change:
    values = {name: row[name] for name in ("row_key", "customer_id", "values", "before", "reason")}
    return Change(action=Action(row["action"]), **values)
