{{ config(meta={'published_as': 'points_days_total'}) }}

with days as (

    select
        entry_date,
        {%- for kind in points_accounts() %}
        {{ sum_fen(kind ~ '_points') }} as {{ kind }}_points,
        {%- endfor %}
        {{ sum_fen('closing_points - opening_points') }} as moved_points,
        {{ sum_fen('case when closing_points < 0 and opening_points >= 0 then 1 else 0 end') }} as into_negative_count
    from {{ ref('points_days') }}
    group by entry_date

)

select
    entry_date,
    cast(coalesce(sum(moved_points) over (
        order by entry_date rows between unbounded preceding and 1 preceding
    ), 0) as bigint) as opening_points,
    {%- for kind in points_accounts() %}
    {{ kind }}_points,
    {%- endfor %}
    cast(sum(moved_points) over (
        order by entry_date rows between unbounded preceding and current row
    ) as bigint) as closing_points,
    into_negative_count
from days
