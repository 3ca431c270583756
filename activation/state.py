"""What is known to be at a destination, as the ledger keeps it: read, corrected, versioned.

Every function takes an open connection: the caller decides what is one transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from activation import tables as ledger
from common.clock import utc_now

_KEYS = ("segment_code", "destination", "row_key")


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
    upsert(
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


def upsert(
    db: sa.Connection, table: sa.Table, rows: list[dict[str, Any]], keep: dict[str, Any] | None = None
) -> None:
    """Insert rows, or renew those that are there; ``keep`` says how columns follow from the new row."""
    dialect: Any = postgresql if db.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(table)
    keys = list(_KEYS)
    renewed = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    renewed |= {name: make(insert.excluded) for name, make in (keep or {}).items()}
    db.execute(insert.on_conflict_do_update(index_elements=keys, set_=renewed), rows)


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
