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

from activation import tables as ledger
from activation.contracts import (
    ENDED_CLASSES,
    Action,
    Change,
    Destination,
    Outcome,
    Plan,
    PlanStateError,
    PlanStatus,
    Receipt,
    Segment,
    retry_of,
)
from activation.rows import change_of
from common.clock import utc_now

OPEN_STATUSES = (PlanStatus.PLANNED, PlanStatus.NEEDS_APPROVAL, PlanStatus.APPROVED)
OPEN_OUTCOMES = (Outcome.PENDING, Outcome.IN_DOUBT)
_UNFINISHED = (*OPEN_OUTCOMES, Outcome.WAITING)
_TARGET = ("segment_code", "destination")
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


def unsettled_changes(db: sa.Connection, plan_id: str, destination: Destination) -> list[Change]:
    """Return the rows of one plan whose outcome is not known, in row key order."""
    sent = ledger.deliveries
    query = (
        sa.select(sent)
        .where(sent.c.plan_id == plan_id, sent.c.outcome.in_(OPEN_OUTCOMES))
        .order_by(sent.c.row_key)
    )
    return [change_of(destination.key_columns, dict(row)) for row in db.execute(query).mappings()]


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
    """Insert the intents of changes about to be sent.

    Raises:
        sqlalchemy.exc.IntegrityError: a row has an intent in this plan, or an open one in another.
    """
    now = utc_now()
    db.execute(
        sa.insert(ledger.deliveries),
        [
            {
                "plan_id": plan.plan_id, "row_key": each.row_key, "segment_code": plan.segment_code,
                "destination": plan.destination, "action": each.action, "customer_id": each.customer_id,
                "content": each.content,
                "before": each.content_before,
                "outcome": Outcome.PENDING, "intent_at": now,
            }
            for each in changes
        ],
    )  # fmt: skip


def write_receipts(
    db: sa.Connection, plan: Plan, receipts: Sequence[tuple[Change, Receipt]], *, settled_by: str
) -> None:
    """Fill in what became of changes and, with it, what is now known to be at the destination."""
    if not receipts:
        return
    now, table = utc_now(), ledger.deliveries
    db.execute(
        sa.update(table).where(
            table.c.plan_id == plan.plan_id, table.c.row_key == sa.bindparam("of_row_key")
        ),
        [
            {
                "of_row_key": change.row_key, "outcome": receipt.outcome, "code": receipt.code,
                "code_class": receipt.code_class, "message": receipt.message, "settled_by": settled_by,
                "receipt_at": now if receipt.outcome not in _UNFINISHED else None,
            }
            for change, receipt in receipts
        ],
    )  # fmt: skip
    _renew_state(db, plan, receipts)
    _renew_refusals(db, plan, receipts, now)


def forget_refusals(db: sa.Connection, segment_code: str, destination: str, row_keys: Sequence[str]) -> None:
    """Drop the refusals of rows."""
    table = ledger.refusals
    if row_keys:
        db.execute(
            sa.delete(table).where(
                table.c.segment_code == segment_code,
                table.c.destination == destination,
                table.c.row_key == sa.bindparam("gone_key"),
            ),
            [{"gone_key": key} for key in row_keys],
        )


def segments_planned(db: sa.Connection, destination: str) -> list[Segment]:
    """Return every declaration of a segment that was ever planned for a destination, oldest first."""
    table = ledger.plans
    query = sa.select(table.c.segment).where(table.c.destination == destination).order_by(table.c.created_at)
    found: dict[str, dict[str, Any]] = {}
    kept: dict[str, Any]
    for kept in db.execute(query).scalars():
        found[str(sorted(kept.items()))] = kept
    return [Segment(**{**kept, "destinations": tuple(kept["destinations"])}) for kept in found.values()]


def present_rows(db: sa.Connection, segment_code: str, destination: str) -> dict[str, tuple[str, str]]:
    """Return what is known to be at a destination: (customer_id, content) by row key."""
    table = ledger.destination_state
    query = sa.select(table.c.row_key, table.c.customer_id, table.c.content).where(
        table.c.segment_code == segment_code, table.c.destination == destination, sa.not_(table.c.is_gone)
    )
    return {key: (customer, content) for key, customer, content in db.execute(query).tuples()}


def correct_state(
    db: sa.Connection,
    segment_code: str,
    destination: str,
    rows: Sequence[tuple[str, str, str, bool]],
    *,
    why: str,
) -> None:
    """Write what was seen at a destination: (row_key, customer_id, content, is_gone); ``why`` stands for a plan."""
    if not rows:
        return
    now, version = utc_now(), _next_version(db, segment_code, destination)
    _upsert(
        db,
        ledger.destination_state,
        [
            {
                "segment_code": segment_code, "destination": destination, "row_key": key,
                "customer_id": customer, "content": content, "is_gone": is_gone,
                "plan_id": why, "since": now, "version": version,
            }
            for key, customer, content, is_gone in rows
        ],
    )  # fmt: skip


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


def _renew_state(db: sa.Connection, plan: Plan, receipts: Sequence[tuple[Change, Receipt]]) -> None:
    found: list[tuple[str, str, str, bool]] = []
    for change, receipt in receipts:
        ended = receipt.outcome == Outcome.REFUSED and receipt.code_class in ENDED_CLASSES
        # A row that was to be added and has no receiver was never there.
        there = receipt.outcome in (Outcome.SENT, Outcome.UNKNOWN)
        if there or (ended and change.action != Action.ADD):
            is_gone = ended or change.action == Action.REMOVE
            found.append((change.row_key, change.customer_id, change.content, is_gone))
    correct_state(db, plan.segment_code, plan.destination, found, why=plan.plan_id)


def _renew_refusals(
    db: sa.Connection, plan: Plan, receipts: Sequence[tuple[Change, Receipt]], now: dt.datetime
) -> None:
    sent = [change.row_key for change, receipt in receipts if receipt.outcome == Outcome.SENT]
    forget_refusals(db, plan.segment_code, plan.destination, sent)
    refused = [
        {
            "segment_code": plan.segment_code, "destination": plan.destination, "row_key": change.row_key,
            "customer_id": change.customer_id, "content": change.content,
            "code": receipt.code, "code_class": receipt.code_class or "", "attempts": 1,
            "retry": retry_of(receipt.code_class), "first_at": now, "last_at": now,
        }
        for change, receipt in receipts
        if receipt.outcome == Outcome.REFUSED
    ]  # fmt: skip
    if not refused:
        return
    table = ledger.refusals
    _upsert(
        db,
        table,
        refused,
        keep={
            # A row with other content is another row: its patience starts anew.
            "first_at": lambda new: sa.case(
                (table.c.content == new.content, table.c.first_at), else_=new.first_at
            ),
            "attempts": lambda new: sa.case((table.c.content == new.content, table.c.attempts + 1), else_=1),
        },
    )


def _next_version(db: sa.Connection, segment_code: str, destination: str) -> int:
    """Return the next version of a target's state. The write lock keeps others from taking it too."""
    table = ledger.targets
    mine = (table.c.segment_code == segment_code) & (table.c.destination == destination)
    version = db.execute(sa.select(table.c.version).where(mine)).scalar()
    if version is None:
        db.execute(sa.insert(table).values(segment_code=segment_code, destination=destination, version=1))
        return 1
    db.execute(sa.update(table).where(mine).values(version=version + 1))
    return int(version) + 1


def _upsert(
    db: sa.Connection, table: sa.Table, rows: list[dict[str, Any]], keep: dict[str, Any] | None = None
) -> None:
    dialect: Any = postgresql if db.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(table)
    keys = [*_TARGET, "row_key"]
    renewed = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    renewed |= {name: make(insert.excluded) for name, make in (keep or {}).items()}
    db.execute(insert.on_conflict_do_update(index_elements=keys, set_=renewed), rows)


def _plan(row: sa.RowMapping) -> Plan:
    return Plan(**{**{name: row[name] for name in _PLAN_FIELDS}, "status": PlanStatus(row["status"])})
