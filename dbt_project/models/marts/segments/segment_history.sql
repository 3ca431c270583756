{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'segment_history'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

{{ segment_stays() }}

select
    stays.customer_id,
    stays.segment_code,
    {{ date_of_day_number('stays.change_day') }} as entered_date,
    {{ date_of_day_number('stays.left_day') }} as left_date,
    steps.step_kind as exit_reason,
    cast(stays.exit_step as integer) as exit_step_no,
    stays.rule_version
from stays
left join {{ ref('int_segments__steps') }} as steps
    on
        steps.segment_code = stays.segment_code
        and steps.rule_version = stays.exit_rule_version
        and steps.step_no = stays.exit_step
where stays.failed_step = 0
