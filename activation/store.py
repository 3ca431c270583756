"""What is asked of and written to the ledger, in the words of plans, intents and receipts.

Every function takes an open connection: the caller decides what is one transaction. Plans and runs are here;
intents and receipts in ``receipts``, what is known to be at a destination in ``state``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any

import sqlalchemy as sa

from activation import tables as ledger
from activation.contracts import Plan, PlanStateError, PlanStatus, Segment
from activation.receipts import (
    OPEN_OUTCOMES,
    forget_refusals,
    outcomes_of,
    refusals_of,
    unsettled_changes,
    write_intents,
    write_receipts,
)
from activation.state import correct_state, present_rows
from common.clock import utc_now

__all__ = [
    "OPEN_OUTCOMES",
    "OPEN_STATUSES",
    "correct_state",
    "finish_run",
    "forget_refusals",
    "load_plan",
    "outcomes_of",
    "parts_of",
    "plans_of",
    "present_rows",
    "refusals_of",
    "save_plan",
    "segment_of",
    "segments_planned",
    "set_status",
    "start_run",
    "unsettled_changes",
    "write_intents",
    "write_receipts",
]

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


def segments_planned(db: sa.Connection, destination: str) -> list[Segment]:
    """Return every declaration of a segment that was ever planned for a destination, oldest first."""
    table = ledger.plans
    query = sa.select(table.c.segment).where(table.c.destination == destination).order_by(table.c.created_at)
    found: dict[str, dict[str, Any]] = {}
    kept: dict[str, Any]
    for kept in db.execute(query).scalars():
        found[str(sorted(kept.items()))] = kept
    return [Segment(**{**kept, "destinations": tuple(kept["destinations"])}) for kept in found.values()]


def save_plan(db: sa.Connection, plan: Plan, segment: Segment, parts: Iterable[bytes]) -> None:
    """Insert a plan with its rows (those to send and those held), which are Parquet files."""
    values = {name: getattr(plan, name) for name in _PLAN_FIELDS} | {"segment": asdict(segment)}
    db.execute(sa.insert(ledger.plans), [values])
    for number, content in enumerate(parts):
        part = {"plan_id": plan.plan_id, "part_no": number, "content": content}
        db.execute(sa.insert(ledger.plan_parts), [part])


def parts_of(db: sa.Connection, plan_id: str) -> list[bytes]:
    """Return the rows of a plan as it was saved, Parquet file by Parquet file."""
    table = ledger.plan_parts
    query = sa.select(table.c.content).where(table.c.plan_id == plan_id).order_by(table.c.part_no)
    return list(db.execute(query).scalars())


def set_status(
    db: sa.Connection, plan_id: str, to: PlanStatus, *, only_from: Sequence[str] | None = None, **values: Any
) -> bool:
    """Move a plan to a status; False when it was not in one of ``only_from``."""
    change = sa.update(ledger.plans).where(ledger.plans.c.plan_id == plan_id).values(status=to, **values)
    if only_from is not None:
        change = change.where(ledger.plans.c.status.in_(list(only_from)))
    return db.execute(change).rowcount == 1


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


def _plan(row: sa.RowMapping) -> Plan:
    return Plan(**{**{name: row[name] for name in _PLAN_FIELDS}, "status": PlanStatus(row["status"])})
