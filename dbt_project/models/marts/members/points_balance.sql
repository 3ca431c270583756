{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'points_balance'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

with totals as (

    select
        customer_id
        {%- for kind in points_accounts() %},
        {{ sum_fen("case when entry_kind = '" ~ kind ~ "' then points else 0 end") }} as {{ kind }}_points
        {%- endfor %},
        {{ sum_fen('points') }} as balance_points
    from {{ ref('int_run__points_entries') }}
    group by customer_id

),

to_come as (

    select
        expiries.customer_id,
        expiries.expiry_day,
        expiries.points,
        row_number() over (partition by expiries.customer_id order by expiries.expiry_day) as expiry_rank
    from {{ ref('int_run__points_expiries') }} as expiries
    cross join {{ ref('int_run__clock') }} as clock
    where expiries.expiry_day > clock.as_of_day

)

select
    totals.customer_id,
    totals.balance_points,
    {%- for kind in points_accounts() %}
    totals.{{ kind }}_points,
    {%- endfor %}
    totals.balance_points < 0 as is_negative,
    {{ date_of_day_number('to_come.expiry_day') }} as next_expiry_date,
    to_come.points as next_expiry_points
from totals
left join to_come on to_come.customer_id = totals.customer_id and to_come.expiry_rank = 1
