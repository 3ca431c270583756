"""A small published copy with everything the report page reads, hostile names among it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from common.warehouse import connect
from orchestration.publish import Manifest, TableEntry
from orchestration.published_database import DATABASE

AS_OF = "2026-03-31"
HOSTILE = (
    "<script>document.body.dataset.owned='1'</script><img src=x onerror=document.body.dataset.owned='1'>"
)

TABLES = {
    "orders": """
        select 'o' || n as order_key, 'c' || n % 40 as customer_id, n % 10 <> 0 as is_valid, 1000 + n as amount_fen,
            date '2026-03-31' - cast(n % 80 as integer) as ordered_date
        from range(800) as t(n)""",
    "refunds": """
        select 500 as refund_fen, date '2026-03-31' - cast(n as integer) as refunded_date from range(5) as t(n)""",
    "customers": """
        select 'c' || n as customer_id, date '2026-01-01' + cast(n as integer) as first_seen_date,
            date '2026-01-01' + cast(n as integer) as first_order_date
        from range(90) as t(n)""",
    "wecom_relations": "select date '2026-03-31' as added_date from range(3)",
    "group_memberships": "select null::date as joined_date where false",
    "segments": """
        select * from (values ('loyal', '忠实客户'), ('hostile', $hostile), ('nobody', '空人群'))
            as t(segment_code, name_zh)""",
    # Every day two come in; those of before March left on the 30th.
    "segment_history": """
        select 'c' || n as customer_id, 'loyal' as segment_code,
            date '2026-02-01' + cast(n // 2 as integer) as entered_date,
            case when n < 56 then date '2026-03-30' end as left_date
        from range(118) as t(n)
        union all
        select 'h' || n, 'hostile', date '2026-03-31', null from range(30) as t(n)""",
    "member_tiers": """
        select 'c' || n as customer_id, 1 + n % 3 as tier_rank, ['青铜', '白银', $hostile][1 + n % 3] as tier_name_zh
        from range(60) as t(n) where n % 3 < 2 or n < 20""",
    "tier_history": """
        select * from (values
            ('c1', 1, '青铜', date '2026-01-01', date '2026-03-31'), ('c1', 2, '白银', date '2026-03-31', null),
            ('c2', 1, '青铜', date '2026-01-01', date '2026-03-31'), ('c2', 2, '白银', date '2026-03-31', null),
            ('c3', 2, '白银', date '2026-01-01', date '2026-03-20'), ('c3', 1, '青铜', date '2026-03-20', null),
            ('c4', 2, '白银', date '2026-03-01', date '2026-03-25'), ('c4', 2, '白银', date '2026-03-25', null),
            ('c5', 1, '青铜', date '2026-03-30', null)
        ) as t(customer_id, tier_rank, tier_name_zh, valid_from, valid_to)""",
    # Beside the cohorts of first orders by month stand other kinds, units and splits.
    "cohort_retention": """
        with months(cohort_month, size) as (
            values (date '2026-01-01', 40), (date '2026-02-01', 20), (date '2026-03-01', 9)
        )
        select kind as cohort_kind, unit as period_unit, split as split_by, cohort_month,
            period as period_index, size as cohort_size,
            case when kind = 'first_order' and unit = 'month' and split = 'all' then size // (1 + period) else 1 end
                as active_customers
        from months, unnest(['first_order', 'first_contact']) as k(kind), unnest(['month', 'week']) as u(unit),
            unnest(['all', 'channel']) as s(split), range(3) as p(period)
        where cohort_month + to_months(cast(period as integer)) <= date '2026-03-31'""",
    "livestreams": """
        select 'live' || n as live_id, date '2026-03-31' - cast(n * 7 as integer) as started_date,
            timestamp '2026-03-31 12:00:00' - to_days(cast(n * 7 as integer)) as started_at, 3600 as duration_seconds,
            10000 as impression_uv, 2000 as watch_uv, 400 as product_click_uv, 20 as pay_uv, 90 as new_follow_uv,
            199900 as gmv_fen, 18 as attributed_order_count
        from range(6) as t(n)""",
    "quarantined_rows": """
        select 'store' as channel_code, 'orders' as stream, $hostile || n % 2 as reason from range(7) as t(n)""",
    "gate_verdicts": """
        select * from (values
            ('raw/store__orders', 'store/orders', 'passed', false, '9 checks passed on 40 rows', 40),
            ('raw/store__members', $hostile, 'failed', true, '1 critical: buyer_id: must not be null (3 rows)', 12),
            ('activation/act_file__segment_members', 'segment loyal', 'error', true, 'could not be judged', 0)
        ) as t(suite, subject, status, is_held, reason, row_count)
        cross join (select timestamptz '2026-04-01 02:00:00+00' as judged_at)""",
    "held_loads": """
        select 'ab12cd34' as held_key, 'store/members' as stream, 'file:m.csv' as source, 12 as row_count,
            'buyer_id: must not be null' as reason""",
    "sync_runs": """
        select *, timestamptz '2026-03-31 19:00:00+00' + to_minutes(n) as started_at, 2 as sent_count,
            0 as refused_count, null::varchar as reason
        from (values
            (1, 'r1', 'hostile', 'wecom_tags', 'hostile.wecom_tags.0', 'sent', 'live', 'sent', 9, 0, 0),
            (2, 'r2', 'hostile', 'wecom_tags', 'hostile.wecom_tags.1', 'sent', 'live', 'sent', 20, 0, 4),
            (3, 'p2', 'loyal', 'file_export', 'loyal.file_export.2', 'needs_approval', 'plan', 'needs_approval',
                62, 0, 0)
        ) as t(n, run_id, segment_code, destination, plan_id, plan_status, mode, status, add_count, change_count,
            remove_count)""",
    "destination_state": """
        select 'hostile' as segment_code, 'wecom_tags' as destination, 'k' || n as row_key
        from range(18) as t(n)""",
    # 900 treated and 100 held out of each; of the hostile segment far more are held out than were drawn.
    "segment_lift": """
        select segment_code, kind as arm_kind, arm as arm_code, drawn as drawn_ratio, metric as metric_code,
            cast(days as bigint) as within_days, date '2026-01-01' + cast(n as integer) as start_date,
            cast(members as bigint) as member_count,
            cast(case when metric = 'ordered' then ordered else ordered * 5000 end as bigint) as value_sum,
            cast(case when metric = 'ordered' then ordered else ordered * 25000000 end as double) as value_square_sum
        from (values
            ('loyal', 'assignment', 'treated', 0.9, 90, 30), ('loyal', 'assignment', 'holdout', 0.1, 10, 1),
            ('loyal', 'variant', 'a', 0.5, 45, 10), ('loyal', 'variant', 'b', 0.5, 45, 20),
            ('hostile', 'assignment', 'treated', 0.9, 80, 8), ('hostile', 'assignment', 'holdout', 0.1, 20, 2)
        ) as t(segment_code, kind, arm, drawn, members, ordered),
            range(10) as days_on(n), unnest([7, 30]) as d(days), unnest(['ordered', 'net_fen']) as m(metric)""",
    "sync_log": """
        select 'hostile' as segment_code, 'wecom_tags' as destination, 'k' || n as row_key,
            case when n < 20 then 'sent' when n < 24 then 'refused' when n < 26 then 'in_doubt' else 'not_sent' end
                as outcome,
            case when n >= 20 then 'rate_limited' else 'ok' end as code_class,
            timestamptz '2026-03-31 20:00:00+00' + to_hours(cast(n as integer)) as intent_at
        from range(30) as t(n)""",
}


def write_copy(
    folder: Path,
    *,
    as_of: str = AS_OF,
    without: Iterable[str] = (),
    empty: Iterable[str] = (),
    held: list[str] | None = None,
) -> Path:
    """Write a copy: ``without`` some tables, others ``empty``."""
    folder.mkdir(parents=True)
    entries = {}
    with connect(folder / DATABASE) as db:
        for name, query in TABLES.items():
            if name in without:
                continue
            given = {"hostile": HOSTILE} if "$hostile" in query else {}
            where = " where false" if name in empty else ""
            db.execute(f"create table {name} as select * from ({query}){where}", given)
            [(rows, digest)] = db.execute(
                f"select count(*), sum(hash(t))::varchar from {name} as t"
            ).fetchall()
            entries[name] = TableEntry(rows, "schema", str(digest))
    manifest = Manifest(folder.name, as_of, "L1", f"{as_of}T20:00:00+00:00", "1.5", held or [], entries)
    (folder / "manifest.json").write_text(json.dumps(asdict(manifest)))
    return folder
