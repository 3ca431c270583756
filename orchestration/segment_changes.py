"""Who entered and left each segment between the last published copy and this run, and why.

`segment_history` tells the past as it is known now. What changed because a rule changed, two customers turned out to be
one, or records came late, shows only between two copies: here.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from common.settings import Settings
from common.warehouse import reading

_NEEDED = ("segment_members", "segment_funnel")


def segment_changes(settings: Settings, held_segments: Iterable[str] = ()) -> pa.Table:
    """Return one row per segment and customer who is in one of the two and not in the other.

    ``reason`` is condition or excluded (time passed or she did something), rule_changed, segment_retired,
    identity (she merged into ``to_customer_id``, or came out of a merge) or corrected (records say otherwise of days
    already told). Held segments keep the members of the last copy: they change nothing. Empty on the first run.

    Raises:
        FileNotFoundError: there is no warehouse.
    """
    before = (settings.published_dir / "current").resolve()
    with reading(settings) as db:
        if all((before / f"{name}.parquet").exists() for name in _NEEDED):
            for name in _NEEDED:
                db.execute(f"create temp view before_{name} as {_select(before / f'{name}.parquet')}")
            since = _told_until(before)
        else:
            db.execute(
                "create temp view before_segment_members as select segment_code, customer_id from marts.segment_members"
            )
            db.execute("create temp view before_segment_funnel as from marts.segment_funnel")
            since = "9999-12-31"
        return db.execute(_CHANGES, {"since": since, "held": sorted(held_segments)}).to_arrow_table()


def _told_until(before: Path) -> str:
    from orchestration.publish import read_manifest

    manifest = read_manifest(before)
    return manifest.as_of if manifest else "9999-12-31"


def _select(path: Path) -> str:
    return f"from read_parquet('{str(path).replace(chr(39), chr(39) * 2)}')"


_CHANGES = """
with now_in as (
    select segment_code, customer_id, entered_date from marts.segment_members
),
moved as (
    select
        coalesce(now_in.segment_code, gone.segment_code) as segment_code,
        coalesce(now_in.customer_id, gone.customer_id) as customer_id,
        case when gone.customer_id is null then 'entered' else 'left' end as change,
        now_in.entered_date
    from now_in
    full outer join before_segment_members as gone
        on gone.segment_code = now_in.segment_code and gone.customer_id = now_in.customer_id
    where (now_in.customer_id is null) <> (gone.customer_id is null)
        and not list_contains($held::varchar[], coalesce(now_in.segment_code, gone.segment_code))
),
rules_now as (
    select segment_code, list(step_kind || step_text_zh order by step_no) as steps
    from marts.segment_funnel
    group by segment_code
),
rules_before as (
    select segment_code, list(step_kind || step_text_zh order by step_no) as steps
    from before_segment_funnel
    group by segment_code
),
last_stay as (
    select segment_code, customer_id, left_date, exit_reason, exit_step_no
    from marts.segment_history
    where left_date > $since::date
    qualify row_number() over (partition by segment_code, customer_id order by left_date desc) = 1
),
into_whom as (
    select from_customer_id, max_by(to_customer_id, (moved_date, to_customer_id)) as to_customer_id
    from marts.identity_moves
    group by from_customer_id
)
select
    moved.segment_code,
    moved.customer_id,
    moved.change,
    case
        when rules_now.steps is null then 'segment_retired'
        when customers.customer_id is null then 'identity'
        when rules_now.steps is distinct from rules_before.steps then 'rule_changed'
        when moved.change = 'entered' and moved.entered_date > $since::date then 'condition'
        when moved.change = 'left' and last_stay.exit_reason is not null then last_stay.exit_reason
        when into_her.to_customer_id is not null then 'identity'
        else 'corrected'
    end as reason,
    last_stay.exit_step_no,
    into_whom.to_customer_id
from moved
left join rules_now on rules_now.segment_code = moved.segment_code
left join rules_before on rules_before.segment_code = moved.segment_code
left join marts.dim_customers as customers on customers.customer_id = moved.customer_id
left join last_stay
    on last_stay.segment_code = moved.segment_code
        and last_stay.customer_id = moved.customer_id
        and moved.change = 'left'
left join into_whom on into_whom.from_customer_id = moved.customer_id and customers.customer_id is null
left join (
    select distinct to_customer_id from marts.identity_moves where moved_date > $since::date
) as into_her on into_her.to_customer_id = moved.customer_id
order by moved.segment_code, moved.customer_id
"""
