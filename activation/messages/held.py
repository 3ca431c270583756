"""Who is left out of messages now, and why: the held rows of the last plan of each destination, as a table."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from activation import store
from activation.contracts import Action, Change
from activation.ledger import Ledger
from activation.messages.base import MessageDestination
from activation.rows import change_of
from activation.tables import plans
from common.settings import Settings

_TEXT = pa.string()
_NAMES = ("touch_code", "occasion", "content_code", "variant_code", "sender", "receiver")
HELD_MESSAGES_SCHEMA = pa.schema(
    [
        ("plan_id", _TEXT),
        ("segment_code", _TEXT),
        ("destination", _TEXT),
        ("customer_id", _TEXT),
        ("reason", _TEXT),
        *((name, _TEXT) for name in _NAMES),
        ("planned_at", pa.timestamp("us", tz="UTC")),
    ]
)


def held_messages(settings: Settings, destinations: tuple[str, ...]) -> pa.Table:
    """Return one row per message that the last plan of its destination and segment held, with the reason.

    Of a customer who cannot be reached at all (holdout, opted_out, no_relation) only her id is told.
    """
    rows: list[dict[str, Any]] = []
    with Ledger(settings) as ledger, ledger.reading() as db:
        query = sa.select(plans.c.plan_id, plans.c.segment_code, plans.c.destination, plans.c.created_at)
        query = query.where(plans.c.destination.in_(destinations)).order_by(
            plans.c.created_at, plans.c.plan_id
        )
        last = {(row.segment_code, row.destination): row for row in db.execute(query)}
        for _, plan in sorted(last.items()):
            for change in _held(db, plan.plan_id):
                rows.append(
                    {
                        "plan_id": plan.plan_id, "segment_code": plan.segment_code,
                        "destination": plan.destination, "customer_id": change.customer_id,
                        "reason": change.reason, "planned_at": plan.created_at,
                        **{name: change.values.get(name) for name in _NAMES},
                    }
                )  # fmt: skip
    return pa.Table.from_pylist(rows, HELD_MESSAGES_SCHEMA)


def _held(db: sa.Connection, plan_id: str) -> list[Change]:
    found: list[Change] = []
    for part in store.parts_of(db, plan_id):
        table = pq.read_table(io.BytesIO(part), filters=pc.equal(pc.field("action"), Action.HELD.value))
        found += [change_of(MessageDestination.key_columns, row) for row in table.to_pylist()]
    return found
