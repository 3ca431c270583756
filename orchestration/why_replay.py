"""One customer's verdicts, computed anew from her published facts, and what they would be without some of these.

Each "what if" is a customer of her own: all of them go through the models of the run at once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from common.settings import Settings
from orchestration.publish import read_manifest
from orchestration.published_database import DATABASE
from orchestration.verdict_chain import VERDICTS, VerdictChain

TIMELINE = "int_run__timeline"
# What happened to her, by what tells two of them apart. Other published tables are conclusions.
KEYS = {
    "orders": ("order_key",), "refunds": ("refund_key",), "coupon_uses": ("coupon_use_key",),
    "points_changes": ("change_key",),
    "wecom_relations": ("userid", "external_userid"),
    "group_memberships": ("chat_id", "external_userid", "joined_at"), "official_followers": ("openid",),
    "personal_contacts": ("account_id", "contact_id"), "leads": ("lead_id",), "touches": ("touch_key",),
    "moment_interactions": ("interaction_key",), "events": ("event_key",), "staff_tags": ("staff_tag_key",),
    "customer_texts": ("text_key",),
}  # fmt: skip
_DATES = (
    "ordered_date", "refunded_date", "used_date", "added_date", "joined_date", "followed_date", "submitted_date",
    "sent_date", "interacted_date", "event_date", "put_date", "written_date", "changed_date",
)  # fmt: skip
_AMOUNTS = ("amount_fen", "refund_fen")


@dataclass(frozen=True)
class Fact:
    """One published row of hers. ``amount_fen`` is 0 where the row has none."""

    table: str
    row_no: int
    key: str
    day: dt.date
    order_key: str | None
    amount_fen: int

    @property
    def is_part(self) -> bool:
        """It stands in the row of its order (a refund that a file states), and cannot go without it."""
        return self.key.startswith("stated|")


Removed = frozenset[Fact]


class Replay:
    """Her facts in memory, and the models that judge them. ``customer_id`` must exist in the copy."""

    def __init__(
        self, db: duckdb.DuckDBPyConnection, chain: VerdictChain, customer_id: str, as_of: dt.date
    ) -> None:
        self._chain = chain
        self._as_of = as_of
        self._db = db
        self._columns = {name: _columns_of(db, public) for name, public in chain.facts.items()}
        self._filled = [name for name in chain.facts if self._fetch(name, customer_id)]
        self.facts = [fact for name in self._filled for fact in self._facts(name)]
        self.facts.sort(key=lambda fact: (fact.day, fact.table, fact.key), reverse=True)

    def judge(self, removals: Sequence[Removed]) -> list[dict[str, Any] | None]:
        """Return features and verdicts by column at the end of the day, once per set of removed facts.

        None where she would be nobody: nothing is left that makes a customer.
        """
        self._hypotheses(removals)
        for name, sql in self._chain.steps:
            self._db.execute(f'create or replace temp table "{name}" as {sql}')
        cursor = self._db.execute(_LAST_ROWS.format(timeline=TIMELINE, verdicts=VERDICTS))
        columns = [each[0] for each in cursor.description or []]
        found = {row[0]: dict(zip(columns, row, strict=True)) for row in cursor.fetchall()}
        return [found.get(f"h{number}") for number in range(len(removals))]

    def _fetch(self, name: str, customer_id: str) -> bool:
        """Fetch her rows of a mart; returns whether there are any. What is nobody's stays where it is."""
        public = self._chain.facts[name]
        if "customer_id" not in self._columns[name]:
            self._db.execute(_OF_ALL.format(name=name, public=public))
            return False
        order = ", ".join(each for each in KEYS.get(public, ()) if each in self._columns[name])
        self._db.execute(
            f'create or replace temp table "her {name}" as '  # noqa: S608 - our own names
            f"select row_number() over ({f'order by {order}' if order else ''}) as why_row, * "
            f'from copy."{public}" where customer_id = ?',
            [customer_id],
        )
        if self._db.execute(f'from "her {name}" limit 1').fetchone():
            return True
        self._db.execute(
            f'create or replace temp table "{name}" as select * exclude (why_row) from "her {name}"'  # noqa: S608
        )
        return False

    def _facts(self, name: str) -> list[Fact]:
        public, columns = self._chain.facts[name], self._columns[name]
        if public not in KEYS:
            return []
        day = next(each for each in _DATES if each in columns)
        amount = next((each for each in _AMOUNTS if each in columns), "0")
        order = "order_key" if "order_key" in columns else "null"
        key = " || '|' || ".join(f"cast({each} as varchar)" for each in KEYS[public] if each in columns)
        only = " and event_code = 'member_registered'" if public == "events" else ""
        rows = self._db.execute(
            f'select why_row, {key}, {day}, {order}, coalesce({amount}, 0) from "her {name}" '  # noqa: S608
            f"where {day} <= ?{only}",
            [self._as_of],
        ).fetchall()
        return [Fact(public, no, text, on, of, amount) for no, text, on, of, amount in rows]

    def _hypotheses(self, removals: Sequence[Removed]) -> None:
        db = self._db
        db.execute(
            "create or replace temp table hypotheses as "
            "select 'h' || n as customer_id from range(?) as numbers (n)",
            [len(removals)],
        )
        gone = [(f"h{number}", fact) for number, each in enumerate(removals) for fact in each]
        db.execute(
            _REMOVED,
            [
                [hypothesis for hypothesis, _ in gone],
                [fact.table for _, fact in gone],
                [fact.row_no for _, fact in gone],
                [fact.order_key if fact.table == "orders" else None for _, fact in gone],
            ],
        )
        for name in self._filled:
            # What speaks of an order goes with it.
            of_order = "removed.order_key = her.order_key" if "order_key" in self._columns[name] else "false"
            db.execute(_OF_HER.format(name=name, public=self._chain.facts[name], of_order=of_order))
        day = self._as_of
        db.execute(_GIVEN_CLOCK, [day, (day - dt.date(1970, 1, 1)).days])
        db.execute(_GIVEN_TOUCHED)
        db.execute(_GIVEN_PROFILES)
        db.execute(_GIVEN_REGISTER)


def dependents(facts: Iterable[Fact], removed: Iterable[Fact]) -> Removed:
    """Return the facts with what speaks of the same orders: a refund does not outlive its order."""
    gone = set(removed)
    orders = {fact.order_key for fact in gone if fact.table == "orders"}
    return frozenset(
        gone | {fact for fact in facts if fact.order_key is not None and fact.order_key in orders}
    )


def current_copy(settings: Settings) -> Path:
    """Return the folder of the current copy; a reader that wants several of its files stays in it.

    Raises:
        FileNotFoundError: nothing is published.
    """
    folder = (settings.published_dir / "current").resolve()
    if read_manifest(folder) is None:
        raise FileNotFoundError(f"nothing is published in {settings.published_dir}; run `siyu run` first")
    return folder


def attach(db: duckdb.DuckDBPyConnection, folder: Path) -> None:
    """Attach a published copy as ``copy``."""
    path = str(folder / DATABASE).replace("'", "''")
    db.execute(f"attach '{path}' as copy (read_only)")


def _columns_of(db: duckdb.DuckDBPyConnection, public: str) -> list[str]:
    return [row[0] for row in db.execute(f'describe copy."{public}"').fetchall()]


_OF_HER = """
create or replace temp table "{name}" as
select hypotheses.customer_id, her.* exclude (customer_id, why_row)
from "her {name}" as her
cross join hypotheses
where not exists (
    select 1 from removed
    where removed.hypothesis = hypotheses.customer_id
        and ((removed.public_name = '{public}' and removed.why_row = her.why_row) or {of_order})
)
"""
_REMOVED = """
create or replace temp table removed as
select
    unnest(?::varchar[]) as hypothesis, unnest(?::varchar[]) as public_name, unnest(?::bigint[]) as why_row,
    unnest(?::varchar[]) as order_key
"""
_OF_ALL = 'create or replace temp view "{name}" as from copy."{public}"'
_GIVEN_CLOCK = """
create or replace temp table int_run__clock as
select
    ?::date as as_of, ?::bigint as as_of_day, null::varchar as known_load_id, null::date as previous_as_of,
    '' as previous_load_id, 0::bigint as first_open_day, true as is_rebuild
"""
_GIVEN_TOUCHED = "create or replace temp table int_run__touched_customers as from hypotheses"
_GIVEN_PROFILES = """
create or replace temp table int_run__profiles as
select customer_id, name_masked, phone_masked, gender, birthday, birth_month, city, registered_date
from dim_customers
"""
_GIVEN_REGISTER = """
create or replace temp table int_run__register_entries as
select customer_id, channel_code, event_at as registered_at from fct_events where event_code = 'member_registered'
"""
_LAST_ROWS = """
select verdicts.customer_id as hypothesis, timeline.*, verdicts.* exclude (customer_id, change_day)
from "{timeline}" as timeline
inner join "{verdicts}" as verdicts using (customer_id, change_day)
where timeline.is_newest
"""
