{{ config(meta={'published_as': 'repurchase_rates'}) }}

-- Only who has had the whole time counts: somebody who first bought ten days ago has not failed to buy again in thirty.
with firsts as (

    select
        customer_id,
        is_noise,
        purchase_date as first_date,
        cast({{ dbt.date_trunc('month', 'purchase_date') }} as date) as cohort_month
    from {{ ref('int_members__purchase_days') }}
    where purchase_no = 1

),

buyers as (

    select
        firsts.*,
        {{ dbt.datediff('firsts.first_date', 'clock.as_of', 'day') }} as days_since_first,
        {{ dbt.datediff('firsts.first_date', 'seconds.purchase_date', 'day') }} as days_to_second
    from firsts
    cross join {{ ref('int_run__clock') }} as clock
    left join {{ ref('int_members__purchase_days') }} as seconds
        on seconds.customer_id = firsts.customer_id and seconds.purchase_no = 2

),

counted as (
    {% for days in repurchase_days() %}
    {{ 'union all' if not loop.first }}
    select
        cohort_month,
        cast({{ days }} as bigint) as within_days,
        {{ raw_and_clean('customer_count', 'days_since_first >= ' ~ days) }},
        {{ raw_and_clean('repurchased_count', 'days_since_first >= ' ~ days ~ ' and days_to_second <= ' ~ days) }}
    from buyers
    group by cohort_month
    {%- endfor %}

),

with_all as (

    select * from counted
    union all
    select
        cast(null as date),
        within_days,
        {{ sum_fen('customer_count') }},
        {{ sum_fen('customer_count_clean') }},
        {{ sum_fen('repurchased_count') }},
        {{ sum_fen('repurchased_count_clean') }}
    from counted
    group by within_days

)

select
    cohort_month,
    within_days,
    customer_count,
    customer_count_clean,
    repurchased_count,
    repurchased_count_clean,
    case when customer_count > 0 then cast(repurchased_count as double) / customer_count end as repurchase_ratio,
    case when customer_count_clean > 0 then cast(repurchased_count_clean as double) / customer_count_clean end
        as repurchase_ratio_clean
from with_all
