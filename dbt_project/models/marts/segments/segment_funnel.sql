{{ config(meta={'published_as': 'segment_funnel'}) }}

-- Who passes the first n steps: whoever is in, or fails a later one.
with places as (

    select
        steps.*,
        standings.customer_count,
        standings.customer_count_clean,
        substr(standings.standing, steps.segment_no, 1) as failed_character
    from {{ ref('int_segments__steps') }} as steps
    cross join {{ ref('int_segments__standing_counts') }} as standings
    where steps.is_in_force

),

kept as (

    select
        segment_code,
        step_no,
        {%- for clean in ('', '_clean') %}
        {{ sum_fen("case when failed_character = '0' or failed_character > step_character then customer_count" ~ clean ~ " end") }}
            as kept_count{{ clean }},
        {{ sum_fen("case when failed_character = '0' or failed_character >= step_character then customer_count" ~ clean ~ " end") }}
            as of_count{{ clean }}{{ ',' if not loop.last }}
        {%- endfor %}
    from places
    group by segment_code, step_no

)

select
    steps.segment_code,
    steps.step_no,
    steps.step_kind,
    steps.step_text_zh,
    coalesce(kept.of_count, 0) as of_count,
    coalesce(kept.kept_count, 0) as kept_count,
    case when kept.of_count > 0 then cast(kept.kept_count as double) / kept.of_count end as kept_ratio,
    coalesce(kept.of_count_clean, 0) as of_count_clean,
    coalesce(kept.kept_count_clean, 0) as kept_count_clean
from {{ ref('int_segments__steps') }} as steps
left join kept on kept.segment_code = steps.segment_code and kept.step_no = steps.step_no
where steps.is_in_force
