{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'order_lines'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

-- The lines of an order are replaced as a set: those of the newest load that brought any.
with lines as (

    select
        lines.*,
        orders.customer_id,
        dense_rank() over (partition by lines.order_key order by lines._load_id desc) as load_rank
    from {{ ref('int_orders__lines_unioned') }} as lines
    inner join {{ ref('int_run__orders') }} as orders on orders.order_key = lines.order_key

)

select
    -- ids
    order_key,
    line_no,
    customer_id,
    sku_id,

    -- strings
    product_name,
    category,

    -- numerics
    quantity,
    amount_fen,

    -- booleans
    is_zero_value,
    is_repeat
from lines
where load_rank = 1
