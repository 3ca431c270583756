{#-
    Cohort = calendar month of a customer's first valid order. Observed but empty is 0; a month after as_of is absent.
    channel_code 'all' is everybody; any other value is the channel of the first order. `clean` leaves noise out.
-#}
{% macro cohort_retention_query(clean=false) %}
with orders as (

    select
        customer_id,
        cast(date_trunc('month', ordered_date) as date) as order_month,
        channel_code,
        ordered_date,
        ordered_at,
        order_key,
        net_fen
    from {{ ref('fct_orders') }}
    where
        is_valid
        {%- if clean %}
        and customer_id not in (select customer_id from {{ ref('customer_noise') }} where is_noise)
        {%- endif %}

),

firsts as (

    select
        customer_id,
        order_month as cohort_month,
        channel_code as first_channel_code
    from (
        select
            *,
            row_number() over (partition by customer_id order by ordered_date, ordered_at, order_key) as order_rank
        from orders
    ) as ranked
    where order_rank = 1

),

cohorts as (

    select cohort_month, 'all' as channel_code, customer_id from firsts
    union all
    select cohort_month, first_channel_code, customer_id from firsts

),

sizes as (

    select
        cohort_month,
        channel_code,
        cast(count(*) as bigint) as cohort_size
    from cohorts
    group by cohort_month, channel_code

),

months as (

    select distinct cast(date_trunc('month', {{ date_of_day_number('day_no') }}) as date) as month_start
    from (
        select clock.as_of_day - offsets.generated_number as day_no, clock.as_of_day
        from {{ ref('int_run__clock') }} as clock
        cross join ({{ integer_series(0, 'select max(as_of_day) - min(' ~ day_number('cohort_month') ~ ') from ' ~ ref('int_run__clock') ~ ' cross join firsts') }}) as offsets
    ) as days_back

),

active as (

    select
        cohorts.cohort_month,
        cohorts.channel_code,
        orders.order_month,
        cast(count(distinct orders.customer_id) as bigint) as active_customers,
        cast(count(*) as bigint) as order_count,
        {{ sum_fen('orders.net_fen') }} as net_fen
    from cohorts
    inner join orders on orders.customer_id = cohorts.customer_id
    group by cohorts.cohort_month, cohorts.channel_code, orders.order_month

)

select
    sizes.cohort_month,
    'month' as period_unit,
    cast({{ dbt.datediff('sizes.cohort_month', 'months.month_start', 'month') }} as bigint) as period_index,
    sizes.channel_code,
    sizes.cohort_size,
    coalesce(active.active_customers, 0) as active_customers,
    coalesce(active.order_count, 0) as order_count,
    coalesce(active.net_fen, 0) as net_fen
from sizes
inner join months on months.month_start >= sizes.cohort_month
left join active
    on
        active.cohort_month = sizes.cohort_month
        and active.channel_code = sizes.channel_code
        and active.order_month = months.month_start
{% endmacro %}
