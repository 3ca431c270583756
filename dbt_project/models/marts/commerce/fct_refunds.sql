{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'refunds'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

select
    refund_key,
    order_key,
    customer_id,
    sku_id,
    refund_fen,
    sku_count,
    refunded_date,
    refunded_at
from {{ ref('int_run__refunds') }}
