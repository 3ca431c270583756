{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}"
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

select
    customer_id,
    purchase_date,
    purchase_no,
    previous_purchase_date,
    first_purchase_date,
    order_count,
    gross_fen,
    net_fen,
    channel_code,
    category,
    is_noise
from {{ ref('int_run__purchase_days') }}
