{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'orders'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

with refunds as (

    select
        order_key,
        {{ sum_fen('refund_fen') }} as refunded_fen
    from {{ ref('int_run__refunds') }}
    group by order_key

)

select
    -- ids
    orders.order_key,
    orders.order_id,
    orders.customer_id,
    orders.live_id,

    -- strings
    orders.channel_code,
    orders.order_source,
    orders.status,

    -- numerics
    orders.amount_fen,
    coalesce(refunds.refunded_fen, 0) as refunded_fen,
    orders.amount_fen - coalesce(refunds.refunded_fen, 0) as net_fen,
    orders.item_count,

    -- booleans
    orders.is_valid,
    orders.is_gift,

    -- dates
    orders.ordered_date,

    -- timestamps
    orders.ordered_at
from {{ ref('int_run__orders') }} as orders
left join refunds on refunds.order_key = orders.order_key
