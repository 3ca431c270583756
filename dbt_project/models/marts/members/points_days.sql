{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'points_days'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

with days as (

    select
        customer_id,
        entry_day
        {%- for kind in points_accounts() %},
        {{ sum_fen("case when entry_kind = '" ~ kind ~ "' then points else 0 end") }} as {{ kind }}_points
        {%- endfor %},
        {{ sum_fen('points') }} as moved_points
    from {{ ref('int_run__points_entries') }}
    group by customer_id, entry_day

)

select
    customer_id,
    {{ date_of_day_number('entry_day') }} as entry_date,
    cast(coalesce(sum(moved_points) over (
        partition by customer_id order by entry_day rows between unbounded preceding and 1 preceding
    ), 0) as bigint) as opening_points,
    {%- for kind in points_accounts() %}
    {{ kind }}_points,
    {%- endfor %}
    cast(sum(moved_points) over (
        partition by customer_id order by entry_day rows between unbounded preceding and current row
    ) as bigint) as closing_points
from days
