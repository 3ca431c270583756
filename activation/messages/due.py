"""Who is due what now: the journeys laid over the segments' members, as relations in the open warehouse."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import duckdb
import pyarrow as pa

from activation.contracts import PayloadError
from activation.messages.content import DEFAULT, Content
from activation.messages.journeys import Journey, Sop
from activation.rows import BAR

DUE = "due_touches"
"""Temporary table: one row per message that is due now, of all segments of the destination."""
MEMBERS = "due_members"
"""Temporary table: one row per segment and customer (or group) that something is due to, reachable or not."""

_STEPS = pa.schema(
    [
        ("segment_code", pa.string()),
        ("journey_code", pa.string()),
        ("priority", pa.int64()),
        ("sender_choice", pa.string()),
        ("is_live", pa.bool_()),
        ("touch_code", pa.string()),
        ("content_code", pa.string()),
        ("day", pa.int64()),
        ("occasion", pa.date32()),
        ("step_no", pa.int64()),
        ("tag_count", pa.int64()),
    ]
)
_STEP_TAGS = pa.schema([("step_no", pa.int64()), ("tag_code", pa.string()), ("tag_value", pa.string())])
_WORDS = pa.schema([("content_code", pa.string()), ("variant_code", pa.string()), ("digest", pa.string())])


def make_due(
    db: duckdb.DuckDBPyConnection,
    sop: Sop,
    destination: str,
    receivers: str,
    *,
    to_groups: bool,
    today: dt.date,
    late_days: int,
) -> None:
    """Create ``due_touches`` and ``due_members`` of one destination.

    ``receivers`` is a query of segment_code, customer_id, receiver_id, sender, receiver, added_at and value_fen;
    of several receivers of one receiver_id the journey's choice of sender decides. Of what one journey owes one
    receiver now, only the newest is due.

    Raises:
        PayloadError: a content has variants that the segment's draw does not know, or the other way round.
    """
    journeys = sop.of(frozenset({destination}))
    _register(db, "steps", _steps(journeys, today, late_days), _STEPS)
    _register(db, "step_tags", _step_tags(journeys, today, late_days), _STEP_TAGS)
    _register(db, "words", _words(sop.content.values()), _WORDS)
    tags = _TAGGED if any(step.tags for journey in journeys for step in journey.steps) else ""
    whose = _GROUPS if to_groups else _PEOPLE
    db.execute(
        _OWED.format(
            whose=whose,
            tags=tags,
            today=today.isoformat(),
            first=(today - dt.timedelta(late_days)).isoformat(),
        )
    )
    db.execute(_DUE.format(receivers=receivers, bar=BAR))
    db.execute(
        f"create or replace temp table {MEMBERS} as "  # noqa: S608
        "select distinct segment_code, customer_id from owed"
    )
    _refuse_unspoken(db)


def _refuse_unspoken(db: duckdb.DuckDBPyConnection) -> None:
    found = db.execute(
        f"select content_code, segment_code, min(variant_code) from {DUE} where content_digest is null "  # noqa: S608
        "group by all order by all limit 1"
    ).fetchone()
    if found:
        content, segment, variant = found
        raise PayloadError(
            f"content {content!r} has variants, and none for {variant or 'no variant'!r} of segment {segment!r}; "
            "give the segment's variants and the content's the same codes"
        )


def _steps(journeys: list[Journey], today: dt.date, late_days: int) -> Iterable[dict[str, object]]:
    number = 0
    for journey in journeys:
        for touch in journey.touches(today, late_days):
            yield {
                "segment_code": journey.segment, "journey_code": journey.code, "priority": journey.priority,
                "sender_choice": journey.sender, "is_live": journey.mode == "live",
                "touch_code": touch.touch_code, "content_code": touch.content_code, "day": touch.day,
                "occasion": touch.occasion, "step_no": number, "tag_count": len(touch.tags),
            }  # fmt: skip
            number += 1


def _step_tags(journeys: list[Journey], today: dt.date, late_days: int) -> Iterable[dict[str, object]]:
    touches = [touch for journey in journeys for touch in journey.touches(today, late_days)]
    for number, touch in enumerate(touches):
        for code, values in touch.tags.items():
            yield from ({"step_no": number, "tag_code": code, "tag_value": value} for value in values)


def _words(contents: Iterable[Content]) -> Iterable[dict[str, object]]:
    for content in contents:
        for variant, words in content.spoken():
            yield {"content_code": content.code, "variant_code": variant or DEFAULT, "digest": words.digest}


def _register(
    db: duckdb.DuckDBPyConnection, name: str, rows: Iterable[dict[str, object]], schema: pa.Schema
) -> None:
    db.register(f"{name}_arrow", pa.Table.from_pylist(list(rows), schema))
    db.execute(f"create or replace temp table {name} as select * from {name}_arrow")  # noqa: S608
    db.unregister(f"{name}_arrow")


# Who is held out is owed too: that is how a plan can say that she gets nothing.
_PEOPLE = """
select segment_code, customer_id, entered_date, coalesce(variant_code, '') as variant_code
from marts.segment_members where is_holdout or is_treated
"""

_GROUPS = """
select segment_code, chat_id as customer_id, cast(null as date) as entered_date, '' as variant_code
from activation.act_wecom__group_receivers
"""

_TAGGED = """
and (steps.tag_count = 0 or steps.tag_count = (
    select count(distinct asked.tag_code)
    from step_tags as asked
    inner join marts.customer_tags as carried
        on carried.tag_code = asked.tag_code and carried.tag_value = asked.tag_value
    where asked.step_no = steps.step_no and carried.customer_id = whose.customer_id
))
"""

_OWED = """
create or replace temp table owed as
select
    steps.*, whose.customer_id, whose.variant_code,
    coalesce(steps.occasion, whose.entered_date) as since_date,
    coalesce(steps.occasion, whose.entered_date + cast(steps.day as integer)) as due_date
from ({whose}) as whose
inner join steps on steps.segment_code = whose.segment_code
where coalesce(steps.occasion, whose.entered_date + cast(steps.day as integer))
        between date '{first}' and date '{today}'
    and (whose.entered_date is null or steps.day is not null or whose.entered_date <= steps.occasion)
    {tags}
qualify row_number() over (
    partition by steps.segment_code, steps.journey_code, whose.customer_id order by due_date desc, steps.touch_code desc
) = 1
"""

_DUE = """
create or replace temp table due_touches as
with reached as (
    select
        owed.*, receivers.receiver_id, receivers.sender, receivers.receiver, receivers.value_fen,
        row_number() over (
            partition by owed.step_no, receivers.receiver_id
            order by
                case when owed.sender_choice = 'newest_relation' then receivers.added_at end desc nulls last,
                receivers.added_at, receivers.sender, receivers.receiver
        ) as choice
    from owed
    inner join ({receivers}) as receivers
        on receivers.segment_code = owed.segment_code and receivers.customer_id = owed.customer_id
),
varied as (select content_code, bool_or(variant_code <> '') as has_variants from words group by content_code)
select
    reached.segment_code, reached.customer_id, reached.touch_code,
    cast(reached.since_date as varchar) as occasion, reached.receiver_id, reached.sender, reached.receiver,
    reached.content_code, case when varied.has_variants then reached.variant_code else '' end as variant_code,
    words.digest as content_digest, coalesce(reached.value_fen, 0) as value_fen,
    reached.priority, reached.is_live, reached.due_date,
    reached.touch_code || '{bar}' || cast(reached.since_date as varchar) || '{bar}' || reached.receiver_id as row_key
from reached
inner join varied on varied.content_code = reached.content_code
left join words
    on words.content_code = reached.content_code
        and words.variant_code = case when varied.has_variants then reached.variant_code else '' end
where reached.choice = 1
"""
