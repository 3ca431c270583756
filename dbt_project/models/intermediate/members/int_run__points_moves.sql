{{ config(materialized='table') }}

-- What touched customers earned, were granted, lost again by refunds, and spent. What an order earned is taken back in
-- proportion to what was refunded of it, to the point: the difference between what is left of the amount would earn
-- before and after.
with refunded as (

    select
        lots.customer_id,
        lots.order_key,
        refunds.refund_key,
        lots.amount_fen,
        lots.earn_percent,
        lots.expiry_day,
        greatest({{ day_number('refunds.refunded_date') }}, lots.earned_day) as clawed_day,
        refunds.refund_fen,
        sum(refunds.refund_fen) over (
            partition by lots.order_key order by refunds.refunded_date, refunds.refund_key
            rows between unbounded preceding and current row
        ) as refunded_fen
    from {{ ref('int_run__points_lots') }} as lots
    inner join {{ ref('int_run__refunds') }} as refunds
        on refunds.order_key = lots.order_key and refunds.customer_id = lots.customer_id

),

clawed_back as (

    select
        customer_id,
        order_key,
        refund_key,
        clawed_day,
        expiry_day,
        cast(
            {{ points_of('least(amount_fen - refunded_fen, amount_fen)', 'earn_percent') }}
            - {{ points_of('least(amount_fen - refunded_fen + refund_fen, amount_fen)', 'earn_percent') }} as bigint
        ) as points
    from refunded
    where expiry_day is null or clawed_day < expiry_day

)

select
    'earn|' || order_key as entry_key,
    customer_id,
    'earn' as entry_kind,
    earned_day as entry_day,
    points,
    order_key,
    cast(null as varchar) as refund_key,
    cast(null as varchar) as change_key,
    cast(null as varchar) as reason_code,
    expiry_day
from {{ ref('int_run__points_lots') }}
where points <> 0
union all
select
    'claw_back|' || refund_key,
    customer_id,
    'claw_back',
    clawed_day,
    points,
    order_key,
    refund_key,
    cast(null as varchar),
    cast(null as varchar),
    expiry_day
from clawed_back
where points <> 0
union all
select
    'spend|' || order_key,
    customer_id,
    'spend',
    {{ day_number('ordered_date') }},
    -cast({{ integer_part(
        '(deduction_fen + ' ~ (points_rules().fen_per_point_spent - 1) ~ ')', points_rules().fen_per_point_spent
    ) }} as bigint),
    order_key,
    cast(null as varchar),
    cast(null as varchar),
    cast(null as varchar),
    cast(null as bigint)
from {{ ref('int_run__orders') }}
where is_valid and deduction_fen > 0
union all
select
    'change|' || changes.change_key,
    changes.customer_id,
    case when changes.points < 0 then 'spend' else 'grant' end,
    {{ day_number('changes.changed_date') }},
    changes.points,
    cast(null as varchar),
    cast(null as varchar),
    changes.change_key,
    changes.reason_code,
    cast(
        case when changes.points > 0 then {{ points_expiry_day(day_number('changes.changed_date')) }} end as bigint
    )
from {{ ref('fct_points_changes') }} as changes
inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = changes.customer_id
where changes.points <> 0
