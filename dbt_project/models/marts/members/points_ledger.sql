{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ forget_touched_customers() }}", meta={'published_as': 'points_ledger'}
) }}
-- depends_on: {{ ref('int_run__touched_customers') }}

-- Double entry: what the member's account gains another account loses.
select
    entry_key,
    'member' as account_code,
    customer_id,
    {{ date_of_day_number('entry_day') }} as entry_date,
    entry_kind,
    points,
    order_key,
    refund_key,
    change_key,
    reason_code,
    {{ date_of_day_number('expiry_day') }} as expiry_date
from {{ ref('int_run__points_entries') }}
union all
select
    entry_key,
    case entry_kind
        {%- for kind, account in points_accounts().items() %}
        when '{{ kind }}' then '{{ account }}'
        {%- endfor %}
    end as account_code,
    customer_id,
    {{ date_of_day_number('entry_day') }} as entry_date,
    entry_kind,
    -points as points,
    order_key,
    refund_key,
    change_key,
    reason_code,
    {{ date_of_day_number('expiry_day') }} as expiry_date
from {{ ref('int_run__points_entries') }}
-- What a customer has stands together, and the published copy need not be sorted (15 M rows, 2026-11-22).
order by customer_id
