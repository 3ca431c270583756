{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}"
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

select
    customer_id,
    cohort_kind,
    cohort_date,
    channel_code,
    order_source,
    live_id,
    category,
    entrance_code,
    bait_code,
    userid,
    is_noise,
    cell_uid
from {{ ref('int_run__cohort_members') }}
