{{ config(materialized='table') }}

-- Valid orders of touched customers, numbered. Orders of one day are one purchase.
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
        row_number() over (partition by customer_id, ordered_date order by ordered_at, order_key) as order_of_day,
        case
            when live_id is not null then row_number() over (
                partition by customer_id, case when live_id is not null then 1 else 0 end
                order by ordered_date, ordered_at, order_key
            )
        end as live_order_no
    from {{ ref('int_run__orders') }}
    where is_valid

)

select
    ranked.*,
    order_of_day = 1 and purchase_no <= 2 as is_first_or_second
from ranked
