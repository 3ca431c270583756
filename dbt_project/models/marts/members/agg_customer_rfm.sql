{{ config(meta={'published_as': 'customer_rfm'}) }}

-- Two scorings, 5 is best. *_ntile cuts equal fifths, ties broken by whose first identifier was loaded earlier, then by
-- that identifier; *_tiesafe gives equals the same score (fifth of the cumulative distribution).
with buyers as (

    select
        orders.customer_id,
        row_number() over (order by min(anchors.first_load_no), min(anchors.identifier_key)) as tie_breaker,
        cast(count(*) as bigint) as frequency,
        cast(count(distinct orders.ordered_date) as bigint) as active_days,
        {{ sum_fen('orders.net_fen') }} as monetary_fen,
        cast({{ dbt.datediff('max(orders.ordered_date)', 'max(clock.as_of)', 'day') }} as bigint) as recency_days
    from {{ ref('fct_orders') }} as orders
    inner join {{ ref('dim_customers') }} as customers on customers.customer_id = orders.customer_id
    inner join {{ ref('int_identity__identifiers') }} as anchors on anchors.identifier_no = customers.customer_no
    cross join {{ ref('int_run__clock') }} as clock
    where orders.is_valid
    group by orders.customer_id

)

select
    customer_id,
    frequency,
    active_days,
    monetary_fen,
    recency_days,
    cast(ntile(5) over (order by recency_days desc, tie_breaker asc) as bigint) as r_ntile,
    cast(ntile(5) over (order by frequency, tie_breaker) as bigint) as f_ntile,
    cast(ntile(5) over (order by monetary_fen, tie_breaker) as bigint) as m_ntile,
    cast(ceil(5 * cume_dist() over (order by recency_days desc)) as bigint) as r_tiesafe,
    cast(ceil(5 * cume_dist() over (order by frequency)) as bigint) as f_tiesafe,
    cast(ceil(5 * cume_dist() over (order by monetary_fen)) as bigint) as m_tiesafe
from buyers
