{{ config(meta={'dagster': {'ref': {'name': 'fct_orders'}}}) }}

-- A returned row is an order that staging knows, up to as_of, and fct_orders does not hold exactly once, or one that
-- only fct_orders holds. Nothing is lost between the lake and the marts.
with staged as (

    select distinct orders.order_key
    from (
        {{ latest_version(ref('int_orders__unioned'), 'order_key', '_row_no desc') }}
    ) as orders
    cross join {{ ref('int_run__clock') }} as clock
    where orders.ordered_date <= clock.as_of

)

select
    coalesce(staged.order_key, orders.order_key) as order_key,
    count(orders.order_key) as times
from staged
full outer join {{ ref('fct_orders') }} as orders on orders.order_key = staged.order_key
group by 1
having count(orders.order_key) <> 1 or count(staged.order_key) = 0
