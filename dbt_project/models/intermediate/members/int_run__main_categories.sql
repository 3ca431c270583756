{{ config(materialized='table') }}

-- The category that most money of an order went to; only of the orders that somebody asks about.
select
    order_key,
    category
from (
    select
        order_lines.order_key,
        order_lines.category,
        row_number() over (
            partition by order_lines.order_key order by order_lines.amount_fen desc, order_lines.line_no asc
        ) as line_rank
    from {{ ref('fct_order_lines') }} as order_lines
    inner join {{ ref('int_run__purchases') }} as purchases on purchases.order_key = order_lines.order_key
    where (purchases.is_first_or_second or purchases.live_order_no = 1) and order_lines.category is not null
) as ranked
where line_rank = 1
