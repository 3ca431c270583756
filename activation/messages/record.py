"""What is asked of and written to the ledger about messages. Every function takes an open connection."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from activation.contracts import Change, Outcome, Plan, Receipt
from activation.messages.policy import Cap
from activation.messages.tables import touches
from activation.tables import deliveries

IN_FLIGHT = (Outcome.PENDING, Outcome.IN_DOUBT, Outcome.WAITING)
"""May still arrive, whenever: they count for every cap until it is known that they did not."""
_ARRIVED = (Outcome.SENT, Outcome.UNKNOWN)
_KEYS_A_QUERY = 500


@dataclass(frozen=True)
class Sent:
    """One message row whose end is not known, with the call that it went in."""

    change: Change
    plan_id: str
    batch_id: str
    reference: str | None
    outcome: Outcome
    intended_at: dt.datetime


@dataclass(frozen=True)
class Counting:
    """What counts for a cap: messages of these destinations (and segment, if one is named) since an instant."""

    destinations: tuple[str, ...]
    since: dt.datetime
    most: int
    segment_code: str | None = None

    @classmethod
    def of(cls, cap: Cap, since: dt.datetime) -> Counting:
        """Return how a cap of the policy counts now."""
        return cls(tuple(cap.destinations), since, cap.most)


def write_touches(
    db: sa.Connection, plan: Plan, changes: Sequence[Change], batch_id: str, at: dt.datetime
) -> None:
    """Insert what is about to be sent in one call; the intents stand in ``deliveries``."""
    db.execute(
        sa.insert(touches),
        [
            {
                "plan_id": plan.plan_id, "row_key": each.row_key, "segment_code": plan.segment_code,
                "destination": plan.destination, "customer_id": each.customer_id,
                "touch_code": each.values["touch_code"], "content_code": each.values["content_code"],
                "variant_code": each.values["variant_code"], "sender": each.values["sender"],
                "receiver": each.values["receiver"], "batch_id": batch_id, "intended_at": at,
            }
            for each in changes
        ],
    )  # fmt: skip


def write_results(
    db: sa.Connection, plan_id: str, receipts: Iterable[tuple[Change, Receipt]], at: dt.datetime
) -> None:
    """Fill in what the platform calls the messages and when it says that they arrived."""
    rows = [
        {
            "of_plan": plan_id,
            "of_row": change.row_key,
            "reference": receipt.reference,
            "sent_at": receipt.sent_at,
        }
        for change, receipt in receipts
    ]
    known = (touches.c.plan_id == sa.bindparam("of_plan")) & (touches.c.row_key == sa.bindparam("of_row"))
    for names in (("reference",), ("sent_at",)):
        some = [row for row in rows if row[names[0]] is not None]
        if some:
            given = [{name: row[name] for name in ("of_plan", "of_row", *names)} for row in some]
            db.execute(sa.update(touches).where(known), given)
    if rows:
        asked = sa.update(touches).where(known, touches.c.asked_at.is_(None)).values(asked_at=at)
        db.execute(asked, [{"of_plan": row["of_plan"], "of_row": row["of_row"]} for row in rows])


def unfinished(db: sa.Connection, segment_code: str, destination: str, keys: tuple[str, ...]) -> list[Sent]:
    """Return the rows of a destination of a segment whose end is not known, oldest plan first."""
    from activation.rows import change_of

    query = (
        sa.select(deliveries, touches.c.batch_id, touches.c.reference, touches.c.intended_at)
        .join_from(deliveries, touches, _same_row())
        .where(
            deliveries.c.segment_code == segment_code,
            deliveries.c.destination == destination,
            deliveries.c.outcome.in_(IN_FLIGHT),
        )
        .order_by(touches.c.intended_at, deliveries.c.plan_id, deliveries.c.row_key)
    )
    return [
        Sent(
            change_of(keys, dict(row)), row["plan_id"], row["batch_id"], row["reference"],
            Outcome(row["outcome"]), row["intended_at"],
        )
        for row in db.execute(query).mappings()
    ]  # fmt: skip


def counted(db: sa.Connection, counting: Counting, customers: Sequence[str] | None = None) -> dict[str, int]:
    """Return how many messages count for a cap, by customer; only of ``customers`` where they are given.

    Messages that arrived since its begin, and all that may still arrive: so no order of events can breach it.
    """
    found: dict[str, int] = {}
    query = (
        sa.select(touches.c.customer_id, sa.func.count())
        .join_from(touches, deliveries, _same_row())
        .where(_counts(counting))
        .group_by(touches.c.customer_id)
    )
    if customers is None:
        return {customer: count for customer, count in db.execute(query).tuples()}
    for start in range(0, len(customers), _KEYS_A_QUERY):
        some = list(customers[start : start + _KEYS_A_QUERY])
        found |= dict(db.execute(query.where(touches.c.customer_id.in_(some))).tuples().all())
    return found


def total(db: sa.Connection, counting: Counting) -> int:
    """Return how many messages count, over all customers."""
    query = sa.select(sa.func.count()).join_from(touches, deliveries, _same_row()).where(_counts(counting))
    return int(db.execute(query).scalar_one())


def touched_since(db: sa.Connection, destination: str, since: dt.datetime) -> list[tuple[str, str]]:
    """Return (segment_code, row_key) of everything that was tried since, but for what certainly never left."""
    query = (
        sa.select(touches.c.segment_code, touches.c.row_key)
        .join_from(touches, deliveries, _same_row())
        .where(
            touches.c.destination == destination,
            touches.c.intended_at >= since,
            deliveries.c.outcome != Outcome.NOT_SENT,
        )
    )
    return [(code, key) for code, key in db.execute(query).tuples()]


def references(
    db: sa.Connection, destination: str, segment_code: str, since: dt.datetime
) -> dict[str, str | None]:
    """Return by batch id what the platform calls each call since; None where that is not known."""
    query = (
        sa.select(touches.c.batch_id, sa.func.max(touches.c.reference))
        .where(
            touches.c.destination == destination,
            touches.c.segment_code == segment_code,
            touches.c.intended_at >= since,
        )
        .group_by(touches.c.batch_id)
    )
    return {batch: reference for batch, reference in db.execute(query).tuples()}


def contact_rows() -> tuple[sa.Select[Any], Mapping[str, Any]]:
    """Return the query of the published contact_ledger and its columns by name."""
    columns = {
        "customer_id": touches.c.customer_id, "segment_code": touches.c.segment_code,
        "destination": touches.c.destination, "touch_code": touches.c.touch_code,
        "content_code": touches.c.content_code, "variant_code": touches.c.variant_code,
        "sender": touches.c.sender, "receiver": touches.c.receiver, "state": deliveries.c.outcome,
        "code": deliveries.c.code, "code_class": deliveries.c.code_class, "plan_id": touches.c.plan_id,
        "row_key": touches.c.row_key, "batch_id": touches.c.batch_id, "reference": touches.c.reference,
        "intended_at": touches.c.intended_at, "asked_at": touches.c.asked_at, "sent_at": touches.c.sent_at,
        "receipt_at": deliveries.c.receipt_at,
    }  # fmt: skip
    query = (
        sa.select(*columns.values())
        .join_from(touches, deliveries, _same_row())
        .order_by(touches.c.intended_at, touches.c.plan_id, touches.c.row_key)
    )
    return query, columns


def _same_row() -> sa.ColumnElement[bool]:
    return (touches.c.plan_id == deliveries.c.plan_id) & (touches.c.row_key == deliveries.c.row_key)


def _counts(counting: Counting) -> sa.ColumnElement[bool]:
    arrived = sa.func.coalesce(touches.c.sent_at, touches.c.asked_at, touches.c.intended_at)
    counts = deliveries.c.outcome.in_(IN_FLIGHT) | (
        deliveries.c.outcome.in_(_ARRIVED) & (arrived >= counting.since)
    )
    counts &= touches.c.destination.in_(counting.destinations)
    if counting.segment_code is not None:
        counts &= touches.c.segment_code == counting.segment_code
    return counts
