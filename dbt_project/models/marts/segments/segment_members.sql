{{ config(materialized='view', meta={'published_as': 'segment_members'}) }}

-- The holdout is drawn by a hash of segment and customer: the same people stay in it for good.
select
    history.segment_code,
    history.customer_id,
    history.entered_date,
    {{ hash_bucket("history.segment_code || '|' || history.customer_id") }} < case history.segment_code
        {%- for segment in segment_definitions() %}
        when '{{ segment.code }}' then {{ (segment.holdout_ratio * 10000) | int }}
        {%- endfor %}
    end as is_holdout,
    history.rule_version
from {{ ref('segment_history') }} as history
where history.left_date is null
