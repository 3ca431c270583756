{{ config(materialized='table') }}

-- First in, first out, without walking: on each day on which points run out, whatever had been earned or granted to run
-- out by then and was not spent before is gone. The greatest such surplus so far is what has expired in all, and its
-- growth is what expires that day. A refund takes from what its own order earned.
with changes as (

    select
        customer_id,
        expiry_day as change_day,
        true as is_expiry,
        {{ sum_fen('points') }} as points
    from {{ ref('int_run__points_moves') }}
    where expiry_day is not null
    group by customer_id, expiry_day
    union all
    select
        customer_id,
        entry_day,
        false,
        {{ sum_fen('points') }}
    from {{ ref('int_run__points_moves') }}
    where entry_kind = 'spend'
    group by customer_id, entry_day

),

-- Points can be spent until the day before.
surplus as (

    select
        customer_id,
        change_day,
        is_expiry,
        sum(points) over (
            partition by customer_id order by change_day, case when is_expiry then 0 else 1 end
            rows between unbounded preceding and current row
        ) as surplus_points
    from changes

),

expired as (

    select
        customer_id,
        change_day,
        greatest(max(surplus_points) over (
            partition by customer_id order by change_day rows between unbounded preceding and current row
        ), 0) as expired_points
    from surplus
    where is_expiry

),

growth as (

    select
        customer_id,
        change_day as expiry_day,
        cast(
            expired_points - coalesce(lag(expired_points) over (partition by customer_id order by change_day), 0) as bigint
        ) as points
    from expired

)

select
    customer_id,
    expiry_day,
    points
from growth
where points > 0
