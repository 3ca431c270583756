"""PostgreSQL table: the members of a segment in a table of the brand's own database.

Siyu makes the table ``siyu_segment_members`` and touches no other. A chunk is one transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from activation.contracts import (
    Action,
    ActivationError,
    Change,
    DestinationStoppedError,
    Estimate,
    Observed,
    Order,
    Outcome,
    ReadBack,
    Receipt,
    Segment,
)
from activation.destinations.tool_members import ToolMembers
from activation.policy import Policy
from common.redact import redact
from common.settings import Settings

if TYPE_CHECKING:
    import psycopg

_TABLE = """
create table if not exists siyu_segment_members (
    segment_code text not null, customer_id text not null, "values" json not null,
    plan_id text not null, synced_at timestamptz not null default now(),
    primary key (segment_code, customer_id))
"""
_PUT = """
insert into siyu_segment_members (segment_code, customer_id, "values", plan_id)
values (%s, %s, %s, %s)
on conflict (segment_code, customer_id)
do update set "values" = excluded."values", plan_id = excluded.plan_id, synced_at = now()
"""
_DROP = "delete from siyu_segment_members where segment_code = %s and customer_id = %s"
_LOOK = 'select customer_id, "values"::text from siyu_segment_members where segment_code = %s'


class PostgresqlTable(ToolMembers):
    """The destination ``postgresql_table``."""

    name = "postgresql_table"
    chunk_rows: int | None = 5_000

    def __init__(self, settings: Settings, policy: Policy) -> None:
        self._url = settings.segments_database_url
        self._kept: psycopg.Connection[Any] | None = None

    def estimate(self, rows: int) -> Estimate:
        """One transaction per 5,000 rows; no limits of anybody."""
        return Estimate(self.calls(rows), 0.0)

    def prepare(self, order: Order, counts: Mapping[Action, int]) -> None:
        """Connect and make the table where it is missing."""
        self._connection()

    def send(self, order: Order, changes: Sequence[Change]) -> Iterator[Receipt]:
        """Write the changes in one transaction; when its commit is not confirmed they are in doubt."""
        import psycopg

        receipt = Receipt("*", Outcome.SENT, "00000", "ok")
        committing = False
        try:
            with self._connection().cursor() as cursor:
                self._write(cursor, order, changes)
            committing = True
            self._connection().commit()
        except psycopg.Error as error:
            self._drop_connection()
            text = redact(str(error)).strip()[:200]
            lost = isinstance(error, psycopg.OperationalError)
            if lost and committing:
                receipt = Receipt("*", Outcome.IN_DOUBT, error.sqlstate, "unknown", text)
            elif lost:
                receipt = Receipt("*", Outcome.NOT_SENT, error.sqlstate, "retry_later", text)
            else:
                receipt = Receipt("*", Outcome.REFUSED, error.sqlstate, "needs_person", text)
        for each in changes:
            yield Receipt(each.row_key, receipt.outcome, receipt.code, receipt.code_class, receipt.message)

    def read_back(self, order: Order, changes: Sequence[Change]) -> dict[str, ReadBack]:
        """Look at the rows in the table."""
        there = self._look(order.segment)
        found = {}
        for each in changes:
            content = there.get(each.row_key)
            in_effect = content is None if each.action == Action.REMOVE else content == each.content
            found[each.row_key] = ReadBack.IN_EFFECT if in_effect else ReadBack.NOT_IN_EFFECT
        return found

    def observe(self, segment: Segment, ours: Sequence[Segment]) -> Observed | None:
        """Read all rows of the segment; rows of segments nobody planned are foreign."""
        rows = self._look(segment)
        with self._connection().cursor() as cursor:
            counted = cursor.execute(
                "select segment_code, count(*) from siyu_segment_members group by segment_code"
            ).fetchall()
        self._connection().rollback()
        declared = {each.code for each in ours}
        return Observed(rows, {code: count for code, count in sorted(counted) if code not in declared})

    def close(self) -> None:
        """Let go of the connection."""
        self._drop_connection()

    def _write(self, cursor: psycopg.Cursor[Any], order: Order, changes: Sequence[Change]) -> None:
        code = order.segment.code
        put = [
            (code, each.row_key, each.content, order.plan_id)
            for each in changes
            if each.action != Action.REMOVE
        ]
        gone = [(code, each.row_key) for each in changes if each.action == Action.REMOVE]
        if put:
            cursor.executemany(_PUT, put)
        if gone:
            cursor.executemany(_DROP, gone)

    def _look(self, segment: Segment) -> dict[str, str]:
        import psycopg

        try:
            with self._connection().cursor() as cursor:
                rows = cursor.execute(_LOOK, [segment.code]).fetchall()
            self._connection().rollback()
        except psycopg.Error as error:
            self._drop_connection()
            raise ActivationError(
                f"cannot read siyu_segment_members: {redact(str(error)).strip()[:200]}"
            ) from None
        return {
            key: json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":")) for key, text in rows
        }

    def _connection(self) -> psycopg.Connection[Any]:
        import psycopg

        if self._kept is not None and not self._kept.closed:
            return self._kept
        if self._url is None:
            raise DestinationStoppedError(
                "no database to write segments to: set SIYU_SEGMENTS_DATABASE_URL (postgresql://…)"
            )
        try:
            self._kept = psycopg.connect(self._url.get_secret_value(), connect_timeout=15)
            self._kept.execute(_TABLE)
            self._kept.commit()
        except psycopg.Error as error:
            raise DestinationStoppedError(
                f"cannot use SIYU_SEGMENTS_DATABASE_URL: {redact(str(error)).strip()[:200]}; nothing was sent"
            ) from None
        return self._kept

    def _drop_connection(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None
