{{ config(materialized='table') }}

-- The net spend that qualifies touched customers, on every day on which it can change: she enters, buys, is refunded, or
-- a day leaves the window.
with daily as (

    select
        customer_id,
        event_day,
        {{ sum_fen('net_fen') }} as net_fen
    from (
        select
            customer_id,
            {{ day_number('ordered_date') }} as event_day,
            amount_fen as net_fen
        from {{ ref('int_run__orders') }}
        where is_valid
        union all
        select
            customer_id,
            {{ day_number('refunded_date') }},
            -refund_fen
        from {{ ref('int_run__refunds') }}
    ) as moves
    group by customer_id, event_day

),

members as (

    select
        customers.customer_id,
        {{ day_number('customers.first_seen_date') }} as entered_day
    from {{ ref('dim_customers') }} as customers
    inner join {{ ref('int_run__touched_customers') }} as touched on touched.customer_id = customers.customer_id

),

change_points as (

    select customer_id, entered_day as change_day, cast(0 as bigint) as net_fen
    from members
    union all
    select customer_id, event_day, net_fen
    from daily
    union all
    select customer_id, {{ tier_window_exit('event_day') }}, cast(0 as bigint)
    from daily
    where {{ tier_window_exit('event_day') }} is not null

),

days as (

    select
        customer_id,
        change_day,
        {{ sum_fen('net_fen') }} as net_fen
    from change_points
    group by customer_id, change_day

),

summed as (

    select
        customer_id,
        change_day,
        cast(sum(net_fen) over ({{ tier_window_frame('customer_id', 'change_day') }}) as bigint) as spend_fen
    from days

),

ranked as (

    select
        customer_id,
        change_day,
        spend_fen,
        cast({{ tier_rank('spend_fen') }} as bigint) as qualified_rank,
        lead(change_day) over (partition by customer_id order by change_day) as next_change_day
    from summed

)

select
    customer_id,
    change_day,
    spend_fen,
    qualified_rank,
    next_change_day,
    -- Ranks begin at 1: whoever has just entered had none.
    qualified_rank <> lag(qualified_rank, 1, 0) over (partition by customer_id order by change_day) as is_rank_change
from ranked
