{{ config(meta={'dagster': {'ref': {'name': 'fct_orders'}}}) }}

-- A returned row is an order whose net amount does not add up, or whose refunds disagree with fct_refunds.
select
    orders.order_key,
    orders.refunded_fen,
    sum(refunds.refund_fen) as refund_rows_fen
from {{ ref('fct_orders') }} as orders
left join {{ ref('fct_refunds') }} as refunds on refunds.order_key = orders.order_key
group by orders.order_key, orders.refunded_fen, orders.net_fen, orders.amount_fen
having
    orders.net_fen <> orders.amount_fen - orders.refunded_fen
    or orders.refunded_fen <> coalesce(sum(refunds.refund_fen), 0)
