{{ config(materialized='table') }}

-- All rules in one pass: 500 cost about what 5 do.
select
    customer_id,
    change_day
    {%- for tag in var('tags') %},
    {{ compile_tag(tag) }} as tag_{{ tag.code }}
    {%- endfor %}
    {%- for segment in var('segments') %},
    {{ compile_segment(segment) }} as seg_{{ segment.code }}
    {%- endfor %}
from {{ ref('int_run__timeline') }}
