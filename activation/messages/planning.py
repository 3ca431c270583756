"""What a plan of messages needs beyond that of a set: what is due, to whom, and who may be reached now."""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import pyarrow as pa

from activation.contracts import Segment
from activation.ledger import Ledger
from activation.messages.base import MessageDestination
from activation.messages.due import MEMBERS, make_due
from activation.messages.moment import present
from activation.messages.policy import MessagesPolicy
from activation.messages.ration import Ration, withhold
from activation.payloads import open_payload
from common.clock import business_date
from common.settings import Settings


class Touching:
    """The messages due at one destination of one segment, in an open warehouse."""

    def __init__(
        self,
        db: duckdb.DuckDBPyConnection,
        settings: Settings,
        policy: MessagesPolicy,
        destination: MessageDestination,
        segment_code: str,
    ) -> None:
        self._db, self._destination, self._segment_code = db, destination, segment_code
        self._policy, self._zone = policy, settings.zone
        self._now = present(settings)
        self.ration = Ration(policy, settings.zone, destination.name, segment_code, self._now)

    def open_payload(self, denied: pa.Array) -> Segment:
        """Create the relations to compare; raises as ``activation.payloads.open_payload``."""

        def narrow() -> None:
            """Who is due nothing is not held back from it; a group is held back for one of its people."""
            make_due(
                self._db,
                self._destination.sop,
                self._destination.name,
                self._destination.receivers,
                to_groups=self._destination.to_groups,
                today=business_date(self._now, self._zone),
                late_days=self._policy.late_days,
            )
            if self._destination.to_groups:
                self._db.execute(_GROUPS_OF_EXCLUDED)
            self._db.execute(
                "delete from excluded where customer_id not in ("  # noqa: S608
                f"select customer_id from {MEMBERS} where segment_code = '{self._segment_code}')"
            )

        segment = open_payload(
            self._db, self._segment_code, self._destination, denied, narrow=narrow, members=MEMBERS
        )
        self.ration = self._with_segment_caps()
        return segment

    def withhold_by(self, ledger: Ledger) -> Callable[[duckdb.DuckDBPyConnection], None]:
        """Return what holds the rows that must not be sent now; it reads the ledger."""

        def hold(db: duckdb.DuckDBPyConnection) -> None:
            with ledger.reading() as book:
                withhold(db, book, self.ration)

        return hold

    def _with_segment_caps(self) -> Ration:
        found = self._db.execute(
            "select most_members, most_touches, touch_window_days from marts.segments "  # noqa: S608
            f"where segment_code = '{self._segment_code}'"
        ).fetchone()
        members, touches, days = found or (None, None, None)
        return Ration(
            self._policy,
            self._zone,
            self._destination.name,
            self._segment_code,
            self._now,
            segment_cap=(int(touches), int(days)) if touches is not None and days is not None else None,
            segment_members=int(members) if members is not None else None,
        )


_GROUPS_OF_EXCLUDED = """
create or replace temp table excluded as
select customer_id, min(reason) as reason
from (
    select members.chat_id as customer_id, excluded.reason
    from marts.fct_group_memberships as members
    inner join excluded on excluded.customer_id = members.customer_id
    where members.is_member
    union all
    select members.chat_id, 'opted_out'
    from marts.fct_group_memberships as members
    inner join marts.bridge_customer_identities as identities on identities.customer_id = members.customer_id
    inner join denied on denied.identifier_key = identities.identifier_key
    where members.is_member
) as reasons
group by customer_id
"""
