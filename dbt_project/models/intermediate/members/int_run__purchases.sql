{{ config(materialized='table') }}

-- Valid orders of touched customers, numbered. Orders of one day are one purchase. All numbers come of one partition and
-- orders that begin alike, so that DuckDB sorts once (5 M orders: 13 s instead of 20, 2026-12-01).
with ranked as (

    select
        customer_id,
        order_key,
        channel_code,
        order_source,
        live_id,
        ordered_date,
        amount_fen,
        dense_rank() over (partition by customer_id order by ordered_date) as purchase_no,
        row_number() over (partition by customer_id order by ordered_date, ordered_at, order_key)
        - rank() over (partition by customer_id order by ordered_date) + 1 as order_of_day,
        case
            when live_id is not null then count(live_id) over (
                partition by customer_id order by ordered_date, ordered_at, order_key
                rows between unbounded preceding and current row
            )
        end as live_order_no
    from {{ ref('int_run__orders') }}
    where is_valid

)

select
    ranked.*,
    order_of_day = 1 and purchase_no <= 2 as is_first_or_second
from ranked
