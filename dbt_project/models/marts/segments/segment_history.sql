{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'segment_history'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

{{ verdict_changes('seg_', segment_definitions()) }}

select
    customer_id,
    code as segment_code,
    {{ date_of_day_number('change_day') }} as entered_date,
    {{ date_of_day_number('next_change_day') }} as left_date,
    rule_version
from intervals
where verdict
