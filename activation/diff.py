"""The row-level difference between what should be at a destination and what is known to be there, in SQL.

Ten million rows are compared by a hash of their key and one of their content; only rows that differ are looked
at again, by the key itself. So a collision of hashes costs a second look and never a wrong answer.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from activation.contracts import Action, Destination, PayloadError
from activation.known import STATE


@dataclass(frozen=True)
class Diff:
    """Counts of a diff, and where its rows are.

    ``path`` is Parquet: what is sent, then what is held, each in row key order. ``forget`` are refused rows
    that nobody asks for any more.
    """

    counts: Mapping[Action, int]
    held: dict[str, int]
    unchanged: int
    known: int
    members: int
    content_hash: str
    path: Path
    members_path: Path | None
    forget: list[str] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows that would be sent."""
        return sum(self.counts.values())


def compare(
    db: duckdb.DuckDBPyConnection,
    destination: Destination,
    *,
    known: int,
    now: dt.datetime,
    retry_ended_after_days: int,
    give_up_after_days: int,
    folder: Path,
    withhold: Callable[[duckdb.DuckDBPyConnection], None] | None = None,
) -> Diff:
    """Compare the relations ``desired``, ``members`` and ``excluded`` with ``known``; write the rows to ``folder``.

    An open intent is held until it is settled. A refusal is held when its row is hopeless and was asked
    lately, or when it was tried for too long; ``now`` decides that. Days are 24 hours. ``withhold`` may hold
    more of the temporary table ``verdicts`` (action, reason). Without ``removes`` a known row is left as it is.

    Raises:
        PayloadError: a key stands twice among the desired rows.
    """
    desired = _one(db, "select count(*) from desired")
    db.execute(_DIFFERING)
    _refuse_doubled(db, destination, desired, known)
    ended, tired = (
        now - dt.timedelta(days=retry_ended_after_days),
        now - dt.timedelta(days=give_up_after_days),
    )
    db.execute(_LOOKED_AT)
    db.execute(
        _VERDICTS.format(ended=ended.isoformat(), tired=tired.isoformat(), removes=destination.removes)
    )
    if withhold is not None:
        withhold(db)
    db.execute(_HELD_MEMBERS + ("" if _all_are_reached(db) else _NOT_REACHED))
    path = folder / "rows.parquet"
    db.execute(f"copy ({_ROWS}) to '{_text(path)}' (format parquet, compression zstd)")
    members_path = None
    if destination.needs_members:
        members_path = folder / "members.parquet"
        db.execute(f"copy ({_MEMBERS}) to '{_text(members_path)}' (format parquet, compression zstd)")
    counts = dict(db.execute("select action, count(*) from verdicts group by all").fetchall())
    sent = {each: int(counts.get(each.value, 0)) for each in (Action.ADD, Action.CHANGE, Action.REMOVE)}
    held_here = _one(db, "select count(*) from verdicts where action = 'held' and is_wanted")
    held = db.execute(
        "select reason, count(*) from (select reason from verdicts where action = 'held' "
        "union all select reason from held_members) as held group by reason order by reason"
    ).fetchall()
    forget = db.execute(_FORGET).fetchall()
    return Diff(
        counts=sent,
        held=dict(held),
        unchanged=desired - sent[Action.ADD] - sent[Action.CHANGE] - held_here,
        known=known,
        members=desired,
        content_hash=hash_rows(db, path),
        path=path,
        members_path=members_path,
        forget=[key for (key,) in forget],
    )


def hash_rows(db: duckdb.DuckDBPyConnection, path: Path) -> str:
    """Return the sha256 (hex) over the rows to send of a plan file, whatever their order in it."""
    row = db.execute(_HASH.format(path=_text(path))).fetchone()
    assert row is not None
    return str(row[0])


def _refuse_doubled(
    db: duckdb.DuckDBPyConnection, destination: Destination, desired: int, known: int
) -> None:
    """Keys that stand twice: known keys are unique, so there are more matches than matched known rows."""
    counted = db.execute(
        "select count(*) filter (where not is_there), count(*) filter (where not is_wanted) from differing"
    ).fetchone()
    assert counted is not None
    only_desired, only_known = counted
    matches, matched = desired - only_desired, known - only_known
    doubled_new = _one(db, "select count(*) - count(distinct h) from differing where not is_there")
    if matches == matched and not doubled_new:
        return
    found = db.execute(
        "select row_key from desired group by row_key having count(*) > 1 order by row_key"
    ).fetchall()
    if found:
        raise PayloadError(
            f"{destination.relation}: expected unique keys ({', '.join(destination.key_columns)}), "
            f"got {len(found)} more than once (first: {found[0][0]!r}); nothing was planned"
        )


def _all_are_reached(db: duckdb.DuckDBPyConnection) -> bool:
    """True when the desired rows are one for each member that may receive, which two sums tell.

    So it is with every destination but those that a customer can have several rows at. Looking for the members
    without a row is a join of them all.
    """
    row = db.execute(_REACHED).fetchone()
    assert row is not None
    return bool(row[0])


def _one(db: duckdb.DuckDBPyConnection, query: str) -> int:
    row = db.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def _text(path: Path) -> str:
    return str(path).replace("'", "''")


_DIFFERING = f"""
create or replace temp table differing as
select coalesce(desired.h, known.h) as h, desired.h is not null as is_wanted, known.h is not null as is_there
from (select hash(row_key) as h, hash(row_key, content) as v from desired) as desired
full join (select hash(row_key) as h, hash(row_key, content) as v from {STATE}) as known on known.h = desired.h
where desired.h is null or known.h is null or desired.v <> known.v
"""  # noqa: S608

_LOOKED_AT = f"""
create or replace temp table looked_at as
select h from differing union select hash(row_key) from open_intents;
create or replace temp table wanted_here as
select row_key, customer_id, content from desired semi join looked_at on looked_at.h = hash(desired.row_key);
create or replace temp table known_here as
select row_key, customer_id, content from {STATE} semi join looked_at on looked_at.h = hash({STATE}.row_key)
"""  # noqa: S608

# What is held says why; the first reason in this order is the one told.
_VERDICTS = """
create or replace temp table verdicts as
with pairs as (
    select
        coalesce(wanted.row_key, known.row_key) as row_key,
        coalesce(wanted.customer_id, known.customer_id) as customer_id,
        coalesce(wanted.content, known.content) as content,
        known.content as before,
        wanted.row_key is not null as is_wanted,
        known.row_key is not null as is_there
    from wanted_here as wanted
    full join known_here as known on known.row_key = wanted.row_key
),
judged as (
    select
        pairs.*,
        case
            when open_intents.outcome = 'waiting' then 'waiting_for_staff'
            when open_intents.row_key is not null then 'in_doubt'
            when refused.content <> pairs.content then null
            when refused.retry = 'never' and refused.last_at > timestamptz '{ended}' then refused.code_class
            when refused.retry <> 'never' and refused.first_at <= timestamptz '{tired}' then 'gave_up'
        end as reason
    from pairs
    left join open_intents on open_intents.row_key = pairs.row_key
    left join refused on refused.row_key = pairs.row_key
    where (pairs.is_wanted and (not pairs.is_there or (pairs.content <> pairs.before and {removes})))
        or (not pairs.is_wanted and {removes})
        or open_intents.row_key is not null
)
select
    case
        when reason is not null then 'held'
        when not is_wanted then 'remove'
        when not is_there then 'add'
        else 'change'
    end as action,
    row_key, customer_id, content, before, reason, is_wanted
from judged
"""

# Members that nothing may be sent to, and members that the destination cannot reach.
_HELD_MEMBERS = """
create or replace temp table held_members as
select customer_id, reason from excluded
"""

_NOT_REACHED = """
union all
select members.customer_id, 'no_relation' as reason
from members
anti join (select hash(customer_id) as h from desired) as reached on reached.h = hash(members.customer_id)
anti join excluded on excluded.customer_id = members.customer_id
"""

_REACHED = """
with members_of as (select count(*) as n, sum(hash(customer_id)::hugeint) as h from members),
excluded_of as (select count(*) as n, sum(hash(customer_id)::hugeint) as h from excluded),
desired_of as (select count(*) as n, sum(hash(customer_id)::hugeint) as h from desired)
select members_of.n = excluded_of.n + desired_of.n
    and coalesce(members_of.h, 0) = coalesce(excluded_of.h, 0) + coalesce(desired_of.h, 0)
from members_of, excluded_of, desired_of
"""

_ROWS = """
select * from (
select action, row_key, customer_id, content, before, reason from verdicts
union all
select 'held', customer_id, customer_id, null, null, reason from held_members
) as rows
order by action = 'held', row_key, reason
"""

_MEMBERS = "select row_key, content from desired order by row_key"

_HASH = """
with hashed as (
    select sha256(concat_ws(chr(31), action, row_key, customer_id, content, coalesce(before, chr(30)))) as h
    from read_parquet('{path}') where action <> 'held'
),
parts as (select substr(h, 1, 2) as part, sha256(string_agg(h, '' order by h)) as h from hashed group by part)
select sha256(coalesce(string_agg(h, '' order by part), '')) from parts
"""

_FORGET = """
select row_key from refused
where row_key not in (select row_key from wanted_here) and row_key not in (select row_key from known_here)
order by row_key
"""
