"""Who may be reached at this moment: quiet hours, caps of each customer, the month's allowance.

Asked three times with the same answers: for a plan, when it is applied (the plan is made anew and must be the same),
and in the very transaction that writes the intents, where nobody else can write.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from activation.contracts import ActivationError, Change
from activation.messages import record
from activation.messages.due import DUE
from activation.messages.policy import Cap, MessagesPolicy

QUIET, CAP, ALLOWANCE, REHEARSED = "quiet_hours", "cap", "allowance", "rehearsed"
_COUNTS = pa.schema([("customer_id", pa.string()), ("used", pa.int64())])
_MONTH = Cap(destinations=["any"], most=0)


class QuietHoursError(ActivationError):
    """It is too late or too early to reach anybody."""


@dataclass(frozen=True)
class Ration:
    """The rules that hold for one destination of one segment at one moment.

    ``segment_cap`` is (touches, days) and ``segment_members`` the most customers that the segment itself declares.
    """

    policy: MessagesPolicy
    zone: ZoneInfo
    destination: str
    segment_code: str
    now: dt.datetime
    segment_cap: tuple[int, int] | None = None
    segment_members: int | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether nobody may be reached now."""
        return self.policy.quiet_hours is not None and self.policy.quiet_hours.hold(self.now, self.zone)

    def refuse_quiet(self) -> None:
        """Raise QuietHoursError when nobody may be reached now."""
        if self.is_quiet and self.policy.quiet_hours is not None:
            until = self.policy.quiet_hours.until.isoformat("minutes")
            raise QuietHoursError(
                f"quiet hours until {until} ({self.zone.key}); nothing was sent, plan again after that"
            )

    def countings(self) -> list[record.Counting]:
        """Return what counts for each cap now."""
        found = [
            record.Counting.of(cap, cap.since(self.now, self.zone))
            for cap in self.policy.caps_of(self.destination)
        ]
        if self.segment_cap:
            most, days = self.segment_cap
            since = self.now - dt.timedelta(days=days)
            found.append(record.Counting((self.destination,), since, most, self.segment_code))
        return found

    def allowance(self, db: sa.Connection) -> int | None:
        """Return how many messages of the month's allowance are left; None without one."""
        most = self.policy.allowance_per_month.get(self.destination)
        if most is None:
            return None
        counting = record.Counting((self.destination,), _MONTH.since(self.now, self.zone), most)
        return max(most - record.total(db, counting), 0)

    def over(self, db: sa.Connection, changes: Sequence[Change]) -> dict[str, str]:
        """Return, by row key, why rows must not be sent now, of those that are about to be."""
        withheld: dict[str, str] = {}
        customers = sorted({each.customer_id for each in changes})
        for counting in self.countings():
            used = Counter(record.counted(db, counting, customers))
            for each in changes:
                used[each.customer_id] += 1
                if used[each.customer_id] > counting.most:
                    withheld[each.row_key] = CAP
        left = self.allowance(db)
        if left is not None:
            allowed = [each.row_key for each in changes if each.row_key not in withheld]
            withheld |= dict.fromkeys(allowed[left:], ALLOWANCE)
        return withheld


def withhold(db: duckdb.DuckDBPyConnection, book: sa.Connection, ration: Ration) -> None:
    """Hold what must not be sent now among the additions of the temporary table ``verdicts``.

    Of what is due to one customer the smallest priority goes first, also that of other segments that have yet to
    send theirs. Of the month's allowance the most valuable customers get theirs first.
    """
    _hold(db, REHEARSED, _ONLY_SHOWN.format(segment=ration.segment_code))
    if ration.is_quiet:
        db.execute(f"update verdicts set action = 'held', reason = '{QUIET}' where action = 'add'")  # noqa: S608
        return
    since = ration.now - dt.timedelta(days=ration.policy.late_days + 2)
    tried = record.touched_since(book, ration.destination, since)
    keys = [pa.array([row[place] for row in tried], pa.string()) for place in (0, 1)]
    db.register("tried_arrow", pa.table(keys, names=["segment_code", "row_key"]))
    db.execute("create or replace temp table tried as select * from tried_arrow")
    db.unregister("tried_arrow")
    db.execute(_WAITING_LIST.format(segment=ration.segment_code))
    for counting in ration.countings():
        used = record.counted(book, counting)
        rows = [{"customer_id": customer, "used": count} for customer, count in used.items()]
        db.register("used_arrow", pa.Table.from_pylist(rows, _COUNTS))
        db.execute("create or replace temp table used as select * from used_arrow")
        db.unregister("used_arrow")
        own = "" if counting.segment_code is None else f"where segment_code = '{counting.segment_code}'"
        _hold(db, CAP, _OVER_CAP.format(most=counting.most, own=own))
    left = ration.allowance(book)
    if left is not None:
        _hold(db, ALLOWANCE, _OVER_ALLOWANCE.format(most=left, own=""))
    if ration.segment_members is not None:
        ever = record.Counting(
            (ration.destination,), dt.datetime.min.replace(tzinfo=dt.UTC), 0, ration.segment_code
        )
        most = max(ration.segment_members - len(record.counted(book, ever)), 0)
        _hold(
            db,
            ALLOWANCE,
            _OVER_ALLOWANCE.format(most=most, own=f"where segment_code = '{ration.segment_code}'"),
        )


def _hold(db: duckdb.DuckDBPyConnection, reason: str, row_keys: str) -> None:
    db.execute(
        f"update verdicts set action = 'held', reason = '{reason}' "  # noqa: S608
        f"where action = 'add' and row_key in ({row_keys})"
    )
    if db.execute("select 1 from duckdb_tables() where table_name = 'waiting_list'").fetchone():
        db.execute(
            "delete from waiting_list where is_mine and row_key in "
            "(select row_key from verdicts where action = 'held')"
        )


_ONLY_SHOWN = f"select row_key from {DUE} where segment_code = '{{segment}}' and not is_live"  # noqa: S608

# What is to be sent by this plan, and what other segments owe the same customers and have not tried yet.
_WAITING_LIST = f"""
create or replace temp table waiting_list as
select due.*, true as is_mine
from {DUE} as due
inner join verdicts on verdicts.row_key = due.row_key
where due.segment_code = '{{segment}}' and verdicts.action = 'add'
union all
select due.*, false
from {DUE} as due
anti join tried on tried.segment_code = due.segment_code and tried.row_key = due.row_key
where due.segment_code <> '{{segment}}' and due.is_live
"""  # noqa: S608

_OVER_CAP = """
select placed.row_key
from (
    select *, row_number() over (
        partition by customer_id order by priority, due_date desc, segment_code, row_key
    ) as place
    from waiting_list {own}
) as placed
left join used on used.customer_id = placed.customer_id
where placed.is_mine and placed.place + coalesce(used.used, 0) > {most}
"""

_OVER_ALLOWANCE = """
select row_key
from (
    select *, row_number() over (order by value_fen desc, priority, segment_code, row_key) as place
    from waiting_list {own}
) as placed
where is_mine and place > {most}
"""
