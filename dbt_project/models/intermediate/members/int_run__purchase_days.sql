{{ config(materialized='table') }}

-- Business days on which touched customers bought. What was refunded of an order is taken off on the order's day.
with refunds as (

    select
        order_key,
        {{ sum_fen('refund_fen') }} as refunded_fen
    from {{ ref('int_run__refunds') }}
    group by order_key

),

days as (

    select
        purchases.customer_id,
        purchases.ordered_date as purchase_date,
        purchases.purchase_no,
        cast(count(*) as bigint) as order_count,
        {{ sum_fen('purchases.amount_fen') }} as gross_fen,
        {{ sum_fen('purchases.amount_fen - coalesce(refunds.refunded_fen, 0)') }} as net_fen,
        max(case when purchases.order_of_day = 1 then purchases.channel_code end) as channel_code,
        max(case when purchases.order_of_day = 1 then categories.category end) as category
    from {{ ref('int_run__purchases') }} as purchases
    left join refunds on refunds.order_key = purchases.order_key
    left join {{ ref('int_run__main_categories') }} as categories
        on categories.order_key = case when purchases.is_first_or_second then purchases.order_key end
    group by purchases.customer_id, purchases.ordered_date, purchases.purchase_no

),

noise as (

    select distinct customer_id
    from {{ ref('customer_noise') }}
    where is_noise

)

select
    days.*,
    lag(days.purchase_date) over (partition by days.customer_id order by days.purchase_date) as previous_purchase_date,
    min(days.purchase_date) over (partition by days.customer_id) as first_purchase_date,
    noise.customer_id is not null as is_noise
from days
left join noise on noise.customer_id = days.customer_id
