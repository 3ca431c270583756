{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_scores() }}"
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}
-- depends_on: {{ ref('stg_siyu__prediction_models') }}

select *
from {{ ref('int_run__scores') }}
