{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'customer_attributes'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

select
    customer_id,
    attribute_code,
    attribute_value,
    source_code,
    value_rank = 1 as is_chosen,
    value_rank,
    record_count,
    {{ load_instant('last_load_id') }} as last_loaded_at
from {{ ref('int_run__attributes') }}
