{{ config(meta={'published_as': 'customer_rfm'}) }}

-- Two scorings, 5 is best. *_ntile cuts equal fifths, ties broken by whose first identifier was loaded earlier, then by
-- that identifier; *_tiesafe gives equals the same score (fifth of the cumulative distribution).
with sums as (

    select
        customer_id,
        {{ sum_fen('order_count') }} as frequency,
        cast(count(*) as bigint) as active_days,
        {{ sum_fen('net_fen') }} as monetary_fen,
        max(purchase_date) as last_date
    from {{ ref('int_members__purchase_days') }}
    group by customer_id

),

buyers as (

    select
        sums.customer_id,
        sums.frequency,
        sums.active_days,
        sums.monetary_fen,
        row_number() over (order by anchors.first_load_no, anchors.identifier_key) as tie_breaker,
        cast({{ dbt.datediff('sums.last_date', 'clock.as_of', 'day') }} as bigint) as recency_days
    from sums
    inner join {{ ref('dim_customers') }} as customers on customers.customer_id = sums.customer_id
    inner join {{ ref('int_identity__identifiers') }} as anchors on anchors.identifier_no = customers.customer_no
    cross join {{ ref('int_run__clock') }} as clock

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
