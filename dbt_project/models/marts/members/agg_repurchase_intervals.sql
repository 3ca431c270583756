{{ config(meta={'published_as': 'repurchase_intervals'}) }}

with intervals as (

    select
        {{ dbt.datediff('previous_purchase_date', 'purchase_date', 'day') }} as interval_days,
        purchase_no,
        is_noise
    from {{ ref('int_members__purchase_days') }}
    where previous_purchase_date is not null

),

counted as (

    select
        cast(interval_days as bigint) as interval_days,
        {{ raw_and_clean('interval_count', 'true') }},
        {{ raw_and_clean('first_to_second_count', 'purchase_no = 2') }}
    from intervals
    group by interval_days

)

select
    interval_days,
    interval_count,
    interval_count_clean,
    first_to_second_count,
    first_to_second_count_clean,
    cast(sum(interval_count) over (order by interval_days) as double) / sum(interval_count) over () as cumulative_ratio
from counted
