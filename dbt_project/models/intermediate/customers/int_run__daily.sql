{{ config(materialized='table') }}

select
    customer_id,
    event_date,
    {{ day_number('event_date') }} as event_day,
    min(channel_code) as first_channel_code
    {%- for measure in feature_definitions().measures %},
    {{ sum_fen(measure.name) }} as {{ measure.name }}
    {%- endfor %}
from {{ ref('int_run__events') }}
group by customer_id, event_date
