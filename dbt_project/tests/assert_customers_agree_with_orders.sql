{{ config(meta={'dagster': {'ref': {'name': 'dim_customers'}}}) }}

-- A returned row is a customer whose features disagree with her facts (two ways to the same figure).
with facts as (

    select
        orders.customer_id,
        count(*) as order_count,
        sum(orders.amount_fen) as amount_fen,
        sum(
            case when orders.ordered_date > {{ dbt.dateadd('day', -90, 'clock.as_of') }} then 1 else 0 end
        ) as orders_90d_count
    from {{ ref('fct_orders') }} as orders
    cross join {{ ref('int_run__clock') }} as clock
    where orders.is_valid
    group by orders.customer_id

),

refunds as (

    select
        customer_id,
        sum(refund_fen) as refund_fen
    from {{ ref('fct_refunds') }}
    group by customer_id

)

select
    customers.customer_id,
    customers.order_count,
    facts.order_count as order_count_of_facts
from {{ ref('dim_customers') }} as customers
left join facts on facts.customer_id = customers.customer_id
left join refunds on refunds.customer_id = customers.customer_id
where
    customers.order_count <> coalesce(facts.order_count, 0)
    or customers.orders_90d_count <> coalesce(facts.orders_90d_count, 0)
    or customers.net_fen <> coalesce(facts.amount_fen, 0) - coalesce(refunds.refund_fen, 0)
