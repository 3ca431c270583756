{{ config(materialized='table') }}

-- What each order of a touched customer earned. The tier is that of the evening before: an order does not pay itself.
with earning as (

    select
        orders.customer_id,
        orders.order_key,
        {{ day_number('orders.ordered_date') }} as earned_day,
        orders.amount_fen,
        cast({{ points_percent('coalesce(stretches.tier_rank, 1)') }} as bigint) as earn_percent
    from {{ ref('int_run__orders') }} as orders
    left join {{ ref('int_run__tier_stretches') }} as stretches
        on
            stretches.customer_id = orders.customer_id
            and stretches.from_day < {{ day_number('orders.ordered_date') }}
            and coalesce(stretches.until_day, 99999999) >= {{ day_number('orders.ordered_date') }}
    where orders.is_valid

)

select
    customer_id,
    order_key,
    earned_day,
    cast({{ points_expiry_day('earned_day') }} as bigint) as expiry_day,
    amount_fen,
    earn_percent,
    cast({{ points_of('amount_fen', 'earn_percent') }} as bigint) as points
from earning
