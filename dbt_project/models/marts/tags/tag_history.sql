{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'tag_history'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

{{ verdict_changes('tag_', tag_definitions()) }}

select
    customer_id,
    code as tag_code,
    verdict as tag_value,
    {{ date_of_day_number('change_day') }} as valid_from,
    {{ date_of_day_number('next_change_day') }} as valid_to,
    rule_version
from intervals
where verdict is not null
