"""Intents and receipts in the ledger: what is being sent, what became of it, and what was refused.

Every function takes an open connection: the caller decides what is one transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa

from activation import tables as ledger
from activation.contracts import (
    ENDED_CLASSES,
    Action,
    Change,
    Destination,
    Outcome,
    Plan,
    Receipt,
    retry_of,
)
from activation.rows import change_of
from activation.state import correct_state, upsert
from common.clock import utc_now

OPEN_OUTCOMES = (Outcome.PENDING, Outcome.IN_DOUBT)
_UNFINISHED = (*OPEN_OUTCOMES, Outcome.WAITING)


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
    upsert(
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
