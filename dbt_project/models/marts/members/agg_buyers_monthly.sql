{{ config(meta={'published_as': 'buyers_monthly'}) }}

-- Whoever first bought in the month is new all through it.
with purchases as (

    select
        customer_id,
        cast({{ dbt.date_trunc('month', 'purchase_date') }} as date) as order_month,
        cast({{ dbt.date_trunc('month', 'first_purchase_date') }} as date) as first_month,
        is_noise,
        {{ sum_fen('order_count') }} as order_count,
        {{ sum_fen('net_fen') }} as net_fen
    from {{ ref('int_members__purchase_days') }}
    group by
        customer_id, {{ dbt.date_trunc('month', 'purchase_date') }}, {{ dbt.date_trunc('month', 'first_purchase_date') }},
        is_noise

),

months as (

    select cast({{ dbt.dateadd('month', 'numbers.generated_number', 'bounds.first_month') }} as date) as order_month
    from (select min(first_month) as first_month from purchases) as bounds
    cross join ({{ integer_series(
        0, 'select max(' ~ dbt.datediff('purchases.first_month', 'clock.as_of', 'month') ~ ') from purchases cross join '
        ~ ref('int_run__clock') ~ ' as clock'
    ) }}) as numbers
    where bounds.first_month is not null

),

counted as (

    select
        order_month,
        {%- for group, condition in {'new': 'first_month = order_month', 'returning': 'first_month < order_month'}.items() %}
        {{ raw_and_clean(group ~ '_customer_count', condition) }},
        {{ raw_and_clean(group ~ '_order_count', condition, 'order_count') }},
        {{ raw_and_clean(group ~ '_net_fen', condition, 'net_fen') }}{{ ',' if not loop.last }}
        {%- endfor %}
    from purchases
    group by order_month

)

select
    months.order_month
    {%- for group in ('new', 'returning') %}
    {%- for measure in ('customer_count', 'order_count', 'net_fen') %}
    {%- set measured = group ~ '_' ~ measure %},
    coalesce(counted.{{ measured }}, 0) as {{ measured }},
    coalesce(counted.{{ measured }}_clean, 0) as {{ measured }}_clean
    {%- endfor %}
    {%- endfor %},
    case
        when counted.new_customer_count + counted.returning_customer_count > 0
            then
                cast(counted.returning_customer_count as double)
                / (counted.new_customer_count + counted.returning_customer_count)
    end as returning_customer_ratio
from months
left join counted on counted.order_month = months.order_month
