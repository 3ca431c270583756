{{ config(meta={'published_as': 'repurchase_paths'}) }}

with steps as (

    select
        firsts.is_noise,
        firsts.channel_code as first_channel_code,
        coalesce(firsts.category, 'none') as first_category,
        seconds.channel_code as second_channel_code,
        case when seconds.customer_id is not null then coalesce(seconds.category, 'none') end as second_category,
        {{ dbt.datediff('firsts.purchase_date', 'seconds.purchase_date', 'day') }} as days_between
    from {{ ref('int_members__purchase_days') }} as firsts
    left join {{ ref('int_members__purchase_days') }} as seconds
        on seconds.customer_id = firsts.customer_id and seconds.purchase_no = 2
    where firsts.purchase_no = 1

)

select
    first_channel_code,
    first_category,
    second_channel_code,
    second_category,
    {{ raw_and_clean('customer_count', 'true') }},
    cast(percentile_cont(0.5) within group (order by days_between) as double) as median_days
from steps
group by first_channel_code, first_category, second_channel_code, second_category
